"""The faults that `bench.health_faults` makes on a running stack: how each is struck and ended.

They come in waves, one stack each: the operator hears of one code at most every ten minutes, so a wave has
each code once, and none that an alert of the wave that is still open would explain.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import redis
from celery import Celery

from bench.hands import find_process
from bench.stack import Stack, wait_until

Strike = Callable[[Stack], AbstractContextManager[None]]
MIB = 1024 * 1024
HOG_MB = 220  # of the 256 that it may have
DISK_MB = 800


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what the message must name (one of several, where it is seen first), how it is struck.

    `begins_s` is how long it takes by design until the fault is one: a socket counts as silent only after
    a while, what others use of the budget is told with the next answer (every 6 s), memory is measured every
    4 s. The five seconds count from then.
    """

    name: str
    code: str
    strike: Strike
    begins_s: float = 0.0


def _pid(stack: Stack, name: str) -> int:
    pid = find_process(stack, name)
    if pid is None:
        raise SystemExit(f"no process {name}")
    return pid


def killed(name: str) -> Strike:
    """Kill a process once; `up` starts it again."""

    @contextmanager
    def strike(stack: Stack) -> Iterator[None]:
        os.kill(_pid(stack, name), signal.SIGKILL)
        yield

    return strike


def frozen(name: str) -> Strike:
    """Stop a process for a while."""

    @contextmanager
    def strike(stack: Stack) -> Iterator[None]:
        process = psutil.Process(_pid(stack, name))
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    return strike


def venue(fault: str, **params: Any) -> Strike:
    """Arm a fault of the venue for a while."""

    @contextmanager
    def strike(stack: Stack) -> Iterator[None]:
        stack.tell_venue("/paper/faults", {"fault": fault, "params": params})
        try:
            yield
        finally:
            stack.tell_venue("/paper/faults", {}, method="DELETE")
            stack.tell_venue("/paper/control", {"pardon": True})

    return strike


def refused(door: str) -> Strike:
    """Cut the sockets of a door and refuse new ones for a while."""
    return venue("connections-refused", which=door, retry_after_s=0)


@contextmanager
def locked_database(stack: Stack) -> Iterator[None]:
    """Hold the lock that every write needs."""
    with closing(sqlite3.connect(stack.home / "fastcycle.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")


@contextmanager
def broken_task(stack: Stack) -> Iterator[None]:
    """Publish a task that raises."""
    _publish(stack, "trading.run_triggers", symbols=7)
    yield


def _publish(stack: Stack, task: str, **kwargs: Any) -> None:
    app = Celery(broker=f"redis+socket://{stack.home / 'redis' / 'redis.sock'}")
    app.conf.broker_transport_options = {"global_keyprefix": "fc:celery:"}
    app.send_task(task, kwargs=kwargs, queue="trading", ignore_result=True)


def _write(stack: Stack, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(stack.home / "fastcycle.sqlite3", timeout=20)) as database, database:
        database.execute(statement, values)


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")


@contextmanager
def damaged_ledger(stack: Stack) -> Iterator[None]:
    """Let the ledger say less than the venue holds, and reconcile; then mend it and reconcile again."""
    change = "update trading_balance set ledger = cast(cast(ledger as real) + ? as text) where asset = 'USDT'"
    _write(stack, change, -5)
    if json.loads(stack.manage("reconcile", "--json"))["clean"]:
        raise SystemExit("the ledger agrees in spite of the damage")
    try:
        yield
    finally:
        _write(stack, change, 5)
        stack.manage("reconcile", "--json")


@contextmanager
def unknown_order(stack: Stack) -> Iterator[None]:
    """Let the newest reconcile have found an order of unknown end; the next one is a row of its own."""
    newest = "select max(id) from trading_reconcilerun"
    _write(stack, "update trading_reconcilerun set unknown_orders = 1 where id = ?", stack.rows(newest)[0][0])
    yield


@contextmanager
def no_reconcile(stack: Stack) -> Iterator[None]:
    """Let all reconciles have ended seven minutes ago."""
    _write(stack, "update trading_reconcilerun set at = ?", _ago(420))
    yield


@contextmanager
def bare_position(stack: Stack) -> Iterator[None]:
    """Let a trade count as bare for as long as it lasts, whatever the watchdog writes meanwhile."""
    wait_until(lambda: bool(_held(stack)), limit_s=60)
    is_over = threading.Event()
    key = _held(stack)[0]

    def insist() -> None:
        while not is_over.wait(0.2):
            _write(stack, "update trading_trade set unprotected_since = ? where id = ?", _ago(30), key)

    thread = threading.Thread(target=insist)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        _write(stack, "update trading_trade set unprotected_since = null where id = ?", key)


def _held(stack: Stack) -> list[int]:
    return [pk for (pk,) in stack.rows("select id from trading_trade where state = 'OPEN' order by id desc")]


@contextmanager
def hungry_redis(stack: Stack) -> Iterator[None]:
    """Let Redis take memory until the stack ends."""
    with redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock")) as client:
        client.setrange("bench:filler", HOG_MB * MIB - 1, b"x")
    yield


@contextmanager
def full_disk(stack: Stack) -> Iterator[None]:
    """Fill the file system that the home folder is on."""
    filler = stack.home / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, DISK_MB * MIB)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def stuck_queue(stack: Stack) -> Iterator[None]:
    """Hold the trader's tasks: its workers wait for a lock in the database while others come."""
    process = psutil.Process(_pid(stack, "trader"))
    client = redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock"))
    # Its heartbeat goes on, spoken by us: a trader that lives and takes no task.
    said = json.loads(client.get("fc:process:trader") or b"{}")
    beat_said = json.loads(client.get("fc:process:beat") or b"{}")
    is_over = threading.Event()
    process.suspend()

    def beat() -> None:
        while not is_over.wait(0.5):
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            for name, words in (("trader", said), ("beat", beat_said)):
                client.set(f"fc:process:{name}", json.dumps({**words, "beat_at_ms": now_ms}), ex=10)

    thread = threading.Thread(target=beat)
    thread.start()
    _publish(stack, "trading.run_upkeep")
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        process.resume()


