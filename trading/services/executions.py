"""Books what the venue says: order status, fills, balances, and what follows for the trade.

Called with every reply, stream event and query alike (trader, executions process, reconcile), so that
there is one way into the ledger. Safe to repeat and safe out of order: a fill counts once, a stale
status changes nothing. Never talks to the venue.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading import events
from trading.domain.executions import AssetBalance, ExecutionReport, Fill
from trading.domain.fees import worth
from trading.domain.orders import CLOSED, OrderStatus, next_status
from trading.domain.ports import MarketView
from trading.domain.values import ZERO
from trading.models import Balance, FillRow, Order, Trade
from trading.services import ledger
from trading.services.books import TradeBook, open_books

log = logging.getLogger(__name__)

NOT_FOUND = "NOT_FOUND"
NOT_SENT = "NOT_SENT"
# A fee is valued by a quote of its own time only: a fill may be told long after it happened.
FEE_QUOTE_AGE_S = 60.0


def apply_report(report: ExecutionReport, *, now: datetime, market: MarketView | None = None) -> bool:
    """Book one report, see apply_reports. Gives False when it says nothing new or is not about us."""
    return apply_reports([report], now=now, market=market) == 1


def apply_reports(
    reports: Sequence[ExecutionReport], *, now: datetime, market: MarketView | None = None
) -> int:
    """Book reports in the given order, in one transaction. Gives how many said something new.

    Locks trades by id, then balances by asset: every booking takes this order.

    Args:
        market: Where the price of a fee asset is looked up (fees in a third asset); without it such
            a fee is booked with an unknown value.

    Raises:
        ImpossibleTransition: The venue contradicts the order table; nothing is booked.
    """
    trade_ids = _trades_with_news(reports)
    if not trade_ids:
        return 0
    with transaction.atomic():
        books = open_books(trade_ids)
        orders = {order.client_order_id: order for book in books.values() for order in book.orders}
        new_fills: list[FillRow] = []
        told: dict[int, Order] = {}
        for report in reports:
            order = orders.get(report.client_order_id)
            if order is None:
                continue
            book = books[order.trade_id]
            fills = _book_fills(order, book, report.fills, market=market)
            if _book_status(order, report, now=now) or fills:
                book.conclude(at=report.reported_at, now=now)
                new_fills += fills
                told[order.pk] = order
        _save(books, told.values(), new_fills)
    return len(told)


def _trades_with_news(reports: Sequence[ExecutionReport]) -> set[int]:
    """Find the trades that the reports say something new about, before any lock is taken.

    What reply and stream both bring is dropped here mostly; what slips through is dropped under the lock.
    """
    orders = {
        order.client_order_id: order
        for order in Order.objects.filter(client_order_id__in={each.client_order_id for each in reports})
    }
    known = set(
        FillRow.objects.filter(
            order__in=orders.values(),
            venue_fill_id__in=[fill.venue_fill_id for each in reports for fill in each.fills],
        ).values_list("symbol", "venue_fill_id")
    )
    found = set()
    for report in reports:
        order = orders.get(report.client_order_id)
        if order is not None and (
            _is_news(order, report)
            or any((fill.symbol, fill.venue_fill_id) not in known for fill in report.fills)
        ):
            found.add(order.trade_id)
    return found


def _is_news(order: Order, report: ExecutionReport) -> bool:
    return order.status != report.status.value or _adds_facts(order, report)


def _adds_facts(order: Order, report: ExecutionReport) -> bool:
    return (
        order.venue_order_id is None
        or report.filled_qty > order.reported_qty
        or order.fills_missing
        or (order.left_at is None and report.request_left_at is not None)
    )


def _save(books: Mapping[int, TradeBook], orders: Iterable[Order], fills: list[FillRow]) -> None:
    FillRow.objects.bulk_create(fills)
    for order in orders:
        order.save()
        events.order_changed(order)
    for book in books.values():
        book.save()
    _move_ledger(books, fills)


def _book_status(order: Order, report: ExecutionReport, *, now: datetime) -> bool:
    current = OrderStatus(order.status)
    wrongly_expired = order.reason in (NOT_FOUND, NOT_SENT)
    status = next_status(current, report.status, not_found=wrongly_expired)
    if status is current and not _adds_facts(order, report):
        return False  # stale, or told before
    # Reports may come out of order: the largest cumulative figure is the one that counts.
    order.reported_qty = max(order.reported_qty, report.filled_qty)
    order.fills_missing = order.reported_qty > order.filled_qty
    order.left_at = order.left_at or report.request_left_at
    order.venue_order_id = report.venue_order_id
    if wrongly_expired:  # also by the word that it expired there: from now on that end is the venue's
        log.error("order.found_after_expiry", extra={"client_order_id": order.client_order_id})
        order.closed_at, order.reason = None, ""
    order.status = status.value
    order.reason = report.reason or order.reason
    order.reported_at = report.reported_at
    if status in CLOSED and order.closed_at is None:
        order.closed_at = now
    return True


def _book_fills(
    order: Order, book: TradeBook, fills: Sequence[Fill], *, market: MarketView | None
) -> list[FillRow]:
    known = {row.venue_fill_id for row in book.fills}
    rows = [
        FillRow(
            order=order,
            trade=book.trade,
            symbol=fill.symbol,
            venue_fill_id=fill.venue_fill_id,
            side=fill.side.value,
            price=fill.price,
            qty=fill.qty,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            fee_value=_fee_value(fill, book.trade, market),
            is_maker=fill.is_maker,
            filled_at=fill.filled_at,
        )
        for fill in fills
        if fill.venue_fill_id not in known
    ]
    for row in rows:
        order.filled_qty += row.qty
        order.filled_notional += row.qty * row.price
    book.fills += rows
    return rows


def _fee_value(fill: Fill, trade: Trade, market: MarketView | None) -> Decimal | None:
    """Value a fee in the quote asset; None where no quote of the time is at hand (reconcile asks later)."""
    if fill.fee == 0 or fill.fee_asset == trade.quote_asset:
        return fill.fee
    if fill.fee_asset == trade.base_asset:
        return fill.fee * fill.price
    if market is None:
        return None
    symbol = fill.fee_asset + trade.quote_asset
    quote = market.quotes([symbol]).get(symbol)
    if quote is None or not quote.is_sane or abs(quote.age_s(fill.filled_at)) > FEE_QUOTE_AGE_S:
        return None
    return worth(fill.fee, quote.mid)


def _move_ledger(books: Mapping[int, TradeBook], rows: Sequence[FillRow]) -> None:
    changes: dict[str, Decimal] = {}
    for row in rows:
        trade = books[row.trade_id].trade
        moved = ledger.changes_of(row, base_asset=trade.base_asset, quote_asset=trade.quote_asset)
        for asset, change in moved.items():
            changes[asset] = changes.get(asset, ZERO) + change
    if changes:
        ledger.move(changes, at=rows[-1].filled_at)


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
    was = {order.pk: order.status for order in orders}
    with transaction.atomic():
        books = open_books({order.trade_id for order in orders})
        # A claim locks orders without their trades: only the locked row tells who was first.
        now_is = dict(
            Order.objects.select_for_update().filter(pk__in=was).order_by("pk").values_list("pk", "status")
        )
        for book in books.values():
            for order in book.orders:
                order.status = now_is.get(order.pk, order.status)
                if was.get(order.pk) != order.status:
                    continue
                order.status, order.reason, order.closed_at = status.value, reason[:200], now
                order.save(update_fields=["status", "reason", "closed_at"])
                events.order_changed(order)
            book.conclude(at=now, now=now)
            book.save()
