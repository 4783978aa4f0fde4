"""What the outside may hear: kinds, typed payloads, and the push after commit.

Services call the `*_changed` functions inside their transaction; the feed calls `publish_prices`;
monitoring imports the group name and the payloads. A push is a hint: it leaves after commit, on a thread
of its own, may be lost, and never raises. Duties are rows, never events.
"""

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from trading.domain.values import to_ms, to_text
from trading.models import JournalEntry, Order, Trade, TradingControl, Worker

log = logging.getLogger(__name__)

GROUP = "dashboard"
SEQUENCE_KEY = "fc:event_seq"
# A commit is often followed by the next one at once (record, send, book): what comes within this time goes
# as one message, and the push stays out of the way of the order.
LINGER_S = 0.02
# The thread ends after this long without events, so that an idle process holds no loop and no connection.
IDLE_S = 5.0
MAX_WAITING = 10_000
_is_silent: ContextVar[bool] = ContextVar("events_are_silent", default=False)
SMALLEST = Decimal("0.00000001")

Kind = Literal[
    "trading.trade.changed",
    "trading.worker.changed",
    "trading.order.changed",
    "trading.control.changed",
    "trading.journal.added",
]
Price = tuple[str, str, str, int]


class TradePayload(TypedDict):
    """One trade as the dashboard keeps it. Amounts are exact text; null = not known."""

    id: int
    key: str
    worker_id: int
    symbol: str
    quote_asset: str
    state: str
    protection: str
    qty: str
    missing_qty: str
    avg_entry_price: str
    avg_exit_price: str
    entry_notional: str
    exit_notional: str
    take_profit_price: str
    stop_price: str
    fees: str | None
    realised_pnl: str | None
    entry_slippage_bps: str | None
    exit_slippage_bps: str | None
    decision_reason: str
    exit_reason: str
    opened_at_ms: int | None
    expires_at_ms: int | None
    closed_at_ms: int | None
    is_protected: bool
    unprotected_since_ms: int | None
    unprotected_s: float


class WorkerPayload(TypedDict):
    """One worker and the heart of its configuration."""

    id: int
    name: str
    state: str
    is_deleted: bool
    version: int | None
    strategy: str
    interval: str
    universe: dict[str, Any]
    trade_notional: str | None
    budget: str | None
    quote_asset: str
    state_changed_at_ms: int
    last_turn_at_ms: int | None


class OrderPayload(TypedDict):
    """One order of a trade."""

    id: int
    client_order_id: str
    trade_id: int
    symbol: str
    role: str
    side: str
    type: str
    status: str
    reason: str
    qty: str
    price: str | None
    stop_price: str | None
    filled_qty: str
    created_at_ms: int


class ControlPayload(TypedDict):
    """What the whole account may do."""

    state: str
    changed_at_ms: int | None
    changed_by: str
    reason: str


class JournalPayload(TypedDict):
    """One journal row, without its before and after."""

    id: int
    at_ms: int
    actor: str
    action: str
    subject: str
    reason: str


class Event(TypedDict):
    """One numbered event; `seq` grows by one without gaps, over all processes."""

    seq: int
    kind: str
    data: Any


def trade_changed(trade: Trade) -> None:
    """Tell that a trade was opened, filled, protected, closed or aborted."""
    publish("trading.trade.changed", trade_payload(trade))


def worker_changed(worker: Worker) -> None:
    """Tell that a worker was made, started, stopped, drained, changed or deleted."""
    publish("trading.worker.changed", worker_payload(worker))


def order_changed(order: Order) -> None:
    """Tell that an order got another status or more fills."""
    publish("trading.order.changed", order_payload(order))


def control_changed(control: TradingControl) -> None:
    """Tell that the trading state of the account changed."""
    publish("trading.control.changed", control_payload(control))


def journal_added(entry: JournalEntry) -> None:
    """Tell that the journal grew."""
    publish("trading.journal.added", journal_payload(entry))


@contextmanager
def silence() -> Iterator[None]:
    """Let nobody hear what happens meanwhile in this context: what is only played concerns no dashboard."""
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)


def publish(kind: Kind, payload: Any) -> None:
    """Hand one event to the push once the transaction is committed; a rollback drops it."""
    if _is_silent.get():
        return
    transaction.on_commit(lambda: _sender.put(kind, payload))


async def publish_prices(prices: Sequence[Price]) -> None:
    """Send changed quotes (symbol, bid, ask, arrival in ms) to every dashboard, without a number.

    Called inside the feed's event loop; a failure is logged and the next prices try again.
    """
    layer = get_channel_layer()
    if layer is None or not prices:
        return
    try:
        await layer.group_send(GROUP, {"type": "fc.prices", "prices": [list(price) for price in prices]})
    except (OSError, redis.RedisError) as error:
        log.warning("prices not pushed: %s", error)


def flush(*, timeout_s: float = 2.0) -> bool:
    """Wait until everything committed has left; say whether it did. For commands that end at once."""
    return _sender.wait(timeout_s)


