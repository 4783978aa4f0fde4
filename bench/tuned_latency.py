"""Does tuning take anything from trading? From the closing frame to the order's bytes, with and without it.

    python -m bench tuned_latency

One stack, blocks of entries in turns: alone, beside a walk of tuning that never ends (with the low priority
of the analyst, who starts reviews), alone, beside it. Both sides meet the same machine.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.latency import LATENCIES, LIMIT_S, SYMBOLS, _ms, hire
from bench.promotion import INTERVAL_S, a_market
from bench.stack import ROOT, Stack, quantile, running, wait_until
from intelligence.backtest import CostModel
from intelligence.evaluation import walk
from intelligence.plans import plan_of_strategy
from trading.management.supervisor.children import give_way
from trading.management.supervisor.roles import ANALYST, NICENESS

BLOCKS = 2
FRAME, LEFT = 3, 6  # columns of LATENCIES


def measure(*, entries: int = 400, workers: int = 10) -> dict[str, Any]:
    """Give quantiles in ms of both sides, and by how much tuning changes them."""
    times: dict[str, list[float]] = {"alone": [], "beside tuning": []}
    with running("--symbols", SYMBOLS, "--seed", "11", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        hire(stack, workers)
        _wait_for(stack, 1)
        for _ in range(BLOCKS):
            times["alone"] += _block(stack, entries // BLOCKS)
            with _tuning():
                times["beside tuning"] += _block(stack, entries // BLOCKS)
        load = os.getloadavg()[0]
    sides = {
        name: {"entries": len(part), "p50": quantile(part, 0.5), "p99": quantile(part, 0.99)}
        for name, part in times.items()
    }
    change = {name: sides["beside tuning"][name] / sides["alone"][name] - 1.0 for name in ("p50", "p99")}
    return {**sides, "change": change, "load_1m": load}


def _wait_for(stack: Stack, count: int) -> list[tuple[Any, ...]]:
    def is_enough() -> bool:
        """entries that left"""
        return len(stack.rows(LATENCIES)) >= count

    wait_until(is_enough, limit_s=LIMIT_S, every_s=1.0)
    return stack.rows(LATENCIES)


def _block(stack: Stack, count: int) -> list[float]:
    before = len(stack.rows(LATENCIES))
    rows = _wait_for(stack, before + count)[before:]
    return [(_ms(row[LEFT]) - _ms(row[FRAME])) for row in rows]


@contextmanager
def _tuning() -> Iterator[None]:
    command = [sys.executable, "-m", "bench.tuned_latency"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it has compiled, and walks
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Walk forward over one market after the other until killed; say so once it does.

    In a session like the analyst's, whose child a review is.
    """
    os.setsid()
    give_way(NICENESS[ANALYST])
    plan = plan_of_strategy("CAPITULATION", interval_s=INTERVAL_S, costs=CostModel())
    for seed in itertools.count():
        walk(plan, a_market(seed, kind="planted"))
        print(seed, flush=True)  # noqa: T201 -- read by the measurement


if __name__ == "__main__":
    main()
