"""Trades: round trips from flat to flat. Written by services.submit and services.executions only.

The row caches what its fills imply (quantity, prices, PnL), written in the same transaction as the
fill; reconcile folds the fills again and compares.
"""

from django.db import models
from django.db.models import Q

from trading.domain.trades import OPEN_STATES, ExitReason, TradeState
from trading.models.fields import ExactDecimalField, FigureField
from trading.models.worker import Worker, WorkerVersion


class Trade(models.Model):
    """One round trip of one worker on one symbol."""

    key = models.CharField(max_length=16, unique=True)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="trades")
    version = models.ForeignKey(WorkerVersion, on_delete=models.PROTECT, related_name="trades")
    symbol = models.CharField(max_length=30)
    base_asset = models.CharField(max_length=20)
    quote_asset = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in TradeState])
    protection = models.CharField(max_length=12)

    candle_open_at = models.DateTimeField(help_text="The closed candle that was decided on")
    signal_arrived_at = models.DateTimeField(null=True, help_text="When the closing frame arrived here")
    decided_at = models.DateTimeField()
    decision_price = ExactDecimalField(help_text="Best ask at the decision")
    decision_reason = models.CharField(max_length=40)
    decision_age_ms = models.PositiveIntegerField(help_text="Age of the quote that was decided on")
    reserved_notional = FigureField(help_text="What the entry may bind at most")
    risk_score = models.PositiveSmallIntegerField(
        null=True, help_text="0 to 100 at the decision; empty = decided before there was one"
    )
    risk_points: "models.JSONField[dict[str, float], dict[str, float]]" = models.JSONField(
        default=dict, help_text="What the score is made of"
    )
    size_percent = models.PositiveSmallIntegerField(
        default=100, help_text="Of the configured size, what the risk score left"
    )

    take_profit_price = ExactDecimalField()
    stop_price = ExactDecimalField()
    opened_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="Sold at market from this moment on")
    closed_at = models.DateTimeField(null=True)
    exit_reason = models.CharField(
        max_length=20, blank=True, choices=[(r.value, r.value) for r in ExitReason]
    )

    qty = ExactDecimalField(default=0, help_text="Held now, after fees taken in the base asset")
    dust_qty = ExactDecimalField(default=0, help_text="Left over, too small to sell")
    missing_qty = ExactDecimalField(default=0, help_text="Taken from the account by others, never sold by us")
    avg_entry_price = FigureField(default=0)
    avg_exit_price = FigureField(default=0)
    entry_notional = FigureField(default=0)
    exit_notional = FigureField(default=0)
    fees = FigureField(null=True, default=0, help_text="All fees in the quote asset; empty = not known")
    realised_pnl = FigureField(null=True, help_text="After fees; empty = open or not known")
    exit_decision_price = ExactDecimalField(
        null=True, help_text="What the exit was decided at: best bid, or the price of the target or stop"
    )
    entry_slippage_bps = FigureField(
        null=True, help_text="Paid above the decision's price; empty = not bought"
    )
    exit_slippage_bps = FigureField(
        null=True, help_text="Received below the decision's price; empty = not known"
    )

    is_protected = models.BooleanField(default=False)
    unprotected_since = models.DateTimeField(null=True)
    unprotected_s = models.FloatField(default=0.0)

    class Meta:
        constraints = [
            # Two workers that want the same symbol: the second insert fails, whoever it is.
            models.UniqueConstraint(
                fields=["symbol"],
                # One that was bought late, beside the trade that took its place, is on its way out.
                condition=Q(state__in=[state.value for state in OPEN_STATES])
                & ~Q(exit_reason=ExitReason.LATE.value),
                name="one_open_trade_per_symbol",
            ),
            # Two deliveries of the same cycle: the second insert fails, also after the trade closed.
            models.UniqueConstraint(
                fields=["worker", "symbol", "candle_open_at"], name="one_trade_per_decision"
            ),
        ]
        indexes = [
            # selectors.trades.list_open: every turn and every watchdog round.
            # Not partial: SQLite does not use a partial index for values that are bound as parameters.
            models.Index(fields=["state"], name="trade_state"),
            # selectors.trades.last_closed and the dashboard's list of closed trades, newest first.
            models.Index(fields=["-closed_at"], name="trade_closed_at"),
            # Cooldown of a worker on a symbol.
            models.Index(fields=["worker", "symbol", "-closed_at"], name="trade_cooldown"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.key}"