def trade_payload(trade: Trade) -> TradePayload:
    """Build the payload of a trade from its row alone, without a query."""
    return TradePayload(
        id=trade.pk,
        key=trade.key,
        worker_id=trade.worker_id,
        symbol=trade.symbol,
        quote_asset=trade.quote_asset,
        state=str(trade.state),
        protection=str(trade.protection),
        qty=_text(trade.qty),
        missing_qty=_text(trade.missing_qty),
        avg_entry_price=_text(trade.avg_entry_price),
        avg_exit_price=_text(trade.avg_exit_price),
        entry_notional=_text(trade.entry_notional),
        exit_notional=_text(trade.exit_notional),
        take_profit_price=_text(trade.take_profit_price),
        stop_price=_text(trade.stop_price),
        fees=_known(trade.fees),
        realised_pnl=_known(trade.realised_pnl),
        entry_slippage_bps=_known(trade.entry_slippage_bps),
        exit_slippage_bps=_known(trade.exit_slippage_bps),
        decision_reason=trade.decision_reason,
        exit_reason=str(trade.exit_reason),
        opened_at_ms=_moment(trade.opened_at),
        expires_at_ms=_moment(trade.expires_at),
        closed_at_ms=_moment(trade.closed_at),
        is_protected=trade.is_protected,
        unprotected_since_ms=_moment(trade.unprotected_since),
        unprotected_s=trade.unprotected_s,
    )


def worker_payload(worker: Worker) -> WorkerPayload:
    """Build the payload of a worker; reads its version, which costs a query unless it came along."""
    version = worker.version
    universe = dict(version.universe) if version else {}
    return WorkerPayload(
        id=worker.pk,
        name=worker.name,
        state=str(worker.state),
        is_deleted=worker.is_deleted,
        version=version.number if version else None,
        strategy=version.strategy if version else "",
        interval=version.interval if version else "",
        universe=universe,
        trade_notional=_known(version.trade_notional) if version else None,
        budget=_known(version.budget) if version else None,
        quote_asset=str(universe.get("quote_asset", "")),
        state_changed_at_ms=to_ms(worker.state_changed_at),
        last_turn_at_ms=_moment(worker.last_turn_at),
    )


def order_payload(order: Order) -> OrderPayload:
    """Build the payload of an order from its row alone."""
    return OrderPayload(
        id=order.pk,
        client_order_id=order.client_order_id,
        trade_id=order.trade_id,
        symbol=order.symbol,
        role=str(order.role),
        side=str(order.side),
        type=str(order.type),
        status=str(order.status),
        reason=order.reason,
        qty=_text(order.qty),
        price=_known(order.price),
        stop_price=_known(order.stop_price),
        filled_qty=_text(order.filled_qty),
        created_at_ms=to_ms(order.created_at),
    )


def control_payload(control: TradingControl) -> ControlPayload:
    """Build the payload of the trading state."""
    return ControlPayload(
        state=str(control.state),
        changed_at_ms=_moment(control.changed_at),
        changed_by=control.changed_by,
        reason=control.reason,
    )


def journal_payload(entry: JournalEntry) -> JournalPayload:
    """Build the payload of a journal row."""
    return JournalPayload(
        id=entry.pk,
        at_ms=to_ms(entry.at),
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        reason=entry.reason,
    )


def _text(number: Decimal | int) -> str:
    """Write an amount as the database keeps it, so that an event and a later snapshot agree."""
    return to_text(Decimal(number).quantize(SMALLEST))


def _known(number: Decimal | None) -> str | None:
    return None if number is None else _text(number)


def _moment(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


class _Sender:
    """Numbers committed events and sends them from one thread, which lives while there is work."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, Any]] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, kind: str, payload: Any) -> None:
        """Queue one event; a full queue drops it, which a dashboard heals with its next snapshot."""
        with self._lock:
            try:
                self._waiting.put_nowait((kind, payload))
            except queue.Full:
                log.warning("event dropped, %s are waiting", MAX_WAITING)
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the queue is empty and sent."""
        done = self._waiting.all_tasks_done
        with done:
            return done.wait_for(lambda: not self._waiting.unfinished_tasks, timeout_s)

    def _run(self) -> None:
        numbers = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        with asyncio.Runner() as runner, numbers:
            while batch := self._next_batch():
                try:
                    runner.run(_send(batch, numbers))
                except Exception as error:  # noqa: BLE001 -- the rim of a thread: a lost hint is not a fault
                    log.warning("%s events not pushed: %s", len(batch), error)
                for _ in batch:
                    self._waiting.task_done()

    def _next_batch(self) -> list[tuple[str, Any]]:
        """Give what is waiting, or nothing when the thread has been idle and is to end."""
        try:
            first = self._waiting.get(timeout=IDLE_S)
        except queue.Empty:
            with self._lock:
                if self._waiting.empty():
                    self._thread = None
                    return []
            first = self._waiting.get()
        time.sleep(LINGER_S)
        return [first, *(self._waiting.get() for _ in range(self._waiting.qsize()))]


async def _send(batch: list[tuple[str, Any]], numbers: "redis.Redis") -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    last = int(numbers.incrby(SEQUENCE_KEY, len(batch)))
    events = [
        Event(seq=last - len(batch) + 1 + index, kind=kind, data=payload)
        for index, (kind, payload) in enumerate(batch)
    ]
    await layer.group_send(GROUP, {"type": "fc.events", "events": events})


_sender = _Sender()


def _forget_thread() -> None:
    """Start anew in a forked child, where the parent's thread does not exist."""
    global _sender
    _sender = _Sender()


os.register_at_fork(after_in_child=_forget_thread)
