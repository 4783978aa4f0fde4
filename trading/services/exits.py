"""Gives up a position: puts a sale in the place of its protection, and sells what is left at market.

Called for time exits, drains, flatten, supervised targets, and by the watchdog for what cannot be
protected. Every step can be repeated: a trade that is CLOSING is continued by the next call, whoever
makes it. Never sells what the protection sold meanwhile: the venue's answer decides.

Where the symbol allows it, cancel and sale are one request: the venue checks the sale's filters before it
touches the protection, and no moment passes between the two.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from trading import events
from trading.domain.entries import plan_exit
from trading.domain.executions import ExecutionReport
from trading.domain.instrument import Instrument
from trading.domain.market import Quote
from trading.domain.orders import ON_BOOK, UNRESOLVED, OrderStatus
from trading.domain.ports import OrderNotFound, Venue, VenueError
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.models import FILLS_MISSING, Order, Trade
from trading.selectors.instruments import get_instrument
from trading.services.books import open_books
from trading.services.conclusions import held_price, sellable_qty
from trading.services.context import Desk
from trading.services.executions import apply_reports
from trading.services.resolve import settle
from trading.services.submit import NOT_ATTEMPTED, Recorded, record, submit, submit_instead

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
_UNANSWERED = (OrderStatus.INITIALIZED.value, OrderStatus.SUBMITTED.value)
_UNCLEAR = Q(status__in=_UNANSWERED) | FILLS_MISSING
LONGEST_PAUSE_S = 60.0
LONGEST_BARE_PAUSE_S = 4.0
# Each step of an exit is decided by the answer to the one before; more are left to the next call.
MAX_STEPS = 4


def exit_trade(trade_id: int, reason: ExitReason, *, desk: Desk) -> bool:
    """Leave a trade now. Tells whether it is flat afterwards; if not, call again.

    A symbol that the venue has halted keeps its protection, and the call changes nothing. So does a
    position that no order may carry any more.

    The reason is kept from the first call on. An unknown outcome ends the call: the order stays
    SUBMITTED, the watchdog resolves it, and only then is another exit recorded.
    """
    symbol = Trade.objects.values_list("symbol", flat=True).get(pk=trade_id)
    if not get_instrument(symbol).is_trading:
        return False  # no order would be taken; its protection is better left alone
    quote = desk.market.quotes([symbol]).get(symbol)
    if not _mark_closing(trade_id, reason, quote, now=desk.clock()):
        return True
    for _ in range(MAX_STEPS):
        if not _step(trade_id, quote, desk=desk):
            break
    state = Trade.objects.values_list("state", flat=True).get(pk=trade_id)
    return state == TradeState.CLOSED.value


def exit_beside(trade: Trade, reason: ExitReason, quote: Quote | None, *, desk: Desk) -> None:
    """Sell a position once more, beside orders that are unknown: the caller knows that they never came.

    What still rests at the venue is replaced; where the symbol does not allow it, nothing is done.
    """
    instrument = get_instrument(trade.symbol)
    if not instrument.is_trading or not instrument.is_sellable(sellable_qty(trade), _worth(trade, quote)):
        return
    if not _mark_closing(trade.pk, reason, quote, now=desk.clock()):
        return
    trade.refresh_from_db()
    orders = read_orders(trade)
    held = [order for order in orders if OrderStatus(order.status) in ON_BOOK]
    target = _replaceable(held, trade, instrument) if held else None
    if pause_left(trade, orders, now=desk.clock()) or (held and target is None):
        return
    recorded = _record(trade, orders, quote, now=desk.clock())
    if recorded is None:
        return
    if target is None:
        submit(recorded, venue=desk.venue, market=desk.market, clock=desk.clock)
    else:
        submit_instead(target, recorded, venue=desk.venue, market=desk.market, clock=desk.clock)


def _mark_closing(trade_id: int, reason: ExitReason, quote: Quote | None, *, now: datetime) -> bool:
    """Compare-and-set OPEN → CLOSING; a trade that is CLOSING already is continued."""
    with transaction.atomic():
        trade = Trade.objects.select_for_update().get(pk=trade_id)
        if TradeState(trade.state) is TradeState.CLOSING:
            return True
        if TradeState(trade.state) is not TradeState.OPEN:
            return False
        trade.state, trade.exit_reason = TradeState.CLOSING.value, reason.value
        trade.exit_decision_price = quote.bid if quote is not None else None
        trade.save(update_fields=["state", "exit_reason", "exit_decision_price"])
        events.trade_changed(trade)
    return True


def _step(trade_id: int, quote: Quote | None, *, desk: Desk) -> bool:
    """Take the next step towards flat. Tells whether another one may follow at once."""
    trade = Trade.objects.get(pk=trade_id)
    if TradeState(trade.state) is not TradeState.CLOSING:
        return False
    orders = read_orders(trade)
    unclear = [order for order in orders if order.fills_missing or order.status in _UNANSWERED]
    if unclear:
        settle(unclear, desk=desk)
        return not Order.objects.filter(_UNCLEAR, trade=trade).exists()
    instrument = get_instrument(trade.symbol)
    held = [order for order in orders if order.status in _UNRESOLVED]
    if not instrument.is_sellable(sellable_qty(trade), _worth(trade, quote)):
        return _give_up_rest(trade, held, quote, desk=desk)
    if pause_left(trade, orders, now=desk.clock()):
        return False
    target = _replaceable(held, trade, instrument)
    if held and target is None:
        return _cancel(held, desk=desk)
    recorded = _record(trade, orders, quote, now=desk.clock())
    if recorded is None:
        return False
    if target is None:
        answer = submit(recorded, venue=desk.venue, market=desk.market, clock=desk.clock)
        return answer is not None and not isinstance(answer, VenueError)
    replacement = submit_instead(target, recorded, venue=desk.venue, market=desk.market, clock=desk.clock)
    if replacement is not None and not replacement.cancelled:
        return settle(held, desk=desk)  # the protection had ended by itself: how?
    return replacement is not None


def read_orders(trade: Trade) -> list[Order]:
    """Give the orders of a trade with their lists, the oldest first."""
    return list(Order.objects.filter(trade=trade).select_related("order_list").order_by("id"))


def _worth(trade: Trade, quote: Quote | None) -> Decimal:
    """Give the price at which the rest is judged large enough: what a sale would bring now, or had cost."""
    return quote.bid if quote is not None and quote.is_sane else held_price(trade)


def _give_up_rest(trade: Trade, held: Sequence[Order], quote: Quote | None, *, desk: Desk) -> bool:
    """End a trade of which no order may carry the rest; what still protects it is left to do its work."""
    if trade.is_protected:
        return False
    if held:
        return _cancel(held, desk=desk)
    with transaction.atomic():
        book = open_books([trade.pk])[trade.pk]
        book.conclude(at=desk.clock(), now=desk.clock(), price=_worth(trade, quote))
        book.save()
    return False


def pause_left(trade: Trade, orders: Sequence[Order], *, now: datetime) -> bool:
    """Tell whether to wait for the next sale: 1 s after the first refusal in a row, doubling.

    Up to a minute where the position is protected meanwhile, to four seconds where nothing does.
    """
    refusals = refused_in_a_row(orders)
    if not refusals:
        return False
    longest_s = LONGEST_PAUSE_S if trade.is_protected else LONGEST_BARE_PAUSE_S
    pause_s = min(2.0 ** min(len(refusals) - 1, 16), longest_s)
    return now - refusals[-1].created_at < timedelta(seconds=pause_s)


def refused_in_a_row(orders: Sequence[Order]) -> list[Order]:
    """Give the last sales of ours that the venue or our own budget refused, one after the other."""
    refusals: list[Order] = []
    for order in orders:
        if order.role != OrderRole.EXIT.value or order.reason == NOT_ATTEMPTED:
            continue
        was_refused = order.status in (OrderStatus.REJECTED.value, OrderStatus.EXPIRED.value)
        if was_refused and not order.filled_qty:
            refusals.append(order)
        else:
            refusals.clear()
    return refusals


def _replaceable(held: Sequence[Order], trade: Trade, instrument: Instrument) -> Order | None:
    """Give the order that a sale of everything can take the place of; None where it takes two requests."""
    belongs = {order.order_list_id or -order.pk for order in held}
    rests = all(OrderStatus(order.status) in ON_BOOK for order in held)
    qty = sellable_qty(trade)
    is_whole = instrument.fit_market_qty(qty) == instrument.fit_qty(qty)
    if len(belongs) != 1 or not rests or not is_whole or not instrument.cancel_replace_allowed:
        return None
    if any(order.role == OrderRole.ENTRY.value for order in held):
        return None
    stops = [order for order in held if order.role == OrderRole.STOP.value]
    return (stops or list(held))[0]


def _cancel(held: Sequence[Order], *, desk: Desk) -> bool:
    """Take orders off the book and learn how each ended. False = not known yet."""
    for order in _one_per_list(held):
        try:
            apply_reports(cancel(order, desk.venue), now=desk.clock(), market=desk.market)
        except OrderNotFound:
            log.info("order.not_open", extra={"client_order_id": order.client_order_id})
        except VenueError as error:
            log.warning("order.cancel_failed: %s", error, extra={"client_order_id": order.client_order_id})
            return False
    # What the cancels did not answer for is asked: it was filled meanwhile, or its fills are missing.
    left = Order.objects.filter(pk__in=[order.pk for order in held])
    return settle([order for order in left if order.status in _UNRESOLVED or order.fills_missing], desk=desk)


def _one_per_list(orders: Sequence[Order]) -> list[Order]:
    """Cancelling one leg cancels its list: keep one order of each list, and every single order."""
    kept = {(order.order_list_id or -order.pk): order for order in orders}
    return list(kept.values())


def cancel(order: Order, venue: Venue) -> Sequence[ExecutionReport]:
    """Cancel an order, with its list where it has one, and give how the orders ended."""
    if order.order_list is not None:
        return venue.cancel_list(order.symbol, order.order_list.client_list_id)
    return venue.cancel_order(order.symbol, order.client_order_id)


def _record(trade: Trade, orders: Sequence[Order], quote: Quote | None, *, now: datetime) -> Recorded | None:
    """Record the next sale, once: its attempt number is how many there were.

    Trade and orders were read without a lock. Where any of them moved or another one came, what was decided
    on is over: another process sells, or the protection has sold, and the next call looks anew.
    """
    with transaction.atomic():
        locked = Trade.objects.select_for_update().get(pk=trade.pk)
        if (locked.state, sellable_qty(locked)) != (trade.state, sellable_qty(trade)):
            return None
        seen = {order.pk: (order.status, order.filled_qty) for order in orders}
        now_there = Order.objects.filter(trade=locked).values_list("pk", "status", "filled_qty")
        if {pk: (status, filled_qty) for pk, status, filled_qty in now_there} != seen:
            return None
        attempt = sum(order.role == OrderRole.EXIT.value for order in orders)
        # Where the venue refuses one kind of sale the other may pass: each has rules of its own.
        by_limit = len(refused_in_a_row(orders)) % 2 == 1 and quote is not None and quote.is_sane
        intent = plan_exit(
            locked.key,
            attempt,
            qty=sellable_qty(locked),
            instrument=get_instrument(locked.symbol),
            limit_price=quote.bid if by_limit and quote is not None else None,
        )
        return record(locked, intent, now=now)
