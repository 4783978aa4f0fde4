"""Books what the venue says: order status, fills, balances, and what follows for the trade.

Called with every reply, stream event and query alike (trader, executions process, reconcile), so that
there is one way into the ledger. Safe to repeat and safe out of order: a fill counts once, a stale
status changes nothing. Never talks to the venue.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading import events
from trading.domain.executions import AssetBalance, ExecutionReport, Fill
from trading.domain.orders import CLOSED, OrderStatus, Side, next_status
from trading.domain.ports import MarketView
from trading.domain.values import ZERO
from trading.models import Balance, FillRow, Order, Trade
from trading.services.conclusions import conclude

log = logging.getLogger(__name__)

NOT_FOUND = "NOT_FOUND"
NOT_SENT = "NOT_SENT"


def apply_report(report: ExecutionReport, *, now: datetime, market: MarketView | None = None) -> bool:
    """Book one report. Gives False when the order is not ours or the report says nothing new.

    Locks the trade first, then its order, then balances by asset: every booking takes this order, so
    two processes that book the same trade wait for each other instead of locking crosswise.

    Args:
        market: Where the price of a fee asset is looked up (fees in a third asset); without it such
            a fee is booked with an unknown value.

    Raises:
        ImpossibleTransition: The venue contradicts the order table; nothing is booked.
    """
    with transaction.atomic():
        trade = (
            Trade.objects.select_for_update().filter(orders__client_order_id=report.client_order_id).first()
        )
        if trade is None:
            return False
        order = Order.objects.get(client_order_id=report.client_order_id)
        new_fills = _book_fills(order, trade, report.fills, market=market)
        changed = _book_status(order, report, now=now) or bool(new_fills)
        if not changed:
            return False
        order.save()
        conclude(trade, at=report.reported_at, now=now)
        events.order_changed(order)
        events.trade_changed(trade)
    return True


def _book_status(order: Order, report: ExecutionReport, *, now: datetime) -> bool:
    current = OrderStatus(order.status)
    wrongly_expired = order.reason in (NOT_FOUND, NOT_SENT)
    status = next_status(current, report.status, not_found=wrongly_expired)
    # Reports may come out of order: the largest cumulative figure is the one that counts.
    order.reported_qty = max(order.reported_qty, report.filled_qty)
    missing = order.reported_qty > order.filled_qty
    is_new = order.venue_order_id is None
    if status is current and missing == order.fills_missing and not is_new:
        return False
    order.fills_missing = missing
    order.left_at = order.left_at or report.request_left_at
    order.venue_order_id = report.venue_order_id
    if wrongly_expired and status is not current:
        log.error("order.found_after_expiry", extra={"client_order_id": order.client_order_id})
        order.closed_at = None
    order.status = status.value
    order.reason = report.reason or ("" if wrongly_expired else order.reason)
    order.reported_at = report.reported_at
    if status in CLOSED and order.closed_at is None:
        order.closed_at = now
    return True


def _book_fills(
    order: Order, trade: Trade, fills: Sequence[Fill], *, market: MarketView | None
) -> list[FillRow]:
    known = set(
        FillRow.objects.filter(
            symbol=order.symbol, venue_fill_id__in=[fill.venue_fill_id for fill in fills]
        ).values_list("venue_fill_id", flat=True)
    )
    rows = [
        FillRow(
            order=order,
            trade=trade,
            symbol=fill.symbol,
            venue_fill_id=fill.venue_fill_id,
            side=fill.side.value,
            price=fill.price,
            qty=fill.qty,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            fee_value=_fee_value(fill, trade, market),
            is_maker=fill.is_maker,
            filled_at=fill.filled_at,
        )
        for fill in fills
        if fill.venue_fill_id not in known
    ]
    if not rows:
        return []
    FillRow.objects.bulk_create(rows)
    for row in rows:
        order.filled_qty += row.qty
        order.filled_notional += row.qty * row.price
    _move_ledger(trade, rows)
    return rows


def _fee_value(fill: Fill, trade: Trade, market: MarketView | None) -> Decimal | None:
    if fill.fee == 0 or fill.fee_asset == trade.quote_asset:
        return fill.fee
    if fill.fee_asset == trade.base_asset:
        return fill.fee * fill.price
    if market is None:
        return None
    symbol = fill.fee_asset + trade.quote_asset
    quote = market.quotes([symbol]).get(symbol)
    return fill.fee * quote.mid if quote is not None else None


def _move_ledger(trade: Trade, rows: Sequence[FillRow]) -> None:
    changes: dict[str, Decimal] = {}
    for row in rows:
        sign = 1 if row.side == Side.BUY.value else -1
        for asset, change in (
            (trade.base_asset, sign * row.qty),
            (trade.quote_asset, -sign * row.qty * row.price),
            (row.fee_asset, -row.fee),
        ):
            changes[asset] = changes.get(asset, ZERO) + change
    for asset in sorted(changes):
        balance, _ = Balance.objects.select_for_update().get_or_create(
            asset=asset, defaults={"updated_at": rows[-1].filled_at}
        )
        balance.ledger += changes[asset]
        balance.save(update_fields=["ledger"])


def apply_balances(balances: Sequence[AssetBalance], *, now: datetime) -> None:
    """Keep what the venue says about assets. The ledger's own figures are left alone.

    Assets are written in alphabetical order, as everywhere, so that two writers cannot lock crosswise.
    """
    with transaction.atomic():
        for each in sorted(balances, key=lambda balance: balance.asset):
            Balance.objects.filter(asset=each.asset).update(
                free=each.free, locked=each.locked, updated_at=now
            )


def expire_unsent(orders: Sequence[Order], *, reason: str, now: datetime, status: OrderStatus) -> None:
    """Close orders that certainly do not live at the venue, and conclude their trades.

    Compare-and-set on the status that was read: an order that moved meanwhile is left alone.
    """
    for order in orders:
        with transaction.atomic():
            trade = Trade.objects.select_for_update().get(pk=order.trade_id)
            closed = Order.objects.filter(pk=order.pk, status=order.status).update(
                status=status.value, reason=reason[:200], closed_at=now
            )
            if closed != 1:
                continue
            order.status, order.reason = status.value, reason[:200]
            conclude(trade, at=now, now=now)
            events.order_changed(order)
            events.trade_changed(trade)
