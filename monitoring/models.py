"""What monitoring keeps: samples of health, alerts, deliveries, reports. Written by the watch and tasks."""

from typing import Any

from django.db import models
from django.db.models import Q

from monitoring.alert_kinds import KINDS, AlertLevel


class HealthSample(models.Model):
    """Some seconds of looking, put together: the worst, the mean and the best of each figure.

    `figures` holds [least, mean, most] by name, `losses` the most points by code. `up_s` are the seconds in
    which feed, user stream and trader all worked, of the `seen_s` that were watched.
    """

    at = models.DateTimeField(help_text="Begin of the span")
    span_s = models.PositiveIntegerField(help_text="10 when new; 60 and 3600 once thinned")
    rounds = models.PositiveIntegerField()
    seen_s = models.FloatField()
    up_s = models.FloatField()
    score_min = models.PositiveSmallIntegerField()
    score_mean = models.FloatField()
    figures: "models.JSONField[Any, dict[str, list[float]]]" = models.JSONField(default=dict)
    losses: "models.JSONField[Any, dict[str, int]]" = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["span_s", "at"], name="one_sample_per_span")]
        indexes = [models.Index(fields=["at"], name="sample_at")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.score_min}"


class Alert(models.Model):
    """One thing that is not fine, from its opening to its end."""

    uid = models.CharField(max_length=32, unique=True)
    code = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True)
    level = models.CharField(max_length=10, choices=[(each.value, each.value) for each in AlertLevel])
    text = models.CharField(max_length=500)
    points = models.PositiveSmallIntegerField(help_text="Most points that health lost to it")
    times = models.PositiveIntegerField(default=1, help_text="How often it came and came back")
    cause = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="explained")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was so for the last time")
    resolved_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=300, blank=True)
    notified_at = models.DateTimeField(null=True, help_text="When the first channel had taken it")

    class Meta:
        permissions = [("acknowledge_alert", "Can acknowledge alerts")]
        constraints = [
            # Two watches that find the same: the second insert fails, and the first one's alert is followed.
            models.UniqueConstraint(
                fields=["code", "subject"], condition=Q(resolved_at__isnull=True), name="one_open_alert"
            ),
        ]
        indexes = [
            models.Index(fields=["-opened_at"], name="alert_newest"),
            models.Index(fields=["resolved_at"], name="alert_open"),
        ]

    def __str__(self) -> str:
        return f"{self.code}:{self.subject}" if self.subject else self.code

    @property
    def todo(self) -> str:
        """What to do about it."""
        kind = KINDS.get(self.code)
        return kind.todo if kind else "This version does not know the code; see the release notes."


class Delivery(models.Model):
    """One message to one channel: claimed by one node, tried until it is taken, sent once.

    A channel is named by its kind and a digest of its address; the address is a secret and not kept.
    """

    key = models.CharField(max_length=80, help_text="What is told; the same message has the same key")
    channel = models.CharField(max_length=40)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="deliveries")
    level = models.CharField(max_length=10)
    title = models.CharField(max_length=200)
    body = models.TextField()
    made_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["key", "channel"], name="one_delivery_per_channel")]
        indexes = [models.Index(fields=["sent_at", "given_up_at"], name="delivery_waiting")]

    def __str__(self) -> str:
        return f"{self.key} {self.channel}"


class Report(models.Model):
    """What an hour, a day or a week was like; made once, kept, sent."""

    KINDS = (("HOURLY", "Hourly"), ("DAILY", "Daily"), ("WEEKLY", "Weekly"))

    kind = models.CharField(max_length=10, choices=KINDS)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    made_at = models.DateTimeField()
    content: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "begins_at"], name="one_report_per_span")]
        indexes = [models.Index(fields=["-begins_at"], name="report_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.begins_at:%Y-%m-%d %H:%M}"


class WatchMark(models.Model):
    """The row that the watch writes to see whether the database takes writes; one per node."""

    node = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.node
