"""Workers and the versions of their configuration.

A version never changes once saved; a trade keeps the version that it was opened with. Written by
services.workers only.
"""

from typing import Any

from django.db import models

from trading.domain.risk_score import NO_RISK_LIMIT
from trading.domain.workers import WorkerState
from trading.models.fields import FigureField


class Worker(models.Model):
    """One strategy with parameters, universe, budget and exit policy."""

    name = models.CharField(max_length=60, unique=True)
    state = models.CharField(
        max_length=12,
        choices=[(state.value, state.value) for state in WorkerState],
        default=WorkerState.STOPPED.value,
    )
    version = models.ForeignKey(
        "trading.WorkerVersion", on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField()
    state_changed_at = models.DateTimeField()
    last_turn_at = models.DateTimeField(null=True, blank=True)
    is_deleted = models.BooleanField(default=False)

    class Meta:
        permissions = [("operate_worker", "Can start, stop, drain and flatten workers")]

    def __str__(self) -> str:
        return self.name


class WorkerVersion(models.Model):
    """One immutable configuration of a worker. Amounts in the quote asset, bps = 1/10,000."""

    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    strategy = models.CharField(max_length=40)
    parameters: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    interval = models.CharField(max_length=4)
    universe: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict)
    trade_notional = FigureField(help_text="Quote asset spent on one trade")
    budget = FigureField(help_text="Quote asset that all open trades of the worker may bind together")
    max_open_trades = models.PositiveIntegerField(default=5)
    take_profit_bps = models.PositiveIntegerField()
    stop_loss_bps = models.PositiveIntegerField()
    trailing_bps = models.PositiveIntegerField(default=0)
    max_hold_s = models.PositiveIntegerField()
    cooldown_s = models.PositiveIntegerField(default=0)
    max_spread_bps = models.PositiveIntegerField(default=10)
    max_slippage_bps = models.PositiveIntegerField(default=10)
    full_size_risk = models.PositiveSmallIntegerField(
        default=NO_RISK_LIMIT, help_text="Risk score, 0 to 100, up to which a trade has its whole size"
    )
    max_risk = models.PositiveSmallIntegerField(
        default=NO_RISK_LIMIT, help_text="Risk score, 0 to 100, beyond which nothing is entered"
    )
    model: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = models.JSONField(
        null=True, help_text="Numbers of the model that is asked at every signal; empty = none"
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "number"], name="version_once")]

    def __str__(self) -> str:
        return f"{self.worker.name} v{self.number}"
