"""`manage.py run_executions`: the account's own stream into the ledger, and a reconcile after every gap.

Started by `manage.py up` or a service manager. One thread books, in the order in which the venue spoke; the
event loop only listens, so that a slow database never costs the connection. Only the holder of the lease
books; a standby listens, and asks for everything when it takes over.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
import redis
import redis.asyncio
from celery import current_app
from django.core.management.base import BaseCommand
from django.db import close_old_connections

from trading import bootstrap
from trading.domain.executions import ExecutionReport, Transfer
from trading.domain.ports import VenueError
from trading.exchange.decode import UserEvent
from trading.exchange.user_stream import UserStream
from trading.management.event_loop import run_roles
from trading.market.lease import Lease
from trading.market.together import run_together
from trading.selectors.ledger import is_held
from trading.selectors.trades import list_unprotected
from trading.services import reconcile
from trading.services.executions import apply_balances, apply_reports
from trading.services.foreign import book_foreign
from trading.services.ledger import book_transfers

log = logging.getLogger(__name__)

STATUS_EVERY_S = 1.0
STANDBY_KEY = "fc:user_stream:standby"
STATUS_EXPIRY_S = 15
RETRY_S = 1.0
MAX_RETRY_S = 15.0
DRAIN_LIMIT_S = 5.0
FAILED = "BOOKING_FAILED"
TAKEN_OVER = "EXECUTIONS_TAKEN_OVER"
TAKEN = "HELD_ASSET_TAKEN"
MAX_TOGETHER = 200
# One order is told in several events within milliseconds. Booked one by one they would hold the database's
# lock, and a processor, while other orders of the same moment have not left yet.
GATHER_S = 0.02
CALL_EXPIRES_S = 5  # the watchdog comes by itself every two seconds

Heard = UserEvent | tuple[()]  # the empty one only wakes


class Command(BaseCommand):
    """Listens and books until told to stop."""

    help = "Book what the venue reports about our orders, as it happens."

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until SIGTERM, then book what was heard."""
        run_roles({"executions": listen})


async def listen() -> None:
    """Listen until cancelled."""
    lease = bootstrap.open_lease("executions")
    bookkeeper = Bookkeeper(may_book=lambda: lease.is_held)
    # Nobody may have booked what came before.
    lease.on_taken = lambda: bookkeeper.resync(TAKEN_OVER)
    stream = bootstrap.open_user_stream(bookkeeper.put, bookkeeper.resync)
    client = bootstrap.get_async_redis()
    bookkeeper.start()
    try:
        await run_together(
            lease.run(),
            stream.run(),
            _show_status(client, stream, bookkeeper, lease),
        )
    finally:
        await asyncio.to_thread(bookkeeper.stop)
        await client.aclose()


async def _show_status(
    client: redis.asyncio.Redis, stream: UserStream, bookkeeper: "Bookkeeper", lease: Lease
) -> None:
    while True:
        status = (
            stream.status()
            | lease.status()
            | {
                "reconciled": bookkeeper.is_reconciled,
                "waiting": bookkeeper.waiting,
                "booked": bookkeeper.booked,
            }
        )
        try:
            key = bootstrap.USER_STREAM_KEY if lease.is_held else STANDBY_KEY
            await client.set(key, orjson.dumps(status), ex=STATUS_EXPIRY_S)
        except redis.RedisError as error:
            log.warning("user_stream_status_lost", extra={"error": str(error)})
        await asyncio.sleep(STATUS_EVERY_S)