WAVES: tuple[tuple[Fault, ...], ...] = (
    (
        Fault("a task raises", "EXCEPTIONS", broken_task),
        Fault(
            "market sockets silent", "PRICE_AGE|FEED_DOWN", venue("silent-connection", which="market"), 2.0
        ),
        Fault("database takes no writes", "DATABASE_READ_ONLY", locked_database),
        Fault("trader killed", "PROCESS_MISSING:trader", killed("trader")),
        Fault("feed killed", "PROCESS_MISSING:feed", killed("feed")),
        Fault("redis frozen", "REDIS_SILENT", frozen("redis")),
    ),
    (
        Fault("no reconcile for 7 minutes (row)", "RECONCILE_AGE", no_reconcile),
        Fault("another program on the address", "WEIGHT_USED", venue("weight-jump", by=5000), 6.0),
        Fault("trading shut at the venue (503)", "ERROR_RATIO", venue("maintenance"), 6.0),
        Fault("ledger damaged", "LEDGER_DIFFERS", damaged_ledger),
        Fault("market sockets refused", "FEED_DOWN", refused("streams")),
        Fault("user sockets refused", "USER_STREAM_DOWN", refused("ws-api")),
        # Told by the first that is seen of it; what follows is the same trouble.
        Fault("trader frozen", "QUEUE_LAG|PROCESS_MISSING:trader", frozen("trader"), 2.0),
        Fault("feed frozen", "PROCESS_MISSING:feed", frozen("feed"), 4.0),
    ),
    (
        Fault("an order of unknown end (row)", "ORDERS_UNKNOWN", unknown_order),
        Fault("a position stays bare (row)", "POSITION_UNPROTECTED", bare_position),
        Fault("disk nearly full", "DISK_FREE", full_disk),
        Fault(
            "the account's line hangs",
            "USER_STREAM_AGE|USER_STREAM_DOWN",
            venue("outage", how="silent", which="ws-api"),
            12.0,
        ),
        Fault("queue stuck", "QUEUE_LAG", stuck_queue, 2.0),
        Fault("venue unreachable", "VENUE_DOWN", venue("outage", how="reset")),
    ),
    (
        Fault("venue frozen", "PRICE_AGE|FEED_DOWN|VENUE_DOWN", frozen("paper"), 2.0),
        Fault("Redis takes 220 MB", "MEMORY_USED", hungry_redis, 4.0),
        Fault("venue bans us (418)", "VENUE_BLOCKED|USER_STREAM_DOWN", venue("ban", ban_s=6)),
    ),
    (
        Fault("weight of the minute spent (429)", "VENUE_BLOCKED", venue("weight-spent"), 6.0),
        Fault("venue answers with its gateway's page", "VENUE_DOWN", venue("outage", how="gateway")),
    ),
)
