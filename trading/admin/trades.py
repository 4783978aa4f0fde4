"""Round trips, newest first: what was bought why, how it was protected, what it brought. Read-only."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from trading.admin.base import LedgerAdmin, column, moment, number, signed
from trading.domain.trades import OPEN_STATES
from trading.models import Order, Trade

STATE_TONES = {"OPENING": "info", "OPEN": "success", "CLOSING": "warning", "ABORTED": "danger"}


class OrderInline(TabularInline):  # type: ignore[misc]  # comes without types
    """The orders of one trade."""

    model = Order
    fields = (
        "client_order_id",
        "role",
        "type",
        "status",
        "qty",
        "price",
        "stop_price",
        "filled_qty",
        "reason",
    )
    readonly_fields = fields
    ordering = ("created_at", "id")
    extra = 0
    can_delete = False
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Orders are recorded by services only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Orders are changed by reports of the venue only."""
        return False


def _bps(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


@admin.register(Trade)
class TradeAdmin(LedgerAdmin):
    """All trades with their orders."""

    export_kind = "trades"
    list_display = (
        "symbol",
        "shown_state",
        "worker",
        "pnl",
        "exit_reason",
        "slippage",
        "shown_qty",
        "protected",
        "opened",
        "closed",
    )
    list_filter = ("state", "exit_reason", "worker")
    list_filter_submit = True
    list_select_related = ("worker",)
    search_fields = ("symbol", "key")
    search_help_text = "Symbol or key"
    # The order in which they were recorded, which every index ends with: no filter makes the database sort.
    ordering = ("-id",)
    inlines = (OrderInline,)

    @column("State", ordering="state", label=STATE_TONES)
    def shown_state(self, trade: Trade) -> str:
        """Give the state."""
        return str(trade.state)

    @column("PnL after fees", ordering="realised_pnl")
    def pnl(self, trade: Trade) -> str:
        """Give the realised PnL; an open trade has none yet."""
        if trade.realised_pnl is None and trade.state in OPEN_STATES:
            return "open"
        return signed(trade.realised_pnl, trade.quote_asset)

    @column("Slippage in / out (bps)")
    def slippage(self, trade: Trade) -> str:
        """Give how much worse than decided it was bought and sold; better is negative."""
        return f"{_bps(trade.entry_slippage_bps)} / {_bps(trade.exit_slippage_bps)}"

    @column("Held")
    def shown_qty(self, trade: Trade) -> str:
        """Give what is held now."""
        lacks = f", {number(trade.missing_qty)} of it taken by others" if trade.missing_qty else ""
        return f"{number(trade.qty)} {trade.base_asset}{lacks}" if trade.qty else "–"

    @column("Protection", label={"unprotected": "danger", "protected": "success"})
    def protected(self, trade: Trade) -> str:
        """Say whether exits rest on the venue now."""
        if trade.state not in OPEN_STATES:
            return f"{trade.unprotected_s:.1f} s without"
        return "protected" if trade.is_protected else "unprotected"

    @column("Opened (UTC)", ordering="opened_at")
    def opened(self, trade: Trade) -> str:
        """Give the moment of the first fill."""
        return moment(trade.opened_at)

    @column("Closed (UTC)", ordering="closed_at")
    def closed(self, trade: Trade) -> str:
        """Give the moment when it was flat again."""
        return moment(trade.closed_at)
