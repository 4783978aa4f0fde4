"""Gives up a position: cancels its protection, then sells what is left at market.

Called for time exits, drains, flatten, supervised targets, and by the watchdog for what cannot be
protected. Every step can be repeated: a trade that is CLOSING is continued by the next call, whoever
makes it. Never sells what the protection sold meanwhile: the cancel's answer decides.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet

from trading import events
from trading.domain.entries import plan_market_exit
from trading.domain.executions import ExecutionReport
from trading.domain.orders import UNRESOLVED, OrderStatus
from trading.domain.ports import OrderNotFound, Venue, VenueError
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.models import Order, Trade
from trading.selectors.instruments import get_instrument
from trading.services.books import open_books
from trading.services.conclusions import held_price
from trading.services.context import Desk
from trading.services.executions import apply_reports
from trading.services.resolve import resolve_order
from trading.services.submit import record, submit

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
_REFUSED = [OrderStatus.REJECTED.value, OrderStatus.EXPIRED.value]
LONGEST_PAUSE_S = 60.0


def exit_trade(trade_id: int, reason: ExitReason, *, desk: Desk) -> bool:
    """Leave a trade now. Tells whether it is flat afterwards; if not, call again.

    A symbol that the venue has halted keeps its protection, and the call changes nothing.

    The reason is kept from the first call on. An unknown outcome ends the call: the order stays
    SUBMITTED, reconcile resolves it, and only then is another exit recorded.
    """
    if not _is_sold_now(trade_id):
        return False
    if not _mark_closing(trade_id, reason, now=desk.clock()):
        return True
    if not _cancel_orders(trade_id, desk=desk):
        return False
    trade = Trade.objects.get(pk=trade_id)
    if TradeState(trade.state) is not TradeState.CLOSING:
        return True
    _sell(trade, desk=desk)
    trade.refresh_from_db()
    return TradeState(trade.state) is TradeState.CLOSED


def _is_sold_now(trade_id: int) -> bool:
    """Tell whether the venue takes orders of the symbol; otherwise its protection is better left alone."""
    return get_instrument(Trade.objects.values_list("symbol", flat=True).get(pk=trade_id)).is_trading


def _mark_closing(trade_id: int, reason: ExitReason, *, now: datetime) -> bool:
    """Compare-and-set OPEN → CLOSING; a trade that is CLOSING already is continued."""
    with transaction.atomic():
        trade = Trade.objects.select_for_update().get(pk=trade_id)
        if TradeState(trade.state) is TradeState.CLOSING:
            return True
        if TradeState(trade.state) is not TradeState.OPEN:
            return False
        trade.state, trade.exit_reason = TradeState.CLOSING.value, reason.value
        trade.save(update_fields=["state", "exit_reason"])
        events.trade_changed(trade)
    return True


def _cancel_orders(trade_id: int, *, desk: Desk) -> bool:
    """Take the trade's orders off the book and learn how each ended. False = not known yet."""
    open_orders = list(
        Order.objects.filter(trade_id=trade_id, status__in=_UNRESOLVED).select_related("order_list")
    )
    if not open_orders:
        return True
    for order in _one_per_list(open_orders):
        try:
            apply_reports(cancel(order, desk.venue), now=desk.clock(), market=desk.market)
        except OrderNotFound:
            log.info("order.not_open", extra={"client_order_id": order.client_order_id})
        except VenueError as error:
            log.warning("order.cancel_failed: %s", error, extra={"client_order_id": order.client_order_id})
            return False
    # What the cancels did not answer for is asked: it was filled meanwhile, or its fills are missing.
    left = Order.objects.filter(pk__in=[order.pk for order in open_orders]).filter(
        Q(status__in=_UNRESOLVED) | Q(fills_missing=True)
    )
    return all([resolve_order(order, desk=desk) for order in left])


def _one_per_list(orders: list[Order]) -> list[Order]:
    """Cancelling one leg cancels its list: keep one order of each list, and every single order."""
    kept = {(order.order_list_id or -order.id): order for order in orders}
    return list(kept.values())


def cancel(order: Order, venue: Venue) -> Sequence[ExecutionReport]:
    """Cancel an order, with its list where it has one, and give how the orders ended."""
    if order.order_list is not None:
        return venue.cancel_list(order.symbol, order.order_list.client_list_id)
    return venue.cancel_order(order.symbol, order.client_order_id)


def _sell(trade: Trade, *, desk: Desk) -> None:
    instrument = get_instrument(trade.symbol)
    if not instrument.is_sellable(trade.qty, held_price(trade)):
        _book_dust(trade.pk, now=desk.clock())
        return
    with transaction.atomic():
        locked = Trade.objects.select_for_update().get(pk=trade.pk)
        exits = Order.objects.filter(trade=locked, role=OrderRole.EXIT.value)
        if exits.filter(status__in=_UNRESOLVED).exists() or _was_just_refused(exits, now=desk.clock()):
            return
        intent = plan_market_exit(locked.key, exits.count(), qty=locked.qty, instrument=instrument)
        try:
            with transaction.atomic():
                recorded = record(locked, intent, now=desk.clock())
        except IntegrityError:
            return  # another process recorded this very exit first, and sends it
    submit(recorded, venue=desk.venue, market=desk.market, clock=desk.clock)


def _was_just_refused(exits: QuerySet[Order], *, now: datetime) -> bool:
    """Tell whether to wait before the next attempt: 1 s after the first refusal, doubling to a minute."""
    refused = exits.filter(status__in=_REFUSED)
    last_at = refused.aggregate(last=Max("created_at"))["last"]
    if last_at is None:
        return False
    pause_s = min(2.0 ** (refused.count() - 1), LONGEST_PAUSE_S)
    return bool(now - last_at < timedelta(seconds=pause_s))


def _book_dust(trade_id: int, *, now: datetime) -> None:
    with transaction.atomic():
        book = open_books([trade_id])[trade_id]
        book.conclude(at=now, now=now)
        book.save()