class Bookkeeper:
    """Books events in a thread of its own, and reconciles when something may be missing.

    While it may not book, events and wishes are dropped: whoever may asks for everything when it begins to.
    """

    def __init__(self, *, may_book: Callable[[], bool]) -> None:
        self._may_book = may_book
        self._heard: queue.Queue[Heard | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._reason: str | None = None
        self._due_s = 0.0
        self._wait_s = RETRY_S
        self._is_asking = True  # until the first reconcile has ended well
        self.booked = 0

    @property
    def waiting(self) -> int:
        """How many events are not booked yet."""
        return self._heard.qsize()

    @property
    def is_reconciled(self) -> bool:
        """Tell whether nothing may be missing: no reconcile is wanted or under way. Entries wait for it."""
        return self._reason is None and not self._is_asking

    def start(self) -> None:
        """Begin to book."""
        self._thread.start()

    def stop(self) -> None:
        """Book what was heard, then end; give up after a while."""
        self._heard.put(None)
        self._thread.join(DRAIN_LIMIT_S)

    def put(self, event: Heard) -> None:
        """Take an event; called in the event loop."""
        if self._may_book():
            self._heard.put(event)

    def resync(self, reason: str) -> None:
        """Ask for a reconcile, which begins at once and goes before events that come later."""
        self._due_s, self._reason = 0.0, reason
        self._heard.put(())

    def _run(self) -> None:
        while True:
            try:
                event = self._heard.get(timeout=self._timeout_s())
            except queue.Empty:
                event = ()
            if event is None:
                return
            if not self._may_book():
                self._reason, self._is_asking = None, True
                continue
            if self._reason is not None and time.monotonic() >= self._due_s:
                self._reconcile(self._reason)
            if event:
                time.sleep(GATHER_S)
                self._book(self._with_waiting(event))

    def _with_waiting(self, event: Heard) -> list[Heard]:
        """Give the event and those that wait behind it, up to the next one that only wakes."""
        together = [event]
        while len(together) < MAX_TOGETHER:
            try:
                following = self._heard.get_nowait()
            except queue.Empty:
                break
            if not following:
                self._heard.put(following)
                break
            together.append(following)
        return together

    def _timeout_s(self) -> float | None:
        return None if self._reason is None else max(self._due_s - time.monotonic(), 0.0)

    def _reconcile(self, reason: str) -> None:
        self._is_asking = True  # before the wish is taken back, so that no moment looks reconciled
        self._reason = None
        try:
            close_old_connections()
            reconcile.run(desk=bootstrap.get_desk(), reason=reason)
            self._wait_s = RETRY_S
            self._is_asking = False
        except VenueError as error:
            log.warning("reconcile_postponed", extra={"reason": reason, "error": str(error)})
            self._try_again(reason)
        except Exception:  # the rim of the thread: the database may be away
            log.exception("reconcile_failed", extra={"reason": reason})
            self._try_again(reason)

    def _try_again(self, reason: str) -> None:
        self._due_s, self._reason = time.monotonic() + self._wait_s, reason
        self._wait_s = min(self._wait_s * 2, MAX_RETRY_S)

    def _book(self, events: Sequence[Heard]) -> None:
        """Book what has come together in one transaction; where that fails, one by one."""
        reports = [event for event in events if isinstance(event, ExecutionReport)]
        try:
            self._write(reports, events)
        except Exception:  # the rim of the thread: one event must not keep the others out of the ledger
            log.exception(
                "booking_failed", extra={"subjects": [report.client_order_id for report in reports]}
            )
            close_old_connections()
            for event in events:
                if not isinstance(event, tuple):
                    self._book_alone(event)
            self.resync(FAILED)

    def _write(self, reports: Sequence[ExecutionReport], events: Sequence[Heard]) -> None:
        now = bootstrap.utc_now()
        if reports and apply_reports(reports, now=now, market=bootstrap.get_market()):
            self._call_for_protection()
        self._book_outsiders(reports, [event for event in events if isinstance(event, Transfer)], now=now)
        # The newest word about an asset counts.
        newest = {each.asset: each for event in events if isinstance(event, tuple) for each in event}
        if newest:
            apply_balances(list(newest.values()), now=now)
        self.booked += len(events)

    def _book_outsiders(
        self, reports: Sequence[ExecutionReport], transfers: Sequence[Transfer], *, now: datetime
    ) -> None:
        """Book what others did; where they took what a trade holds, reconcile finds out how much is left."""
        changes = book_foreign(reports, now=now, market=bootstrap.get_market(), actor="executions")
        if transfers:
            changes += book_transfers(transfers, now=now)
        taken = {change.asset for change in changes if change.amount < 0}
        if taken and is_held(taken):
            self.resync(TAKEN)

    def _call_for_protection(self) -> None:
        """Wake the watchdog for what was bought and has lost its exits, or never got them."""
        symbols = list_unprotected()
        if symbols:
            current_app.send_task(
                "trading.run_triggers",
                kwargs={"symbols": symbols},
                queue="trading",
                ignore_result=True,
                expires=CALL_EXPIRES_S,
            )

    def _book_alone(self, event: ExecutionReport | Transfer) -> None:
        report = event if isinstance(event, ExecutionReport) else None
        try:
            self._write([report] if report else [], [event])
        except Exception:  # the rim of the thread: reconcile asks for what this event would have told
            log.exception("booking_failed", extra={"subjects": [report.client_order_id if report else ""]})
            close_old_connections()
