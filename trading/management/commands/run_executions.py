"""`manage.py run_executions`: the account's own stream into the ledger, and a reconcile after every gap.

Started by `manage.py up` or a service manager. One thread books, in the order in which the venue spoke; the
event loop only listens, so that a slow database never costs the connection.
"""

import asyncio
import queue
import threading
import time
from typing import Any

import orjson
import structlog
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from redis import RedisError

from trading import bootstrap
from trading.domain.executions import AssetBalance, ExecutionReport
from trading.domain.ports import VenueError
from trading.management.event_loop import run_role
from trading.services import reconcile
from trading.services.executions import apply_balances, apply_report

log = structlog.get_logger(__name__)

STATUS_EVERY_S = 1.0
STATUS_EXPIRY_S = 15
RETRY_S = 1.0
MAX_RETRY_S = 15.0
DRAIN_LIMIT_S = 5.0
FAILED = "BOOKING_FAILED"

Heard = ExecutionReport | tuple[AssetBalance, ...]


class Command(BaseCommand):
    """Listens and books until told to stop."""

    help = "Book what the venue reports about our orders, as it happens."

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until SIGTERM, then book what was heard."""
        run_role("executions", listen)


async def listen() -> None:
    """Listen until cancelled."""
    bookkeeper = Bookkeeper()
    stream = bootstrap.open_user_stream(bookkeeper.put, bookkeeper.resync)
    client = bootstrap.get_async_redis()
    bookkeeper.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stream.run())
            while True:
                status = stream.status() | {"waiting": bookkeeper.waiting, "booked": bookkeeper.booked}
                try:
                    await client.set(bootstrap.USER_STREAM_KEY, orjson.dumps(status), ex=STATUS_EXPIRY_S)
                except RedisError as error:
                    log.warning("user_stream_status_lost", error=str(error))
                await asyncio.sleep(STATUS_EVERY_S)
    finally:
        await asyncio.to_thread(bookkeeper.stop)
        await client.aclose()


class Bookkeeper:
    """Books events one by one in a thread of its own, and reconciles when something may be missing."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Heard | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._reason: str | None = None
        self._due_s = 0.0
        self._wait_s = RETRY_S
        self.booked = 0

    @property
    def waiting(self) -> int:
        """How many events are not booked yet."""
        return self._heard.qsize()

    def start(self) -> None:
        """Begin to book."""
        self._thread.start()

    def stop(self) -> None:
        """Book what was heard, then end; give up after a while."""
        self._heard.put(None)
        self._thread.join(DRAIN_LIMIT_S)

    def put(self, event: Heard) -> None:
        """Take an event; called in the event loop."""
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
            if self._reason is not None and time.monotonic() >= self._due_s:
                self._reconcile(self._reason)
            if event:
                self._book(event)

    def _timeout_s(self) -> float | None:
        return None if self._reason is None else max(self._due_s - time.monotonic(), 0.0)

    def _reconcile(self, reason: str) -> None:
        self._reason = None
        try:
            close_old_connections()
            reconcile.run(desk=bootstrap.get_desk(), reason=reason)
            self._wait_s = RETRY_S
        except VenueError as error:
            log.warning("reconcile_postponed", reason=reason, error=str(error))
            self._try_again(reason)
        except Exception:  # the rim of the thread: the database may be away
            log.exception("reconcile_failed", reason=reason)
            self._try_again(reason)

    def _try_again(self, reason: str) -> None:
        self._due_s, self._reason = time.monotonic() + self._wait_s, reason
        self._wait_s = min(self._wait_s * 2, MAX_RETRY_S)

    def _book(self, event: Heard) -> None:
        now = bootstrap.utc_now()
        try:
            if isinstance(event, ExecutionReport):
                apply_report(event, now=now, market=bootstrap.get_market())
            else:
                apply_balances(event, now=now)
            self.booked += 1
        except Exception:  # the rim of the thread: one event must not end the ledger
            subject = event.client_order_id if isinstance(event, ExecutionReport) else "balances"
            log.exception("booking_failed", subject=subject)
            close_old_connections()
            self.resync(FAILED)
