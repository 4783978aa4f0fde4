"""Does tuning take anything from trading? From the closing frame to the order's bytes, with and without it.

    python -m bench tuned_latency

One stack, short windows in turns: alone, then beside a walk of tuning that never ends. The walk is
one process, stopped and continued, so that both sides meet the same machine in the same minutes. A 99th
percentile of bursts swings by itself: its change is told with an interval from windows drawn again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.latency import LATENCIES, LIMIT_S, SYMBOLS, _ms, hire
from bench.stack import ROOT, quantile, running, wait_until

WINDOW_S = 12.0
FRAME, LEFT = 3, 6  # columns of LATENCIES
SIDES = "alone", "beside tuning"
DRAWS, LEVEL_PERCENT = 2_000, (2.5, 97.5)


def measure(*, entries: int = 1_200, workers: int = 10) -> dict[str, Any]:
    """Give quantiles in ms of both sides, and by how much tuning changes them."""
    with running("--symbols", SYMBOLS, "--seed", "11", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        hire(stack, workers)

        def is_trading() -> bool:
            """the first entry"""
            return bool(stack.rows(LATENCIES))

        wait_until(is_trading, limit_s=LIMIT_S, every_s=1.0)
        windows = []
        with _tuning() as tuning:
            while len(stack.rows(LATENCIES)) < 2 * entries:
                windows.append([_window(tuning, order) for order in (signal.SIGSTOP, signal.SIGCONT)])
        rows = stack.rows(LATENCIES)
        load = os.getloadavg()[0]
    blocks = {name: [_times(rows, *pair[side]) for pair in windows] for side, name in enumerate(SIDES)}
    sides = {name: _quantiles([time for block in part for time in block]) for name, part in blocks.items()}
    change = {name: sides["beside tuning"][name] / sides["alone"][name] - 1.0 for name in ("p50", "p99")}
    return {**sides, "change": change, "p99_interval": _interval(blocks), "load_1m": load}


def _quantiles(times: list[float]) -> dict[str, float]:
    return {"entries": len(times), "p50": quantile(times, 0.5), "p99": quantile(times, 0.99)}


def _interval(blocks: dict[str, list[list[float]]]) -> list[float]:
    """Give the 95 % interval of the change of p99; whole windows are drawn: neighbours are no strangers."""
    random, changes = np.random.default_rng(0), []
    alone, beside = (blocks[name] for name in SIDES)
    for _ in range(DRAWS):
        drawn = [
            quantile(
                [time for number in random.integers(0, len(part), len(part)) for time in part[number]], 0.99
            )
            for part in (alone, beside)
        ]
        changes.append(drawn[1] / drawn[0] - 1.0)
    return [float(bound) for bound in np.percentile(changes, LEVEL_PERCENT)]


def _window(tuning: subprocess.Popen[str], order: signal.Signals) -> tuple[float, float]:
    """Stop or continue tuning, and give when in ms the time began and ended in which that was so."""
    tuning.send_signal(order)
    began = time.time()
    try:
        tuning.wait(WINDOW_S)
    except subprocess.TimeoutExpired:
        return began * 1e3, time.time() * 1e3
    raise SystemExit("tuning ended while it was measured")


def _times(rows: list[tuple[Any, ...]], began_ms: float, ended_ms: float) -> list[float]:
    moments = [(_ms(row[FRAME]), _ms(row[LEFT])) for row in rows]
    return [left - frame for frame, left in moments if began_ms <= frame and left <= ended_ms]


@contextmanager
def _tuning() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.endless_tuning"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():  # else it has compiled, and walks
            raise SystemExit("tuning did not start")
        yield process
    finally:
        process.kill()
        process.wait()
