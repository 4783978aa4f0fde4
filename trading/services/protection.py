"""Puts exits on the exchange for what is held without them, and sells what cannot be protected.

Called right after an entry that came without its exits, and by the watchdog for whatever lost them.
Where the symbol allows no order lists, a plain stop is placed and the target is watched from here.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction

from trading.domain.entries import ExitPrices, plan_protection, plan_stop
from trading.domain.executions import AssetBalance
from trading.domain.instrument import Instrument, ProtectionMode
from trading.domain.market import Quote
from trading.domain.orders import ON_BOOK, UNRESOLVED, OrderStatus, OrderType, Side
from trading.domain.ports import VenueError, VenueRefused
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import ZERO, OrderRole
from trading.models import Balance, Order, Trade
from trading.selectors.instruments import get_instrument
from trading.services.books import open_books
from trading.services.conclusions import covered_qty, held_price, sellable_qty
from trading.services.context import Desk
from trading.services.exits import exit_beside, exit_trade, read_orders, refused_in_a_row
from trading.services.looks import AccountLook
from trading.services.submit import Recorded, record, submit

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
# After so many refused sales in a row the position gets its exits back while the pause between them grows.
REFUSALS_BEFORE_PROTECTION = 2
LONGEST_PAUSE_S = 4.0


def protect_trade(trade_id: int, *, desk: Desk) -> bool:
    """Protect what the trade holds, or sell it. Tells whether it is protected or flat now.

    Does nothing while an order of the trade is under way (its end decides), or when the trade holds
    nothing that could be sold.
    """
    trade = Trade.objects.select_related("version").get(pk=trade_id)
    if TradeState(trade.state) is not TradeState.OPEN or trade.is_protected:
        return trade.is_protected
    orders = read_orders(trade)
    if any(order.status in _UNRESOLVED for order in orders):
        return _leave_orphan_target(trade, orders, desk=desk) or _leave_bare_rest(trade, orders, desk=desk)
    quote = desk.market.quotes([trade.symbol]).get(trade.symbol)
    is_fresh = quote is not None and quote.age_s(desk.clock()) <= desk.limits.max_quote_age_s
    reason = price_reached(trade, quote) if is_fresh else None
    if reason is not None:
        return exit_trade(trade.id, reason, desk=desk)
    if _is_too_early(orders, now=desk.clock()):
        return False
    if not get_instrument(trade.symbol).is_sellable(sellable_qty(trade), held_price(trade)):
        return _conclude_anew(trade, desk=desk)
    answer = _protect(trade, desk=desk)
    if isinstance(answer, VenueRefused):
        log.error("trade.protection_refused: %s", answer, extra={"trade_id": trade.id})
        return exit_trade(trade.id, ExitReason.UNPROTECTED, desk=desk)
    trade.refresh_from_db()
    return trade.is_protected


def protect_meanwhile(trade: Trade, quote: Quote | None, *, desk: Desk) -> bool:
    """Give a position its exits back while the venue refuses to take its sale. Tells whether it is protected.

    The next sale takes their place again. Beyond its prices no exits would be taken: only a sale helps.

    Args:
        quote: One that is fresh, or None.
    """
    if price_reached(trade, quote) is not None:
        return trade.is_protected
    orders = read_orders(trade)
    is_stuck = len(refused_in_a_row(orders)) >= REFUSALS_BEFORE_PROTECTION
    is_under_way = any(order.status in _UNRESOLVED for order in orders)
    if trade.is_protected or is_under_way or not is_stuck or _is_too_early(orders, now=desk.clock()):
        return trade.is_protected
    _protect(trade, desk=desk)
    trade.refresh_from_db()
    return trade.is_protected


def protect_in_doubt(trade: Trade, quote: Quote | None, *, look: AccountLook) -> bool:
    """Protect a position whose sale or protection is unknown, before that is given up. Tells whether it is.

    Only once that request can no longer reach the matching engine, and only where the balance says that it
    did not: everything is still there, and nothing locks it. If it did after all, the venue refuses this
    order for want of coins. Where the price is beyond the exits, or a target without its stop still rests (so
    that what should have replaced it did not come), the position is sold instead.

    Args:
        quote: One that is fresh, or None.
    """
    desk = look.desk
    orders = read_orders(trade)
    now = desk.clock()
    open_orders = [order for order in orders if order.status in _UNRESOLVED]
    unknown = [order for order in open_orders if order.status == OrderStatus.SUBMITTED.value]
    resting = [order for order in open_orders if OrderStatus(order.status) in ON_BOOK]
    arrival = timedelta(seconds=desk.limits.arrival_s)
    over_at = max(((order.submitted_at or now) + arrival for order in unknown), default=now)
    is_over = over_at < now and all(
        order in (*unknown, *resting) and order.side == Side.SELL.value for order in open_orders
    )
    if trade.is_protected or not is_over or _is_too_early(orders, now=now):
        return trade.is_protected
    locked = max((order.qty - order.filled_qty for order in resting), default=ZERO)
    try:
        if not _is_all_there(trade, look.balances(since=over_at), locked=locked):
            return False
    except VenueError as error:
        log.warning("trade.balance_unknown: %s", error, extra={"trade_id": trade.id})
        return False
    reason = ExitReason.TAKE_PROFIT if resting else price_reached(trade, quote)
    if reason is not None:
        exit_beside(trade, reason, quote, desk=desk)
    else:
        _protect(trade, desk=desk, beside={order.pk for order in open_orders})
    after = Trade.objects.get(pk=trade.pk)
    return after.is_protected or TradeState(after.state) is TradeState.CLOSED


def _is_all_there(trade: Trade, balances: Mapping[str, AssetBalance], *, locked: Decimal) -> bool:
    """Tell whether the account holds exactly what the ledger says of the base asset, free to be sold.

    Args:
        locked: What orders of ours that rest at the venue should lock of it.
    """
    ledger = Balance.objects.filter(asset=trade.base_asset).values_list("ledger", flat=True).first()
    held = balances.get(trade.base_asset)
    if held is None or held.total != ledger:
        return False
    return held.free + min(locked, held.total - held.free) >= sellable_qty(trade)


def _is_too_early(orders: Sequence[Order], *, now: datetime) -> bool:
    """Tell whether the last protection was not taken a moment ago: 0.5 s, doubling up to LONGEST_PAUSE_S."""
    failed: list[Order] = []
    for order in orders:
        if order.role != OrderRole.STOP.value:
            continue
        if order.venue_order_id is None and order.status in (
            OrderStatus.EXPIRED.value,
            OrderStatus.REJECTED.value,
        ):
            failed.append(order)
        else:
            failed.clear()
    if not failed:
        return False
    pause_s = min(0.25 * 2.0 ** len(failed), LONGEST_PAUSE_S)
    return now - failed[-1].created_at < timedelta(seconds=pause_s)


def _protect(trade: Trade, *, desk: Desk, beside: Collection[int] = ()) -> object:
    """Record and send the next protection; gives the venue's answer, None where there was none.

    Args:
        beside: Orders of the trade whose end is unknown, and which may stay so.
    """
    recorded = _record_protection(trade, get_instrument(trade.symbol), beside=beside, now=desk.clock())
    if recorded is None:
        return None
    return submit(recorded, venue=desk.venue, market=desk.market, clock=desk.clock)


def _leave_orphan_target(trade: Trade, orders: Sequence[Order], *, desk: Desk) -> bool:
    """Sell the rest of a position whose target filled in part and thereby expired the stop.

    At once, in the place of the target: what fills it completely meanwhile refuses our cancel.
    """
    open_orders = [order for order in orders if order.status in _UNRESOLVED]
    if all(
        order.role == OrderRole.TAKE_PROFIT.value and OrderStatus(order.status) in ON_BOOK
        for order in open_orders
    ):
        return exit_trade(trade.id, ExitReason.TAKE_PROFIT, desk=desk)
    return False


def _leave_bare_rest(trade: Trade, orders: Sequence[Order], *, desk: Desk) -> bool:
    """Sell a position of which its stop covers a part only, say after the venue's steps were coarser."""
    open_orders = [order for order in orders if order.status in _UNRESOLVED]
    is_quiet = all(
        order.side == Side.SELL.value and OrderStatus(order.status) in ON_BOOK for order in open_orders
    )
    covered = covered_qty(orders)
    if not is_quiet or not covered:
        return False
    if get_instrument(trade.symbol).is_sellable(sellable_qty(trade) - covered, held_price(trade)):
        return exit_trade(trade.id, ExitReason.UNPROTECTED, desk=desk)
    return _conclude_anew(trade, desk=desk)


