"""Records orders, then sends them: the only writer of orders towards the venue.

    record   rows INITIALIZED, committed          a crash here: never sent, expired by reconcile
    claim    INITIALIZED → SUBMITTED, committed   a crash here: unknown, the watchdog asks the venue
    send     the request leaves                   a crash here: the same
    book     services.executions                  a crash here: the stream or reconcile books it

An intent is never sent twice: `claim` is a compare-and-set, and its loser does not send. Entries are recorded
and claimed in one commit, under the account's lock (`record_claimed`): there the unique ids are the
compare-and-set, and who inserts them is the one who sends.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from trading.domain.executions import ExecutionReport, Replacement
from trading.domain.orders import ListIntent, OrderIntent, OrderStatus
from trading.domain.ports import MarketView, Venue, VenueError, VenueRefused, VenueUncertain
from trading.models import Order, OrderList, Trade
from trading.services.executions import NOT_SENT, apply_reports, expire_unsent
from trading.services.inserts import insert_all

log = logging.getLogger(__name__)

# The venue did not try the order, because what it was to replace had ended.
NOT_ATTEMPTED = "NOT_ATTEMPTED"

Intent = OrderIntent | ListIntent
Answer = Sequence[ExecutionReport] | VenueError
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An intent with its rows."""

    intent: Intent
    trade_id: int
    orders: tuple[Order, ...]


def record(trade: Trade, intent: Intent, *, now: datetime) -> Recorded:
    """Write the rows of one intent, INITIALIZED. The caller's transaction commits them.

    Raises:
        IntegrityError: The same intent was recorded before (its client order ids are taken).
    """
    return _record_all([(trade, intent)], status=OrderStatus.INITIALIZED, now=now)[0]


def record_claimed(intents: Sequence[tuple[Trade, Intent]], *, now: datetime) -> list[Recorded]:
    """Write the rows of many intents, SUBMITTED at once: whoever commits them sends them.

    Raises:
        IntegrityError: One of them was recorded before; nothing of the caller's transaction counts.
    """
    return _record_all(intents, status=OrderStatus.SUBMITTED, now=now)


def _record_all(
    intents: Sequence[tuple[Trade, Intent]], *, status: OrderStatus, now: datetime
) -> list[Recorded]:
    """Write the rows of many intents with a constant number of statements."""
    lists = {
        intent.client_list_id: OrderList(
            client_list_id=intent.client_list_id, trade=trade, kind=intent.kind.value, created_at=now
        )
        for trade, intent in intents
        if isinstance(intent, ListIntent)
    }
    insert_all(list(lists.values()))
    recorded = [
        Recorded(intent, trade.id, tuple(_rows(trade, intent, lists, status=status, now=now)))
        for trade, intent in intents
    ]
    insert_all([order for each in recorded for order in each.orders])
    return recorded


def _rows(
    trade: Trade, intent: Intent, lists: Mapping[str, OrderList], *, status: OrderStatus, now: datetime
) -> Iterator[Order]:
    if isinstance(intent, ListIntent):
        for each in intent.orders:
            yield _row(trade, each, lists[intent.client_list_id], status=status, now=now)
    else:
        yield _row(trade, intent, None, status=status, now=now)


def _row(
    trade: Trade, intent: OrderIntent, order_list: OrderList | None, *, status: OrderStatus, now: datetime
) -> Order:
    return Order(
        client_order_id=intent.client_order_id,
        trade=trade,
        order_list=order_list,
        symbol=intent.symbol,
        role=intent.role.value,
        side=intent.side.value,
        type=intent.type.value,
        time_in_force=intent.time_in_force.value if intent.time_in_force else "",
        qty=intent.qty,
        price=intent.price,
        stop_price=intent.stop_price,
        trailing_delta_bps=intent.trailing_delta_bps,
        status=status.value,
        created_at=now,
        submitted_at=now if status is OrderStatus.SUBMITTED else None,
    )


def claim(recorded: Recorded, *, now: datetime) -> bool:
    """Commit SUBMITTED for the orders of an intent, and tell whether it may be sent.

    Compare-and-set on INITIALIZED: what another process expired meanwhile is not sent.
    """
    ids = [order.id for order in recorded.orders]
    with transaction.atomic():
        initialized = Order.objects.filter(id__in=ids, status=OrderStatus.INITIALIZED.value)
        won = set(initialized.select_for_update().order_by("pk").values_list("id", flat=True))
        Order.objects.filter(id__in=won).update(status=OrderStatus.SUBMITTED.value, submitted_at=now)
    if len(won) < len(ids):
        return False
    for order in recorded.orders:
        order.status, order.submitted_at = OrderStatus.SUBMITTED.value, now
    return True


def send(recorded: Recorded, *, venue: Venue) -> Answer:
    """Send one claimed intent and give the venue's reports, or the error that says what is known.

    Touches no database, so that it can run in a sender thread.
    """
    claimed_at = recorded.orders[0].submitted_at
    try:
        if isinstance(recorded.intent, ListIntent):
            return venue.submit_list(recorded.intent, claimed_at=claimed_at)
        return [venue.submit_order(recorded.intent, claimed_at=claimed_at)]
    except VenueError as error:
        return error


def book(answers: Sequence[tuple[Recorded, Answer]], *, now: datetime, market: MarketView | None) -> None:
    """Book answers to sent intents. An unknown outcome stays SUBMITTED, for reconcile to ask."""
    reports: list[ExecutionReport] = []
    for recorded, answer in answers:
        if isinstance(answer, VenueUncertain):
            log.warning("order.unknown", extra={"trade_id": recorded.trade_id, "error": str(answer)})
        elif isinstance(answer, VenueError):
            refused = isinstance(answer, VenueRefused)
            expire_unsent(
                recorded.orders,
                reason=str(answer) if refused else NOT_SENT,
                now=now,
                status=OrderStatus.REJECTED if refused else OrderStatus.EXPIRED,
            )
        else:
            reports += answer
    apply_reports(reports, now=now, market=market)


def submit(recorded: Recorded, *, venue: Venue, market: MarketView | None, clock: Clock) -> Answer | None:
    """Claim, send and book one recorded intent. Gives None when it was not ours to send."""
    if not claim(recorded, now=clock()):
        return None
    answer = send(recorded, venue=venue)
    book([(recorded, answer)], now=clock(), market=market)
    return answer


def submit_instead(
    target: Order, recorded: Recorded, *, venue: Venue, market: MarketView | None, clock: Clock
) -> Replacement | None:
    """Claim and send one recorded order in the place of an open one, and book what became of both.

    Gives None when it was not ours to send, when neither was done, or when nobody knows: then the row
    says which, and what was open may be open still.
    """
    if not isinstance(recorded.intent, OrderIntent) or not claim(recorded, now=clock()):
        return None
    try:
        answer = venue.replace_order(
            target.symbol,
            target.client_order_id,
            recorded.intent,
            claimed_at=recorded.orders[0].submitted_at,
        )
    except VenueError as error:
        book([(recorded, error)], now=clock(), market=market)
        return None
    placed = [answer.placed] if answer.placed is not None else []
    # In this order: the sale fills what the cancel set free.
    apply_reports([*answer.cancelled, *placed], now=clock(), market=market)
    if answer.placed is None:
        was_tried = bool(answer.cancelled)
        expire_unsent(
            recorded.orders,
            reason=answer.refusal if was_tried else NOT_ATTEMPTED,
            now=clock(),
            status=OrderStatus.REJECTED if was_tried else OrderStatus.EXPIRED,
        )
    return answer
