"""Whether the account may trade at all, how much of it may be at risk, and what every reconcile found."""

from typing import Any

from django.db import models

from trading.domain.risk import TradingState
from trading.models.fields import ExactDecimalField


class TradingControl(models.Model):
    """Trading state of the whole account; a single row with id 1. Written by services.control only."""

    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in TradingState])
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="trading_control_is_single")]

    def __str__(self) -> str:
        return self.state


class AccountLimit(models.Model):
    """What all workers together may risk in one quote asset; empty = no limit. Written by services.limits."""

    quote_asset = models.CharField(max_length=20, primary_key=True)
    max_exposure = ExactDecimalField(null=True, blank=True, help_text="In all open trades, quote asset")
    max_symbol_exposure = ExactDecimalField(null=True, blank=True, help_text="In one symbol, quote asset")
    max_daily_loss = ExactDecimalField(
        null=True, blank=True, help_text="Realised loss since 00:00 UTC that stops new entries, quote asset"
    )
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    def __str__(self) -> str:
        return self.quote_asset


class ReconcileRun(models.Model):
    """One comparison of our ledger with the venue, kept as a sample. Written by services.reconcile only."""

    at = models.DateTimeField()
    reason = models.CharField(max_length=40)
    took_ms = models.PositiveIntegerField()
    resolved = models.PositiveIntegerField(help_text="Orders whose end was found out")
    fills_added = models.PositiveIntegerField(help_text="Fills that no stream had brought")
    unknown_orders = models.PositiveIntegerField()
    foreign_orders: "models.JSONField[list[Any], list[Any]]" = models.JSONField(default=list)
    differences: "models.JSONField[list[Any], list[Any]]" = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["-at"], name="reconcile_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.reason}"


class ExternalChange(models.Model):
    """A change of a balance that is not ours: deposit, withdrawal, somebody's order, an accepted difference.

    Booked into the ledger in the same transaction, once per `ref`; never counted into a trade.
    """

    KINDS = (("TRANSFER", "Deposit or withdrawal"), ("FILL", "Foreign order"), ("ACCEPTED", "Accepted"))

    ref = models.CharField(max_length=120, unique=True, help_text="What the venue calls it")
    kind = models.CharField(max_length=10, choices=KINDS)
    asset = models.CharField(max_length=20)
    amount = ExactDecimalField(help_text="Signed, in the asset")
    happened_at = models.DateTimeField()
    booked_at = models.DateTimeField()
    booked_by = models.CharField(max_length=150)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["-happened_at"], name="external_change_newest")]

    def __str__(self) -> str:
        return self.ref
