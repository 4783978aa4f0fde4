"""Orders, order lists and fills. Fills are append-only and the truth about quantities.

Written by services.submit (record and send) and services.executions (book) only.
"""

from django.db import models

from trading.domain.orders import ListKind, OrderStatus, OrderType, Side, TimeInForce
from trading.domain.values import OrderRole
from trading.models.fields import ExactDecimalField, FigureField
from trading.models.trade import Trade

# As a value: of a bare column that is true or false SQLite uses no index, and reads every order ever made.
FILLS_MISSING = models.Q(fills_missing__in=(True,))


class OrderList(models.Model):
    """Orders that were sent as one request and that the venue ties together."""

    client_list_id = models.CharField(max_length=36, unique=True)
    trade = models.ForeignKey(Trade, on_delete=models.PROTECT, related_name="order_lists")
    kind = models.CharField(max_length=6, choices=[(k.value, k.value) for k in ListKind])
    venue_list_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.client_list_id


class Order(models.Model):
    """One order of ours, recorded before it is sent."""

    client_order_id = models.CharField(max_length=36, unique=True)
    trade = models.ForeignKey(Trade, on_delete=models.PROTECT, related_name="orders")
    order_list = models.ForeignKey(OrderList, on_delete=models.PROTECT, null=True, related_name="orders")
    symbol = models.CharField(max_length=30)
    role = models.CharField(max_length=12, choices=[(r.value, r.value) for r in OrderRole])
    side = models.CharField(max_length=4, choices=[(s.value, s.value) for s in Side])
    type = models.CharField(max_length=16, choices=[(t.value, t.value) for t in OrderType])
    time_in_force = models.CharField(
        max_length=3, blank=True, choices=[(t.value, t.value) for t in TimeInForce]
    )
    qty = ExactDecimalField(help_text="Base asset")
    price = ExactDecimalField(null=True)
    stop_price = ExactDecimalField(null=True)
    trailing_delta_bps = models.PositiveIntegerField(null=True)

    status = models.CharField(max_length=16, choices=[(s.value, s.value) for s in OrderStatus])
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was refused or expired")
    venue_order_id = models.BigIntegerField(null=True)
    filled_qty = ExactDecimalField(default=0, help_text="Sum of the fills that we hold")
    filled_notional = FigureField(default=0)
    reported_qty = ExactDecimalField(default=0, help_text="Largest filled quantity that the venue named")
    fills_missing = models.BooleanField(
        default=False, help_text="The venue filled more than we hold fills for"
    )

    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True, help_text="When the answered request left this machine")
    reported_at = models.DateTimeField(null=True, help_text="The venue's moment of the newest report")
    closed_at = models.DateTimeField(null=True)
    asked = models.PositiveSmallIntegerField(
        default=0, help_text="Questions to the venue about an unknown end"
    )
    ask_at = models.DateTimeField(null=True, help_text="Not asked again before this moment")

    class Meta:
        indexes = [
            # reconcile and the watchdog: everything whose end is not known yet. Not partial, see Trade.
            models.Index(fields=["status"], name="order_status"),
            # reconcile: orders whose fills must be asked for.
            models.Index(fields=["fills_missing"], name="order_fills_missing"),
            models.Index(fields=["-created_at"], name="order_newest"),
        ]

    def __str__(self) -> str:
        return self.client_order_id


class FillRow(models.Model):
    """One execution, booked once."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills")
    trade = models.ForeignKey(Trade, on_delete=models.PROTECT, related_name="fills")
    symbol = models.CharField(max_length=30)
    venue_fill_id = models.BigIntegerField()
    side = models.CharField(max_length=4, choices=[(s.value, s.value) for s in Side])
    price = ExactDecimalField()
    qty = ExactDecimalField()
    fee = ExactDecimalField()
    fee_asset = models.CharField(max_length=20)
    fee_value = FigureField(null=True, help_text="The fee in the quote asset; empty = not known")
    is_maker = models.BooleanField()
    filled_at = models.DateTimeField()

    class Meta:
        verbose_name = "fill"
        db_table = "trading_fill"
        constraints = [
            # The reply, the stream and reconcile all bring the same fill; it counts once.
            models.UniqueConstraint(fields=["symbol", "venue_fill_id"], name="fill_once"),
        ]
        indexes = [models.Index(fields=["-filled_at"], name="fill_newest")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.venue_fill_id}"