def _conclude_anew(trade: Trade, *, desk: Desk) -> bool:
    """Judge a rest by the rules of now, which may call dust what was in doubt. Tells whether that ends it."""
    with transaction.atomic():
        book = open_books([trade.pk])[trade.pk]
        book.conclude(at=desk.clock(), now=desk.clock())
        book.save()
    return book.trade.is_protected or TradeState(book.trade.state) is TradeState.CLOSED


def is_stop_passed(trade: Trade, quote: Quote | None) -> bool:
    """Tell whether the market fell through a stop-limit order without filling it: nothing is protected."""
    if quote is None or not quote.is_sane or TradeState(trade.state) is not TradeState.OPEN:
        return False
    stops = Order.objects.filter(
        trade=trade,
        role=OrderRole.STOP.value,
        type=OrderType.STOP_LOSS_LIMIT.value,
        status__in=[status.value for status in ON_BOOK],
    )
    return any(order.price is not None and quote.bid < order.price for order in stops)


def price_reached(trade: Trade, quote: Quote | None) -> ExitReason | None:
    """Tell whether the market is already beyond an exit, so that the venue would refuse to hold it."""
    if quote is None or not quote.is_sane:
        return None
    if quote.bid <= trade.stop_price:
        return ExitReason.STOP_LOSS
    if quote.bid >= trade.take_profit_price:
        return ExitReason.TAKE_PROFIT
    return None


