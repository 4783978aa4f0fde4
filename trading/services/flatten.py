"""Ends entries and sells positions, many at once: what the kill switch and the flatten of a worker share.

Everything here may be interrupted and repeated. A trade that is to be sold carries the wish itself: its
`exit_reason` is set while it is still open. So neither an entry that turns out to be filled later, nor a
halted symbol, nor the end of this process makes it forgotten: the watchdog sells what carries the wish.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.db import connections
from django.db.models import Q

from trading.domain.market import Quote
from trading.domain.orders import ON_BOOK, UNRESOLVED, OrderStatus
from trading.domain.ports import OrderNotFound, VenueError
from trading.domain.signals import Candles
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.models import Order, Trade
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.services.context import Desk
from trading.services.executions import apply_reports
from trading.services.exits import cancel, exit_trade
from trading.services.resolve import settle

log = logging.getLogger(__name__)

# A claimed entry waits for a sender and for its answer so long at most; after that its end is unknown.
UNDER_WAY = timedelta(seconds=1.5)
LOOK_AGAIN_S = 0.05
LOOKS = 30
_UNRESOLVED = [status.value for status in UNRESOLVED]
# Sent without an answer, or waiting for an entry that may have been filled meanwhile.
_UNHEARD = [OrderStatus.SUBMITTED.value, OrderStatus.PENDING.value]


def open_trade_ids() -> set[int]:
    """Give the trades that are open, those included whose entry is not answered yet."""
    return set(Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("pk", flat=True))


def end_entries(trade_ids: Collection[int], *, desk: Desk) -> None:
    """End the entries of these trades and learn what became of them; what was bought keeps its protection."""
    _wait_for_answers(trade_ids, desk=desk)
    _in_parallel(_end_entry, trade_ids, desk=desk)


def flatten(trade_ids: Collection[int], *, desk: Desk, reason: ExitReason = ExitReason.FLATTEN) -> None:
    """Sell what these trades hold, all at once, after their entries are ended.

    What cannot be sold now keeps the wish; the watchdog goes on with it.
    """
    wished = Trade.objects.filter(
        pk__in=trade_ids, state__in=(TradeState.OPENING.value, TradeState.OPEN.value)
    )
    wished.update(exit_reason=reason.value)
    desk = _without_prices_if_need_be(desk)
    entering = {order.trade_id for order in _entries(trade_ids)}
    leave = partial(_leave, reason=reason)
    _in_parallel(leave, set(trade_ids) - entering, desk=desk)
    _wait_for_answers(entering, desk=desk)
    _in_parallel(leave, entering, desk=desk)


class _Unseen:
    """A market of which nothing is known; implements MarketView."""

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Give none."""
        return {}

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """Give none."""
        return {}


def _without_prices_if_need_be(desk: Desk) -> Desk:
    """Give a desk that sells unseen where prices cannot be read: a market order needs none."""
    symbols = Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("symbol", flat=True)
    try:
        desk.market.quotes(list(symbols[:1]))
    except Exception:  # whatever keeps prices away must not keep the kill switch from selling
        log.exception("flatten.without_prices")
        return replace(desk, market=_Unseen())
    return desk


def _entries(trade_ids: Collection[int]) -> list[Order]:
    """Give the entries of these trades whose end is not known."""
    entries = Order.objects.filter(trade_id__in=trade_ids, role=OrderRole.ENTRY.value, status__in=_UNRESOLVED)
    return list(entries.select_related("order_list", "trade"))


def _wait_for_answers(trade_ids: Collection[int], *, desk: Desk) -> None:
    """Wait a moment for entries that are in a sender's hands: who sent them books their answers."""
    for _ in range(LOOKS):
        since = desk.clock() - UNDER_WAY
        if not any(
            entry.status == OrderStatus.SUBMITTED.value and entry.submitted_at and entry.submitted_at > since
            for entry in _entries(trade_ids)
        ):
            return
        time.sleep(LOOK_AGAIN_S)


def _leave(trade_id: int, desk: Desk, *, reason: ExitReason) -> None:
    _end_entry(trade_id, desk)
    exit_trade(trade_id, reason, desk=desk)


def _end_entry(trade_id: int, desk: Desk) -> None:
    """Ask how an entry and what came with it stand, and cancel the entry where it works at the venue.

    Asked first: cancelling an entry that is filled would take away its exits.
    """
    unheard = Order.objects.filter(
        Q(role=OrderRole.ENTRY.value, status__in=_UNRESOLVED) | Q(status__in=_UNHEARD), trade_id=trade_id
    )
    settle(list(unheard.select_related("trade").order_by("pk")), desk=desk)
    for entry in _entries([trade_id]):
        if OrderStatus(entry.status) not in ON_BOOK:
            continue
        try:
            apply_reports(cancel(entry, desk.venue), now=desk.clock(), market=desk.market)
        except (OrderNotFound, VenueError) as error:
            # It is asked for again by the watchdog; until then it is counted in what is left.
            log.warning("order.cancel_failed: %s", error, extra={"client_order_id": entry.client_order_id})


def _in_parallel(act: Callable[[int, Desk], None], trade_ids: Collection[int], *, desk: Desk) -> None:
    """Act on every trade from the sender threads: one slow answer of the venue holds nobody else up."""
    caller = threading.get_ident()

    def act_alone(trade_id: int) -> None:
        try:
            act(trade_id, desk)
        except Exception:  # rim of a thread: one trade's trouble must not keep the others unsold
            log.exception("flatten.failed", extra={"trade_id": trade_id})
        finally:
            if threading.get_ident() != caller:
                connections.close_all()  # a sender's thread keeps none

    wait([desk.senders.submit(act_alone, trade_id) for trade_id in sorted(trade_ids)])
