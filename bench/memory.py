"""Proportional memory (PSS) of every process of the stack, the paper venue apart, under load, and its slope.

Ten workers trade on fifty symbols, with a year of trades behind them, so that reports and reviews find
something. After a warm-up, in which everything that the clock asks for came once, every process is read again
and again. The slope of each series tells whether it creeps, and is taken from the middles of spans of two
minutes: a job that comes every two minutes for some seconds is in the largest sum, and in no slope.

A page that other stacks on the machine map too is shared with them, so the figures are those of the machine
as it is: `strangers` counts the Python processes that are not of this stack. This process lets go of its own
share before each reading.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.latency import WILLING
from bench.slopes import slope
from bench.stack import Stack, start, wait_until
from bench.stored_home import store_trades
from trading.paper.catalogue_symbols import known_symbols

SYMBOLS = 50
WORKERS = 10
STORED = 10_000
# What comes once an hour would be met for the first time while it is measured, and a first time loads code.
SCHEDULED = """
from celery import current_app
from django.conf import settings

for each in settings.CELERY_BEAT_SCHEDULE.values():
    current_app.send_task(each["task"], kwargs=each["kwargs"])
"""
CLOSED = "select count(*) from trading_trade where state = 'CLOSED'"
WARM_TRADES = 20
# Pools grow to their size, statements and pages are met for the first time: measured, the trader adds
# 8 MiB in four minutes, then under 1 MiB in six. A longer run sees smaller steps, and waits for their end.
WARM_UP_S = 300.0
WARM_UP_SHARE = 0.25
# A visit of two seconds must be seen, and readings must not keep step with jobs that come every second.
SAMPLE_EVERY_S = 1.1
SPAN_S = 120.0
FEWEST_SPANS = 10
LIMIT_MB = 250.0
MB = 1_000_000
MIB = 1024 * 1024
TOTAL = "total"
MARKS = {
    "trading.paper": "paper",
    "redis.sock": "redis",
    "/bin/sh": "guard",
}

LIBC = ctypes.CDLL(None, use_errno=True)

Reading = dict[str, float]


def measure(*, minutes: float = 4.0) -> dict[str, Any]:
    """Trade for so many minutes after the warm-up; give MiB by process (median) and the slope of each.

    The warm-up takes five minutes, or a quarter of what follows where that is more.

    Each reading is told on standard error, so that a run of an hour shows how far it is, and where it ended.
    """
    options = ("--symbols", _symbols(), "--seed", "11", "--balance", "USDT=100000000")
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder:
        store_trades(Path(folder), STORED)
        with start(Path(folder), *options) as stack:
            return _under_load(stack, minutes=minutes)


def _under_load(stack: Stack, *, minutes: float) -> dict[str, Any]:
    stack.delete_starters()
    for number in range(WORKERS):
        _create(stack, number)

    def trades() -> bool:
        """closed trades"""
        return bool(stack.rows(CLOSED)[0][0] >= STORED + WARM_TRADES)

    wait_until(trades, limit_s=120)
    warm_up_s = max(WARM_UP_S, minutes * 60 * WARM_UP_SHARE)
    time.sleep(warm_up_s / 2)
    stack.manage("shell", "-c", SCHEDULED)
    time.sleep(warm_up_s / 2)
    begin = stack.rows(CLOSED)[0][0]
    samples = _sample(stack, seconds=minutes * 60)
    closed = stack.rows(CLOSED)[0][0] - begin
    about = {"minutes": minutes, "warm_up_s": warm_up_s, "trades": closed, "strangers": _strangers(stack)}
    return about | summary(samples)


def _sample(stack: Stack, *, seconds: float) -> list[tuple[float, Reading]]:
    began = time.monotonic()
    samples = [(0.0, _read(stack))]
    while samples[-1][0] + SAMPLE_EVERY_S <= seconds:
        time.sleep(max(0.0, began + len(samples) * SAMPLE_EVERY_S - time.monotonic()))
        if stack.process.poll() is not None:
            raise SystemExit(f"the stack ended after {samples[-1][0]:.0f} s: {stack.last_words()}")
        samples.append((time.monotonic() - began, _read(stack)))
        _tell(*samples[-1])
    return samples


def _tell(at_s: float, reading: Reading) -> None:
    parts = " ".join(f"{name} {value:.1f}" for name, value in sorted(reading.items()))
    print(f"{at_s:6.0f} s  {sum(reading.values()):.1f} MiB: {parts}", file=sys.stderr, flush=True)  # noqa: T201 -- a command


def summary(samples: Sequence[tuple[float, Mapping[str, float]]]) -> dict[str, Any]:
    """Judge samples of (seconds, MiB by process): the middle, the largest total, the slope of each series.

    `above_limit_part` is the part of the readings whose total is not below the limit.

    A process that is absent more often than not (a command that a task starts) has no slope; its middle is
    that of its visits.
    """
    whole = [(at_s, {**each, TOTAL: sum(each.values())}) for at_s, each in samples]
    names = sorted({name for _, each in whole for name in each})
    series = {name: [(at_s, each[name]) for at_s, each in whole if name in each] for name in names}
    middle = {name: median(value for _, value in rows) for name, rows in series.items()}
    steady = {name: rows for name, rows in series.items() if 2 * len(rows) > len(whole)}
    slopes = {name: found for name, rows in steady.items() if (found := slope(middles(rows))) is not None}
    largest_mib = max(value for _, value in series[TOTAL])
    return {
        "total_mib": middle.pop(TOTAL),
        "largest_total_mib": largest_mib,
        "limit_mb": LIMIT_MB,
        "is_below_limit": largest_mib * MIB < LIMIT_MB * MB,
        "grows": slopes[TOTAL].low > 0 if TOTAL in slopes else None,
        "by_process_mib": middle,
        "slope_mib_per_hour": {
            name: {**asdict(found), "contains_zero": found.contains_zero} for name, found in slopes.items()
        },
        "above_limit_part": sum(value * MIB >= LIMIT_MB * MB for _, value in series[TOTAL]) / len(whole),
    }


def middles(rows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Give the middle of each span of two minutes, of shorter ones where there would be too few."""
    begin_s, end_s = rows[0][0], rows[-1][0]
    span_s = max(min(SPAN_S, (end_s - begin_s) / FEWEST_SPANS), SAMPLE_EVERY_S)
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for at_s, value in rows:
        spans[int((at_s - begin_s) // span_s)].append((at_s, value))
    return [(median(at_s for at_s, _ in span), median(value for _, value in span)) for span in spans.values()]


def _create(stack: Stack, number: int) -> None:
    parameters = [part for each in WILLING for part in ("--param", each)]
    stack.create_worker(
        f"bench {number}",
        *("--strategy", "DIP_REVERSION", "--quote-asset", "USDT", "--top", str(SYMBOLS), "--interval", "1s"),
        *("--trade-notional", "50", "--budget", "500", "--max-open-trades", "10"),
        *("--take-profit-bps", "30", "--stop-loss-bps", "30", "--max-hold-s", str(10 + number)),
        *("--max-spread-bps", "100", *parameters),
    )


def _symbols() -> str:
    return ",".join(known_symbols()[:SYMBOLS])


def _read(stack: Stack) -> Reading:
    _let_go()
    parent = psutil.Process(stack.process.pid)
    found = {"supervisor": parent.memory_full_info().pss / MIB}
    for process in parent.children(recursive=True):
        try:
            name = _name(" ".join(process.cmdline()))
            if name != "paper":
                found[name] = found.get(name, 0.0) + process.memory_full_info().pss / MIB
        except psutil.NoSuchProcess:  # it ended between the two questions
            continue
    return found


def _let_go() -> None:
    """Unmap what this process has read of files; what it needs comes back at the next touch.

    A library that it holds as the stack does would count less for the stack. Where a page was written to, it
    is not the file's any more, and stays.
    """
    for each in psutil.Process().memory_maps(grouped=False):
        if each.path.startswith("/") and "w" not in each.perms and not each.anonymous:
            begin, end = (int(part, 16) for part in each.addr.split("-"))
            if LIBC.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED):
                raise OSError(ctypes.get_errno(), "madvise", each.path)


def _name(line: str) -> str:
    for mark, name in MARKS.items():
        if mark in line:
            return name
    return line.removeprefix("fast-cycle: ").strip()


def _strangers(stack: Stack) -> int:
    family = {
        stack.process.pid,
        *(each.pid for each in psutil.Process(stack.process.pid).children(recursive=True)),
    }
    family |= {psutil.Process().pid}
    lines = [
        " ".join(each.info["cmdline"] or ())
        for each in psutil.process_iter(["cmdline"])
        if each.pid not in family
    ]
    return sum("python" in line or "fast-cycle" in line for line in lines)
