"""Running the installation: configuration snapshots, incidents, stages of a rollout.

Written by services.snapshots, services.incidents and services.rollout only.
"""

from typing import Any

from django.db import models

from trading.models.fields import ExactDecimalField


class ConfigSnapshot(models.Model):
    """One configuration of everything, named by its digest: equal configurations are one row."""

    digest = models.CharField(max_length=64, unique=True)
    content: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField()
    made_at = models.DateTimeField(help_text="When it was first seen")
    stable_at = models.DateTimeField(null=True, help_text="When it had proven itself; empty = not yet")
    evidence: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)

    class Meta:
        permissions = [("roll_back", "Can roll the configuration back")]

    def __str__(self) -> str:
        return f"{self.pk} ({self.digest[:8]})"


class ConfigChange(models.Model):
    """One change from a configuration to another: who, when, why, and what differs."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60, help_text="Of the journal row written with it")
    subject = models.CharField(max_length=80)
    reason = models.CharField(max_length=300, blank=True)
    before = models.ForeignKey(ConfigSnapshot, on_delete=models.PROTECT, null=True, related_name="+")
    after = models.ForeignKey(ConfigSnapshot, on_delete=models.PROTECT, related_name="changes")
    differences: "models.JSONField[list[str], list[str]]" = models.JSONField(default=list)

    class Meta:
        verbose_name = "configuration change"
        indexes = [models.Index(fields=["-at"], name="config_change_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.subject}"


class Incident(models.Model):
    """Something that halted everything: cause, evidence of the minutes before, what was done, its end."""

    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)
    cause = models.CharField(max_length=300)
    evidence: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    actions: "models.JSONField[list[dict[str, Any]], list[dict[str, Any]]]" = models.JSONField(default=list)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True)
    finding = models.CharField(max_length=1000, blank=True, help_text="What it was, and what was changed")

    class Meta:
        indexes = [models.Index(fields=["-opened_at"], name="incident_newest")]
        constraints = [
            # Two judges that see the same fault at once: one incident.
            models.UniqueConstraint(
                fields=["cause"],
                condition=models.Q(closed_at__isnull=True),
                name="one_open_incident_per_cause",
            )
        ]

    def __str__(self) -> str:
        return f"{self.opened_at:%Y-%m-%d %H:%M} {self.cause}"


class RolloutStage(models.Model):
    """What one stage allows and what leaving it needs; rows replace domain.rollout.DEFAULT_STAGES."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)
    max_workers = models.PositiveIntegerField(
        null=True, blank=True, help_text="Workers that may hold trades at once; empty = no limit"
    )
    max_trade_notional = ExactDecimalField(
        null=True, blank=True, help_text="Of one trade, quote asset; empty = no limit"
    )
    min_hours = models.FloatField(help_text="Healthy hours before it may be left")
    min_health = models.PositiveSmallIntegerField(help_text="Least health in those hours, 0 to 100")

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Rollout(models.Model):
    """Where one subject stands: installation, strategy:NAME or version:ID. No row = the first stage."""

    subject = models.CharField(max_length=80, unique=True)
    stage = models.PositiveSmallIntegerField()
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)
    evidence: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    lacks: "models.JSONField[list[str], list[str]]" = models.JSONField(
        default=list, help_text="What leaving the stage still needs, as of the last look"
    )

    class Meta:
        permissions = [("override_rollout", "Can move a rollout without its evidence")]

    def __str__(self) -> str:
        return f"{self.subject}: stage {self.stage}"
