"""What learning keeps: how far each worker may be tuned, every challenge with its evidence, trained models.

Written by intelligence.tuning and `manage.py train` only. Loaded by every process, so nothing here imports
the analysis libraries.
"""

from __future__ import annotations

from typing import Any

from django.db import models


class TuningMode(models.TextChoices):
    """How far a worker's parameters may be moved."""

    OFF = "OFF", "off"
    ADVISE = "ADVISE", "advise"
    AUTOMATIC = "AUTOMATIC", "automatic"


class Tuning(models.Model):
    """The mode of one worker; a worker without a row is off."""

    worker = models.OneToOneField("trading.Worker", on_delete=models.CASCADE, related_name="tuning")
    mode = models.CharField(max_length=10, choices=TuningMode.choices, default=TuningMode.OFF)
    tried = models.PositiveIntegerField(default=0, help_text="Neighbours that were compared so far")
    challengers = models.PositiveIntegerField(default=0, help_text="Challengers so far; later ones need more")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="When neighbours were last compared")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="What the last review said")

    class Meta:
        verbose_name_plural = "tuning"

    def __str__(self) -> str:
        return f"{self.worker}: {self.mode}"


class ChallengeState(models.TextChoices):
    """Life of a challenge."""

    SHADOW = "SHADOW", "in shadow"
    ADVISED = "ADVISED", "proven, waits for the operator"
    PROMOTED = "PROMOTED", "has replaced the champion"
    DROPPED = "DROPPED", "proved nothing in time"
    OVERTAKEN = "OVERTAKEN", "the worker was changed meanwhile"
    RETURNED = "RETURNED", "was worse and went back"
    CONFIRMED = "CONFIRMED", "stays"


class Challenge(models.Model):
    """One parameter that is to move: both settings, and what was seen of them side by side."""

    worker = models.ForeignKey("trading.Worker", on_delete=models.CASCADE, related_name="challenges")
    state = models.CharField(max_length=10, choices=ChallengeState.choices)
    parameter = models.CharField(max_length=60)
    before: models.JSONField[dict[str, float], dict[str, float]] = models.JSONField(help_text="Champion")
    after: models.JSONField[dict[str, float], dict[str, float]] = models.JSONField(help_text="Challenger")
    number = models.PositiveIntegerField(help_text="Of the worker's challengers")
    tried = models.PositiveIntegerField()
    confidence = models.FloatField(help_text="Deflated Sharpe ratio of the proposal")
    evidence: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)
    begun_at = models.DateTimeField(help_text="Since when both are played side by side")
    judged_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["worker"],
                condition=models.Q(state__in=["SHADOW", "PROMOTED"]),
                name="one_live_challenge_per_worker",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parameter}: {self.before.get(self.parameter)} → {self.after.get(self.parameter)}"


class ModelVersion(models.Model):
    """One trained model of a strategy: the hash of its data, and what it was worth on unseen signals."""

    strategy = models.CharField(max_length=40)
    interval = models.CharField(max_length=4)
    digest = models.CharField(max_length=64, help_text="Hash of the examples it was trained on")
    is_proven = models.BooleanField(help_text="Passed the gate: lets through more, and gains at all")
    judgement: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    model: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(help_text="Its numbers")
    importances: models.JSONField[list[Any], list[Any]] = models.JSONField(default=list)
    parameters: models.JSONField[dict[str, float], dict[str, float]] = models.JSONField(
        default=dict, help_text="Of the strategy whose signals it judges"
    )
    reference: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, help_text="How the features of its examples were distributed"
    )
    signals = models.CharField(
        max_length=16, default="", help_text="Name of the signals and exits it learned from; empty = not kept"
    )
    trained_at = models.DateTimeField()
    drift: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, help_text="What the last look at recent signals found"
    )
    watched_at = models.DateTimeField(null=True, help_text="When that was; empty = never")
    drifted_at = models.DateTimeField(null=True, help_text="Since when it is not listened to; empty = it is")

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "interval", "digest"], name="one_model_of_equal_examples"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} {self.interval} {self.digest[:8]}"


class RunKind(models.TextChoices):
    """Where the trades of a run come from."""

    BACKTEST = "BACKTEST", "back-test"
    FILE = "FILE", "trades of another installation"


class RunState(models.TextChoices):
    """Whether a run can be looked at."""

    WAITING = "WAITING", "under way"
    KEPT = "KEPT", "kept"
    FAILED = "FAILED", "failed"


class Run(models.Model):
    """Trades that one worker did not make here: tested on candles, or made elsewhere, say on paper."""

    kind = models.CharField(max_length=10, choices=RunKind.choices)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.WAITING)
    worker = models.ForeignKey("trading.Worker", on_delete=models.CASCADE, related_name="runs")
    label = models.CharField(max_length=60, help_text="What it is called on the compare page")
    begins_on = models.DateField(help_text="First day (UTC)")
    ends_on = models.DateField(help_text="Last day (UTC), included")
    trades = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.worker}, {self.label}"


class RunDay(models.Model):
    """What the trades of a run that closed on one day come to, by quote asset."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    quote_asset = models.CharField(max_length=20)
    sums: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(help_text="Of a Tally")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "day", "quote_asset"], name="one_sum_per_day_of_a_run")
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.day}"
