"""`python -m bench.health_faults`: faults on the running stack, and when the webhook heard of them.

For each fault: health at its lowest, the messages that came, and the seconds from the fault to the
first of them. A fault is told once and within five seconds, or the row says otherwise. Not every fault can be
made here: what needs hours (growth of memory) or another machine is left to the tests of the rules.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from celery import Celery

from bench.hands import find_process
from bench.stack import Stack, running, wait_until
from tests.support.receiver import Receiver, receiving

SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"
TELL_LIMIT_S = 5.0
# How long is listened for a second message, and how long a fault lasts that ends by our hand.
LISTEN_S = 6.0
CALM_LIMIT_S = 120.0
# What an ended fault still brings.
AFTER_S = 11.0
SAMPLE_S = 11.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what the message must name, and how it is made and ended."""

    name: str
    code: str
    strike: Callable[[Stack], Any]


@dataclass(slots=True)
class Outcome:
    """What came of it. Seconds; None = never."""

    fault: str
    code: str
    began_s: float
    health_lowest: int
    told_after_s: float | None
    messages: list[str]
    is_fine: bool


def _pid(stack: Stack, name: str) -> int:
    pid = find_process(stack, name)
    if pid is None:
        raise SystemExit(f"no process {name}")
    return pid


def killed(name: str) -> Callable[[Stack], Any]:
    """Kill a process once; `up` starts it again."""

    @contextmanager
    def strike(stack: Stack) -> Iterator[None]:
        os.kill(_pid(stack, name), signal.SIGKILL)
        yield

    return strike


def frozen(name: str) -> Callable[[Stack], Any]:
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


def venue(fault: str, **params: Any) -> Callable[[Stack], Any]:
    """Arm a fault of the venue."""

    @contextmanager
    def strike(stack: Stack) -> Iterator[None]:
        stack.tell_venue("/paper/faults", {"fault": fault, "params": params})
        try:
            yield
        finally:
            stack.tell_venue("/paper/faults", {}, method="DELETE")

    return strike


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
    app = Celery(broker=f"redis+socket://{stack.home / 'redis' / 'redis.sock'}")
    app.conf.broker_transport_options = {"global_keyprefix": "fc:celery:"}
    app.send_task("trading.run_triggers", kwargs={"symbols": 7}, queue="trading", ignore_result=True)
    yield


# In an order in which no alert that is still open explains the next fault.
FAULTS = (
    Fault("a task raises", "EXCEPTIONS", broken_task),
    Fault("market sockets silent", "PRICE_AGE", venue("silent-connection", which="market")),
    Fault("executions killed", "PROCESS_MISSING:executions", killed("executions")),
    Fault("database takes no writes", "DATABASE_READ_ONLY", locked_database),
    Fault("trader killed", "PROCESS_MISSING:trader", killed("trader")),
    Fault("feed killed", "PROCESS_MISSING:feed", killed("feed")),
    Fault("redis frozen", "REDIS_SILENT", frozen("redis")),
)


def measure(names: list[str]) -> list[Outcome]:
    """Make the named faults, all without names, on one stack."""
    with receiving() as receiver:
        os.environ["NOTIFY_URLS"] = receiver.url
        with running("--symbols", SYMBOLS) as stack:
            _wait_for_health(stack)
            wanted = [fault for fault in FAULTS if not names or fault.name in names]
            outcomes = [_measure(fault, stack, receiver) for fault in wanted]
            time.sleep(SAMPLE_S)
            for outcome in outcomes:
                outcome.health_lowest = _lowest(stack, outcome)
            return outcomes


def _wait_for_health(stack: Stack) -> None:
    def is_healthy() -> bool:
        """a sample of 100"""
        newest = stack.rows("select score_min from monitoring_healthsample order by at desc limit 1")
        return bool(newest) and newest[0][0] == 100

    wait_until(is_healthy, limit_s=CALM_LIMIT_S, every_s=1.0)


def _measure(fault: Fault, stack: Stack, receiver: Receiver) -> Outcome:
    heard = len(receiver.receipts)
    began_s = time.time()
    with fault.strike(stack):
        wait_s = began_s + LISTEN_S
        while time.time() < wait_s:
            time.sleep(0.05)
    time.sleep(AFTER_S)
    receipts = [each for each in receiver.receipts[heard:] if "[OVER]" not in each.body["title"]]
    titles = [receipt.body["title"] for receipt in receipts]
    told_after_s = round(receipts[0].at_s - began_s, 2) if receipts else None
    is_fine = len(titles) == 1 and fault.code in titles[0] and (told_after_s or 0.0) < TELL_LIMIT_S
    return Outcome(fault.name, fault.code, began_s, 100, told_after_s, titles, is_fine)


def _lowest(stack: Stack, outcome: Outcome) -> int:
    begin, end = (
        datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for moment in (outcome.began_s - SAMPLE_S + 1, outcome.began_s + LISTEN_S)
    )
    query = "select min(score_min) from monitoring_healthsample where span_s = 10 and at >= ? and at < ?"
    return int(stack.rows(query, begin, end)[0][0] or 0)


def main() -> int:
    """Measure and print a table; exit 1 where a fault was not told once and in time."""
    parser = argparse.ArgumentParser(prog="python -m bench.health_faults", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(each.name for each in FAULTS)}")
    outcomes = measure(parser.parse_args().names)
    for each in outcomes:
        print(json.dumps(asdict(each)))  # noqa: T201 -- this is its answer
    return 0 if all(each.is_fine for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
