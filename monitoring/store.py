"""The rows of the watch, written by a thread of its own: whatever the database does, the watch goes on.

What could not be written waits here, bounded, and is written when the database takes writes again. Alerts are
kept by their newest state; a node whose alert another node has opened already goes on with that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import connection

from monitoring import rows
from monitoring.alert_rules import Watched
from monitoring.models import HealthSample, WatchMark
from monitoring.outbox import Message
from monitoring.threads import OwnThread

log = logging.getLogger(__name__)

T = TypeVar("T")

ROUND_S = 1.0
# A write that takes longer than this counts as refused: an order would wait as long.
WRITE_LIMIT_S = 1.5
MAX_SAMPLES = 2000
MAX_JOBS = 1000


@dataclass(slots=True)
class _Answer:
    """What a job gave, for one who waits a limited time."""

    is_done: threading.Event = field(default_factory=threading.Event)
    value: bool = True


class Store(OwnThread):
    """One node's writer. `node` is a name that no other process has."""

    def __init__(self, node: str, *, clock: Callable[[], datetime]) -> None:
        super().__init__("watch store")
        self._node = node
        self._clock = clock
        self._lock = threading.Lock()
        self._alerts: dict[str, Watched] = {}
        self._samples: deque[HealthSample] = deque(maxlen=MAX_SAMPLES)
        self._jobs: deque[Callable[[], None]] = deque(maxlen=MAX_JOBS)
        self._rows = rows.Rows(node, clock=clock)
        self._began_s: float | None = None
        self._is_written: bool | None = None

    @property
    def takes_writes(self) -> bool | None:
        """Say whether the database takes writes; None before the first."""
        began_s = self._began_s
        if began_s is not None and time.monotonic() - began_s > WRITE_LIMIT_S:
            return False
        return self._is_written

    def put_alert(self, watched: Watched) -> None:
        """Keep the newest state of an alert."""
        with self._lock:
            self._alerts[watched.uid] = watched
        self._wake.set()

    def put_sample(self, sample: HealthSample) -> None:
        """Keep a sample."""
        with self._lock:
            self._samples.append(sample)

    def may_send(self, message: Message, channel: str, *, limit_s: float) -> bool:
        """Claim a message for this node; True as well where the database does not say within the limit."""
        if self.takes_writes is False:
            return True
        answer = _Answer()

        def claim() -> None:
            answer.value = self._rows.claim(message, channel)
            answer.is_done.set()

        self._put_job(claim)
        return answer.value if answer.is_done.wait(limit_s) else True

    def sent(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that a channel has taken a message."""
        at = self._clock()

        def write() -> None:
            self._rows.note(message, channel, attempts=attempts, sent_at=at)
            if message.alert_uid:
                self._rows.note_told(message.alert_uid, at=at)

        self._put_job(write)

    def tried(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note another try, so that no other node takes over."""
        self._put_job(lambda: self._rows.note(message, channel, attempts=attempts))

    def given_up(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that a message will not be tried again."""
        at = self._clock()
        self._put_job(lambda: self._rows.note(message, channel, attempts=attempts, given_up_at=at))

    def _put_job(self, job: Callable[[], None]) -> None:
        with self._lock:
            self._jobs.append(job)
        self._wake.set()

    def _run(self) -> None:
        while not self._is_over:
            self._wake.wait(ROUND_S)
            self._wake.clear()
            self._began_s = time.monotonic()
            try:
                self._write()
                self._is_written = True
            except DatabaseError as error:
                if self._is_written is not False:
                    log.error("watch.not_written", extra={"error": str(error)})
                self._is_written = False
                connection.close()
            except Exception:  # the rim of a thread: the next round must still be made
                log.exception("watch.store_failed")
                self._is_written = False
            self._began_s = None
        connection.close()

    def _write(self) -> None:
        connection.close_if_unusable_or_obsolete()
        host = self._node.rpartition(":")[0]
        WatchMark.objects.update_or_create(node=host, defaults={"at": self._clock()})
        self._each(self._take_alerts, self._rows.write_alert, self._put_back_alert)
        self._each(lambda: _pop(self._samples), rows.write_sample, self._samples.appendleft)
        self._each(lambda: _pop(self._jobs), lambda job: job(), self._jobs.appendleft)

    def _each(
        self, take: Callable[[], T | None], write: Callable[[T], None], put_back: Callable[[T], None]
    ) -> None:
        """Write one after the other; what fails waits for the next round."""
        while (item := self._locked(take)) is not None:
            self._began_s = time.monotonic()
            try:
                write(item)
            except DatabaseError:
                with self._lock:
                    put_back(item)
                raise

    def _locked(self, take: Callable[[], T | None]) -> T | None:
        with self._lock:
            return take()

    def _take_alerts(self) -> Watched | None:
        # Causes first: what they explain points at their rows.
        uid = min(self._alerts, key=lambda each: self._alerts[each].first_at, default=None)
        return self._alerts.pop(uid) if uid is not None else None

    def _put_back_alert(self, watched: Watched) -> None:
        self._alerts.setdefault(watched.uid, watched)


def _pop(items: deque[T]) -> T | None:
    return items.popleft() if items else None
