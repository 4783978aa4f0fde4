"""Facts per symbol and per asset: rules of the venue, blacklist, balances."""

from typing import Any

from django.db import models

from trading.models.fields import ExactDecimalField, FigureField


class InstrumentRow(models.Model):
    """Rules of one symbol as the venue last told them. Written by services.instruments only."""

    symbol = models.CharField(max_length=30, primary_key=True)
    base_asset = models.CharField(max_length=20)
    quote_asset = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    tick_size = ExactDecimalField()
    step_size = ExactDecimalField()
    min_qty = ExactDecimalField()
    max_qty = ExactDecimalField()
    market_max_qty = ExactDecimalField()
    min_notional = ExactDecimalField()
    order_types: "models.JSONField[list[str], list[str]]" = models.JSONField(default=list)
    oco_allowed = models.BooleanField()
    oto_allowed = models.BooleanField()
    opo_allowed = models.BooleanField()
    trailing_allowed = models.BooleanField()
    cancel_replace_allowed = models.BooleanField(default=False)
    maker_fee = ExactDecimalField(null=True, help_text="Part of what is received; empty = not asked yet")
    taker_fee = ExactDecimalField(null=True, help_text="Part of what is received; empty = not asked yet")
    discount_asset = models.CharField(
        max_length=20, blank=True, help_text="Asset that pays fees; empty = none"
    )
    fees_at = models.DateTimeField(null=True, help_text="When the fees were asked for")
    quote_volume_24h = FigureField(null=True, help_text="Quote asset; empty = not known")
    first_seen_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "instrument"
        db_table = "trading_instrument"

    def __str__(self) -> str:
        return self.symbol


class BlacklistEntry(models.Model):
    """A symbol barred from new entries, with why and until when. Written by services.blacklist."""

    symbol = models.CharField(max_length=30)
    reason = models.CharField(max_length=40, help_text="Code in capitals, say MANUAL or SPREAD_WIDE")
    note = models.CharField(max_length=300, blank=True)
    evidence: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty = until lifted")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    # What the bar kept from being made (trading.domain.missed), after fees and slippage.
    missed_trades = models.PositiveIntegerField(null=True, blank=True, help_text="Empty = not known")
    missed_open = models.PositiveIntegerField(default=0, help_text="Trades that would still be open")
    missed_pnl = FigureField(null=True, blank=True, help_text="Quote asset; empty = not known")
    missed_bps = models.FloatField(null=True, blank=True, help_text="Mean of a trade; empty = not known")
    missed_error_bps = models.FloatField(null=True, blank=True, help_text="Standard error of the mean")
    missed_until = models.DateTimeField(null=True, blank=True, help_text="Measured up to; empty = never")
    missed_note = models.CharField(max_length=200, blank=True, help_text="Why it is not known")

    class Meta:
        verbose_name_plural = "blacklist"
        constraints = [
            models.UniqueConstraint(
                fields=["symbol"],
                condition=models.Q(lifted_at__isnull=True),
                name="one_live_entry_per_symbol",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol}: {self.reason}"


class Balance(models.Model):
    """One asset of the account: what the venue last said, and what our ledger says.

    `ledger` starts as the venue's total at the first reconcile and moves with every fill and fee that
    is booked, in the same transaction. It must equal free + locked; reconcile reports a difference.
    """

    asset = models.CharField(max_length=20, primary_key=True)
    free = ExactDecimalField(default=0)
    locked = ExactDecimalField(default=0)
    ledger = ExactDecimalField(default=0)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.asset
