"""The watchdog: a short round over open trades and drains, every second.

Called by the upkeep task. It is the backstop of everything that should have happened already: time
exits, lost protection, exits that were begun, workers that have drained. Rounds may overlap; each
step is a compare-and-set of its own.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Max

from trading import events
from trading.domain.instrument import ProtectionMode
from trading.domain.market import Quote
from trading.domain.orders import ON_BOOK, OrderStatus, Side
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.domain.workers import WorkerState
from trading.models import Order, ReconcileRun, Trade, Worker
from trading.selectors.instruments import get_instruments
from trading.selectors.trades import OPEN_STATE_NAMES, list_open
from trading.services import journal, reconcile
from trading.services.conclusions import covered_qty, held_price, sellable_qty
from trading.services.context import Desk
from trading.services.exits import exit_trade
from trading.services.instruments import refresh_rules
from trading.services.limits import watch_daily_loss
from trading.services.looks import AccountLook
from trading.services.protection import (
    is_stop_passed,
    price_reached,
    protect_in_doubt,
    protect_meanwhile,
    protect_trade,
    supervise_trade,
)
from trading.services.resolve import (
    AbsenceCheck,
    check_resting,
    list_doubtful,
    resolve_order,
    resolve_orders,
)

log = logging.getLogger(__name__)


# Where refused sales may mean that the balances are not as we think, they are compared this often at most
# (weight 100 and more).
RECONCILED_AT_MOST_EVERY = timedelta(seconds=10)
# Rules that may be why a position cannot be left are read anew this often at most (weight 20 a symbol): a
# position without protection must not wait, one that is protected may.
RULES_AGE_BARE = timedelta(seconds=3)
RULES_AGE_PROTECTED = timedelta(seconds=10)
RULES_PER_ROUND = 3
# A stream that swallows an event shows no gap: resting orders are looked at this often (weight 80).
RESTING_AGE = timedelta(seconds=6)
# An exit that the price has passed, and of which the venue has not told, is asked for again after this, then
# as often as all that rests.
PASSED_AGE = timedelta(seconds=2)


@dataclass(slots=True)
class Round:
    """What one round did; counts of trades, orders and workers."""

    looked_at: int = 0
    left: int = 0
    protected: int = 0
    resolved: int = 0
    stopped: int = 0


def run(*, desk: Desk) -> Round:
    """Make one round over unknown orders, all open trades and draining workers."""
    desk.roster.refresh(desk.clock())
    result = Round()
    look = AccountLook(desk)
    _guard("orders", lambda: _resolve(result, look=look))
    trades = [trade for trade in list_open() if trade.state != TradeState.OPENING.value]
    _guard("rules", lambda: _look_closer(trades, desk=desk))
    quotes = _fresh_quotes([trade.symbol for trade in trades], desk=desk)
    result.looked_at = len(trades)
    for trade in trades:
        # One trade's trouble must not keep the others unprotected.
        _guard(trade.key, partial(_look_after, trade, quotes.get(trade.symbol), result, look=look))
    result.stopped = stop_drained(now=desk.clock())
    _guard("limits", lambda: _watch_limits(desk=desk))
    return result


def _guard(subject: str, act: Callable[[], None]) -> None:
    """Do one part of the round; what it raises is logged, and the other parts are done all the same."""
    try:
        act()
    except Exception:  # rim of the loop
        log.exception("upkeep.failed", extra={"subject": subject})


def run_triggers(symbols: list[str], *, desk: Desk) -> Round:
    """Look after the open trades of symbols whose watched price was crossed."""
    wanted = set(symbols)
    trades = [trade for trade in list_open() if trade.symbol in wanted]
    quotes = _fresh_quotes(symbols, desk=desk)
    result, look = Round(looked_at=len(trades)), AccountLook(desk)
    for trade in trades:
        _look_after(trade, quotes.get(trade.symbol), result, look=look)
    return result


def _fresh_quotes(symbols: Sequence[str], *, desk: Desk) -> dict[str, Quote]:
    """Give the quotes that are young enough to act upon; a dead feed moves nothing."""
    now = desk.clock()
    quotes = desk.market.quotes(symbols)
    return {
        symbol: quote for symbol, quote in quotes.items() if quote.age_s(now) <= desk.limits.max_quote_age_s
    }


def _watch_limits(*, desk: Desk) -> None:
    watch_daily_loss(now=desk.clock())


def _resolve(result: Round, *, look: AccountLook) -> None:
    desk = look.desk
    result.resolved = resolve_orders(list_doubtful(now=desk.clock()), desk=desk, look=look)
    if _is_older(desk.watch.open_orders_at, now=desk.clock(), age=RESTING_AGE):
        desk.watch.open_orders_at = desk.clock()
        result.resolved += check_resting(desk=desk)


def _look_after(trade: Trade, quote: Quote | None, result: Round, *, look: AccountLook) -> None:
    desk = look.desk
    if trade.state == TradeState.CLOSING.value or trade.exit_reason:
        # Begun, or wished for while the trade was not yet, or could not be, sold: see services.flatten.
        is_flat = exit_trade(trade.id, ExitReason(trade.exit_reason), desk=desk)
        result.left += is_flat
        if not is_flat:
            trade.refresh_from_db()
            result.protected += protect_meanwhile(trade, quote, desk=desk) or protect_in_doubt(
                trade, quote, look=look
            )
    elif trade.expires_at is not None and trade.expires_at <= desk.clock():
        result.left += exit_trade(trade.id, ExitReason.MAX_HOLD, desk=desk)
    elif is_stop_passed(trade, quote):
        _count_unprotected(trade, now=desk.clock())
        result.left += exit_trade(trade.id, ExitReason.STOP_LOSS, desk=desk)
    elif trade.protection == ProtectionMode.SUPERVISED.value and supervise_trade(trade, quote, desk=desk):
        result.left += 1
    elif trade.state == TradeState.OPEN.value and not trade.is_protected:
        result.protected += protect_trade(trade.id, desk=desk) or protect_in_doubt(trade, quote, look=look)
    elif price_reached(trade, quote) is not None:
        result.resolved += _ask_for_passed(trade, desk=desk)


def _count_unprotected(trade: Trade, *, now: datetime) -> None:
    """Count seconds from now on: a stop-limit order that the market has passed protects nothing."""
    waiting = Trade.objects.filter(pk=trade.pk, state=TradeState.OPEN.value, unprotected_since=None)
    waiting.update(is_protected=False, unprotected_since=now)


def _ask_for_passed(trade: Trade, *, desk: Desk) -> int:
    """Ask for exits that the price has passed: the venue may have executed one, and has not told of it."""
    resting = Order.objects.filter(
        trade=trade, side=Side.SELL.value, status__in=[status.value for status in ON_BOOK]
    )
    together: dict[int, list[Order]] = defaultdict(list)
    for order in resting.order_by("id"):
        together[order.order_list_id or -order.pk].append(order)
    check = AbsenceCheck(AccountLook(desk))
    return sum([_ask_for_exits(exits, desk=desk, check=check) for exits in together.values()])


def _ask_for_exits(exits: Sequence[Order], *, desk: Desk, check: AbsenceCheck) -> int:
    """Ask for one exit, or for the exits of one list. Gives how many ended.

    A target that nothing has touched answers for its stop: "activation of one order immediately cancels
    the other" (rest-api.md, "New Order list - OCO (TRADE)").
    """
    now = desk.clock()
    first, *others = sorted(exits, key=lambda order: order.role != OrderRole.TAKE_PROFIT.value)
    if first.ask_at is not None and now < first.ask_at:
        return 0
    # A stop waits for a trade: the bid alone may stand beyond it for minutes. One that it brings about soon
    # is not missed; after that the list of all that rests is as young as another answer would be.
    is_standing = first.ask_at is not None and now < first.ask_at + PASSED_AGE
    ask_at = now + (RESTING_AGE if is_standing else PASSED_AGE)
    Order.objects.filter(pk=first.pk).update(ask_at=ask_at)
    ended = int(resolve_order(first, desk=desk, check=check))
    is_untouched = first.status == OrderStatus.ACCEPTED.value
    if first.role == OrderRole.TAKE_PROFIT.value and is_untouched:
        return ended
    return ended + sum([resolve_order(order, desk=desk, check=check) for order in others])


def _look_closer(trades: Sequence[Trade], *, desk: Desk) -> None:
    """Read the symbols' rules and the balances anew where they may be why a position cannot be left."""
    now = desk.clock()
    refused = Order.objects.filter(
        trade__in=trades,
        side=Side.SELL.value,
        status=OrderStatus.REJECTED.value,
        closed_at__gte=now - RECONCILED_AT_MOST_EVERY,
    )
    refused_at = {
        order.trade_id: order.closed_at for order in refused.order_by("closed_at") if order.closed_at
    }
    for symbol in _list_rules_in_doubt(trades, refused_at, now=now)[:RULES_PER_ROUND]:
        refresh_rules(symbol, venue=desk.venue, now=now)
    reconciled_at = ReconcileRun.objects.aggregate(newest=Max("at"))["newest"]
    if refused_at and _is_older(reconciled_at, now=now, age=RECONCILED_AT_MOST_EVERY):
        reconcile.run(desk=desk, reason="REFUSED")