def _record_protection(
    trade: Trade, instrument: Instrument, *, beside: Collection[int], now: datetime
) -> Recorded | None:
    """Record the next protection, once: its attempt number is how many stops there were."""
    with transaction.atomic():
        locked = Trade.objects.select_for_update().select_related("version").get(pk=trade.pk)
        if TradeState(locked.state) not in (TradeState.OPEN, TradeState.CLOSING):
            return None
        if Order.objects.filter(trade=locked, status__in=_UNRESOLVED).exclude(pk__in=beside).exists():
            return None
        if not instrument.fit_qty(sellable_qty(locked)):
            return None  # sold meanwhile
        attempt = Order.objects.filter(trade=locked, role=OrderRole.STOP.value).count() + 1
        trailing = locked.version.trailing_bps if instrument.trailing_allowed else 0
        exits = ExitPrices(locked.take_profit_price, locked.stop_price, trailing or None)
        supervised = ProtectionMode(locked.protection) is ProtectionMode.SUPERVISED
        if supervised and not instrument.stop_allowed:
            return None  # the symbol allows no resting stop: supervise_trade watches both prices
        plan = plan_stop if supervised else plan_protection
        try:
            with transaction.atomic():
                qty = sellable_qty(locked)
                return record(
                    locked, plan(locked.key, attempt, exits, qty=qty, instrument=instrument), now=now
                )
        except IntegrityError:
            return None  # another process recorded this very attempt first, and sends it


def supervise_trade(trade: Trade, quote: Quote | None, *, desk: Desk) -> bool:
    """Leave a supervised trade when its price was reached. Tells whether it was left.

    The stop rests on the exchange where the symbol allows one; then only the target is acted upon.
    """
    reason = price_reached(trade, quote)
    if reason is None or (reason is ExitReason.STOP_LOSS and trade.is_protected):
        return False
    return exit_trade(trade.id, reason, desk=desk)
