"""Looks at Redis, database and machine, each on a thread of its own, so that one that hangs is a finding.

The watch asks for a look and takes what has come; it never waits for longer than a moment. What is not
answered in time is silent.
"""

from __future__ import annotations

import json
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
import redis
from django.db import Error as DatabaseError
from django.db import connection, connections
from redis.backoff import NoBackoff
from redis.retry import Retry

from monitoring.rules import BEAT_LATE_S, GUEST_LATE_S, HOSTS
from monitoring.snapshot import StoredInputs, read_stored
from monitoring.threads import OwnThread
from trading.selectors import live
from trading.selectors.live import LiveReading, ProcessStatus

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_LIMIT_S = 1.0
QUEUE_KEY = "fc:celery:trading"
STOPPING_KEY = "fc:stopping:{host}"
LEASE_KEY = "fc:watch:lease"
LEASE_MS = 5000
MIB = 1024 * 1024


class Look(OwnThread, Generic[T]):
    """One place to look at. `read` may hang or raise; then the look is silent."""

    def __init__(self, name: str, read: Callable[[], T], *, limit_s: float) -> None:
        super().__init__(f"look {name}")
        self._name = name
        self._read = read
        self._limit_s = limit_s
        self._done = threading.Event()
        self._value: T | None = None
        self._asked_s: float | None = None

    def ask(self) -> None:
        """Begin a look, unless the last one is still under way."""
        if self._asked_s is None:
            self._done.clear()
            self._asked_s = time.monotonic()
            self._wake.set()

    def take(self, *, wait_s: float) -> T | None:
        """Wait a moment; give the newest value, or None when the place is silent."""
        asked_s = self._asked_s
        if not self._done.wait(wait_s) and asked_s is not None and time.monotonic() - asked_s > self._limit_s:
            return None
        return self._value

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._is_over:
                connections.close_all()
                return
            try:
                self._value = self._read()
            except Exception as error:  # noqa: BLE001 -- the rim of a thread: whatever it is, the place is silent
                if self._value is not None:
                    log.warning("look.failed", extra={"look": self._name, "error": repr(error)})
                self._value = None
            self._asked_s = None
            self._done.set()


@dataclass(frozen=True, slots=True)
class Shared:
    """One look at Redis: everything live, the trading queue, and whether this node is the one that judges."""

    reading: LiveReading
    is_judge: bool
    queue_length: int
    oldest_task: str | None
    is_stopping: bool = False


def connect(redis_url: str) -> redis.Redis:
    """Give a client that answers or fails within a second."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=ANSWER_LIMIT_S,
        socket_connect_timeout=ANSWER_LIMIT_S,
        retry=Retry(NoBackoff(), 0),
    )


def look_at_redis(client: redis.Redis, *, node: str, host: str, now: datetime) -> Shared:
    """Read what is live. Raises redis.RedisError."""
    reading = live.read_live(client, now=now)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.llen(QUEUE_KEY)
        pipeline.lindex(QUEUE_KEY, -1)  # tasks are pushed on the left and taken from the right
        pipeline.exists(STOPPING_KEY.format(host=host))
        length, oldest, is_stopping = pipeline.execute()
    task = json.loads(oldest)["properties"]["delivery_tag"] if oldest else None
    return Shared(reading, hold_lease(client, node), int(length), task, bool(is_stopping))


def hold_lease(client: redis.Redis, node: str) -> bool:
    """Take or keep the right to judge; of several nodes one has it."""
    if client.set(LEASE_KEY, node, nx=True, px=LEASE_MS):
        return True
    holder: Any = client.get(LEASE_KEY)
    if holder is None or holder.decode() != node:
        return False
    client.pexpire(LEASE_KEY, LEASE_MS)
    return True


def look_at_database(*, now: datetime) -> StoredInputs:
    """Read what is held without protection and what the newest reconcile found."""
    connection.close_if_unusable_or_obsolete()
    try:
        return read_stored(now=now)
    except DatabaseError:
        connection.close()
        raise


def running_processes(reading: LiveReading, *, host: str) -> dict[str, ProcessStatus]:
    """Give the roles that surely run: a fresh heartbeat and, on this machine, a process behind it."""
    pids = {process.name: process.pid for process in reading.processes}

    def limit_s(process: ProcessStatus) -> float:
        is_guest = pids.get(HOSTS.get(process.name, "")) == process.pid
        return GUEST_LATE_S if is_guest else BEAT_LATE_S

    return {
        process.name: process
        for process in reading.processes
        if process.beat_age_ms <= limit_s(process) * 1000
        and (process.host != host or psutil.pid_exists(process.pid))
    }


def host_name() -> str:
    """Name this machine as heartbeats do."""
    return socket.gethostname()


def disk_free_mb(folder: Path) -> float:
    """Give the free space where database and logs are."""
    return shutil.disk_usage(folder).free / MIB


class QueueClock:
    """Tells how long the oldest task of a queue has been the oldest; tasks carry no moment of their own."""

    def __init__(self) -> None:
        self._task: str | None = None
        self._since_s = 0.0

    def lag_s(self, oldest_task: str | None, *, now_s: float) -> float:
        """Give the seconds since this task was first seen at the head; 0 for an empty queue."""
        if oldest_task != self._task:
            self._task, self._since_s = oldest_task, now_s
        return now_s - self._since_s if oldest_task is not None else 0.0