def _list_rules_in_doubt(
    trades: Sequence[Trade], refused_at: Mapping[int, datetime], *, now: datetime
) -> list[str]:
    """Give the symbols whose rules may be why what these trades hold can be neither sold nor protected.

    Only those whose rules are old enough to be asked for again, the oldest first.

    Args:
        refused_at: When the last sale of a trade was refused, by the trade's id.
    """
    instruments = get_instruments({trade.symbol for trade in trades})
    stops: dict[int, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(trade__in=trades, role=OrderRole.STOP.value):
        stops[order.trade_id].append(order)
    found: dict[str, datetime] = {}
    for trade in trades:
        instrument = instruments[trade.symbol]
        rest = sellable_qty(trade) - covered_qty(stops[trade.pk])
        is_stuck = not instrument.is_trading or instrument.is_rest_in_doubt(rest, held_price(trade), now=now)
        read_at = instrument.read_at or trade.decided_at
        was_refused = trade.pk in refused_at and refused_at[trade.pk] > read_at
        age = RULES_AGE_PROTECTED if trade.is_protected else RULES_AGE_BARE
        if (is_stuck or was_refused) and _is_older(read_at, now=now, age=age):
            found[trade.symbol] = read_at
    return sorted(found, key=lambda symbol: found[symbol])


def _is_older(moment: datetime | None, *, now: datetime, age: timedelta) -> bool:
    return moment is None or now - moment > age


def stop_drained(*, now: datetime) -> int:
    """Stop the draining workers whose last trade is closed. Gives how many."""
    stopped = 0
    for worker in Worker.objects.filter(state=WorkerState.DRAINING.value):
        with transaction.atomic():
            if Trade.objects.filter(worker=worker, state__in=OPEN_STATE_NAMES).exists():
                continue
            # Compare-and-set: an operator who starts the worker again meanwhile wins.
            changed = Worker.objects.filter(pk=worker.pk, state=WorkerState.DRAINING.value).update(
                state=WorkerState.STOPPED.value, state_changed_at=now
            )
            if changed:
                worker.state, worker.state_changed_at = WorkerState.STOPPED.value, now
                journal.write("worker.drained", f"worker:{worker.pk}", actor="upkeep", now=now)
                events.worker_changed(worker)
                stopped += 1
    return stopped
