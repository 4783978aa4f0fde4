"""Orders with their fills, and the fills alone. Read-only: only reports of the venue change them."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from trading.admin.base import LedgerAdmin, column, moment, number
from trading.models import FillRow, Order

STATUS_TONES = {
    "FILLED": "success",
    "ACCEPTED": "info",
    "PENDING": "info",
    "PARTIALLY_FILLED": "info",
    "SUBMITTED": "warning",
    "REJECTED": "danger",
    "DENIED": "danger",
}


class FillInline(TabularInline):  # type: ignore[misc]  # comes without types
    """The fills of one order."""

    model = FillRow
    fields = ("venue_fill_id", "price", "qty", "fee", "fee_asset", "fee_value", "is_maker", "filled_at")
    readonly_fields = fields
    ordering = ("filled_at", "id")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Fills are the venue's word."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Fills never change."""
        return False


@admin.register(Order)
class OrderAdmin(LedgerAdmin):
    """All orders, newest first."""

    export_kind = "orders"
    list_display = (
        "symbol",
        "role",
        "shown_status",
        "type",
        "side",
        "shown_qty",
        "shown_price",
        "reason",
        "created",
    )
    list_filter = ("status", "role", "type")
    list_filter_submit = True
    search_fields = ("client_order_id", "symbol")
    search_help_text = "Symbol or our order id"
    ordering = ("-created_at", "-id")
    raw_id_fields = ("trade", "order_list")
    inlines = (FillInline,)

    @column("Status", ordering="status", label=STATUS_TONES)
    def shown_status(self, order: Order) -> str:
        """Give the status."""
        return str(order.status)

    @column("Filled of")
    def shown_qty(self, order: Order) -> str:
        """Give how much of the order is filled."""
        return f"{number(order.filled_qty)} of {number(order.qty)}"

    @column("Price")
    def shown_price(self, order: Order) -> str:
        """Give the limit, or the stop where there is no limit."""
        if order.price is None and order.stop_price is None:
            return "market"
        return number(order.price) if order.price is not None else f"stop {number(order.stop_price)}"

    @column("Created (UTC)", ordering="created_at")
    def created(self, order: Order) -> str:
        """Give the moment of the record."""
        return moment(order.created_at)


@admin.register(FillRow)
class FillAdmin(LedgerAdmin):
    """All fills, newest first."""

    export_kind = "fills"
    list_display = ("symbol", "side", "shown_price", "shown_qty", "shown_fee", "is_maker", "filled", "order")
    list_filter = ("side", "is_maker")
    list_filter_submit = True
    list_select_related = ("order",)
    search_fields = ("symbol", "order__client_order_id")
    search_help_text = "Symbol or our order id"
    ordering = ("-filled_at", "-id")
    raw_id_fields = ("trade", "order")

    @column("Price")
    def shown_price(self, fill: FillRow) -> str:
        """Give the price."""
        return number(fill.price)

    @column("Qty")
    def shown_qty(self, fill: FillRow) -> str:
        """Give the quantity."""
        return number(fill.qty)

    @column("Fee")
    def shown_fee(self, fill: FillRow) -> str:
        """Give the fee in the asset that it was taken in."""
        return f"{number(fill.fee)} {fill.fee_asset}"

    @column("Filled (UTC)", ordering="filled_at")
    def filled(self, fill: FillRow) -> str:
        """Give the venue's moment."""
        return moment(fill.filled_at)
