"""The back-tester against a bare hand-written loop of the same rules, in the same process.

    python -m bench backtest

Half a million one-minute bars of one symbol (a random walk with a seed): one run, a sweep over 1,000 points,
and the cost of a bar from 10,000 to 5,000,000 bars. Both sides are compiled before the clock starts; both get
the indicators of equal lengths computed once for the sweep; both run on one core. The best of several runs
counts on either side, since anything else on the machine only ever adds.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bench import bare_loop
from intelligence.backtest import CostModel, Market, Plan, join, run
from intelligence.candle_files import History
from intelligence.sweep import sweep
from trading.domain.exits import ExitTerms
from trading.domain.signals import Candles
from trading.domain.strategy import get_strategy

BARS = 500_000
LENGTHS = (10_000, 100_000, 500_000, 1_000_000, 5_000_000)
START_MS = 1_700_000_000_000 // 60_000 * 60_000
SPEC = get_strategy("DIP_REVERSION")
PARAMETERS = {**SPEC.defaults(), "reward_bps": 60.0, "trend_fall_bps": 20.0}
GRID = {
    "z_length": tuple(range(16, 36, 2)),
    "z_entry": tuple(np.linspace(1.4, 2.4, 10).tolist()),
    "reward_bps": tuple(np.linspace(40.0, 130.0, 10).tolist()),
}
TERMS = ExitTerms(200.0, 300.0, 0.0, 240.0 * 60.0)
REPEATS = 7


def random_walk(bars: int, *, seed: int = 5) -> History:
    """Give one-minute candles of a random walk with bursts of volatility, on a tick of 0.01."""
    random = np.random.default_rng(seed)
    size = 6e-4 * np.exp(0.5 * np.sin(np.arange(bars) / 3_000.0))
    close = np.round(1_000.0 * np.exp(np.cumsum(random.normal(0.0, size)) % 3.0), 2)
    opens = np.concatenate((close[:1], close[:-1]))
    reach = np.round(close * size * random.exponential(0.7, (2, bars)), 2)
    candles = Candles(
        START_MS + np.arange(bars, dtype=np.int64) * 60_000,
        opens,
        np.maximum(opens, close) + reach[0],
        np.minimum(opens, close) - reach[1],
        close,
        np.round(random.lognormal(2.0, 0.8, bars), 3),
        60,
    )
    return History("WALKUSDT", "1m", candles, ticks_per_unit=100.0, steps_per_unit=1_000.0)


def measure() -> dict[str, Any]:
    """Compare one run and a sweep with the floor, and cost per bar over lengths."""
    history, plan = random_walk(BARS), Plan(SPEC, PARAMETERS, TERMS, costs=CostModel())
    market, points = join([history]), _points()
    run(plan, market)
    _bare_run(history)
    ours_s, floor_s = _best(lambda: run(plan, market)), _best(lambda: _bare_run(history))
    trips = len(run(plan, market).trips)
    list(sweep(plan, market, points[:2]))
    sweep_s = _best(lambda: sum(len(each.trips) for _, each in sweep(plan, market, points)), repeats=2)
    bare_sweep_s = _best(lambda: _bare_sweep(history), repeats=2)
    return {
        "bars": BARS,
        "trades": trips,
        "bare_trades": _bare_run(history),
        "run": _compare(ours_s, floor_s, BARS),
        "points": len(points),
        "sweep": _compare(sweep_s, bare_sweep_s, BARS * len(points)),
        "ns_per_bar": {str(bars): _ns_per_bar(plan, join([random_walk(bars)])) for bars in LENGTHS},
        "peak_mb": {name: _peak_mb(name) for name in ("load", "run", "sweep")},
    }


def _compare(ours_s: float, floor_s: float, bars: int) -> dict[str, float]:
    return {
        "ms": round(ours_s * 1e3, 2),
        "floor_ms": round(floor_s * 1e3, 2),
        "million_bars_per_s": round(bars / ours_s / 1e6, 1),
        "floor_million_bars_per_s": round(bars / floor_s / 1e6, 1),
        "ratio_to_floor": round(floor_s / ours_s, 2),
    }


def _best(act: Callable[[], object], *, repeats: int = REPEATS) -> float:
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _points() -> list[dict[str, float]]:
    return [{**PARAMETERS, **dict(zip(GRID, values, strict=True))} for values in product(*GRID.values())]


def _bare_figures(history: History, z_length: int) -> Any:
    candles = history.candles
    lengths = z_length, int(PARAMETERS["rsi_length"]), int(PARAMETERS["trend_length"])
    return bare_loop.indicators(candles.close, candles.volume, *lengths)


def _bare_trade(history: History, figures: Any, z_entry: float, reward_bps: float) -> int:
    candles = history.candles
    limits = z_entry, PARAMETERS["rsi_entry"], reward_bps, PARAMETERS["trend_fall_bps"]
    terms = TERMS.take_profit_bps, TERMS.stop_loss_bps, int(TERMS.max_hold_s) // 60
    prices = candles.open, candles.high, candles.low, candles.close
    trades, _ = bare_loop.trade(
        *prices, figures, (*limits, PARAMETERS["volume_ratio"]), terms, 26e-4, SPEC.warmup(PARAMETERS)
    )
    return int(trades)


def _bare_run(history: History) -> int:
    figures = _bare_figures(history, int(PARAMETERS["z_length"]))
    return _bare_trade(history, figures, PARAMETERS["z_entry"], PARAMETERS["reward_bps"])


def _bare_sweep(history: History) -> int:
    trades = 0
    for z_length in GRID["z_length"]:
        figures = _bare_figures(history, int(z_length))
        for z_entry, reward_bps in product(GRID["z_entry"], GRID["reward_bps"]):
            trades += _bare_trade(history, figures, z_entry, reward_bps)
    return trades


def _ns_per_bar(plan: Plan, market: Market) -> float:
    run(plan, market)
    return round(_best(lambda: run(plan, market), repeats=3) / market.bars * 1e9, 1)


def _peak_mb(stage: str) -> float:
    """Measure the peak memory of a process of its own that loads the walk, runs it once, or sweeps it."""
    command = [sys.executable, "-m", "bench.backtest", stage]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Do one stage and print the peak memory of this process in MB."""
    plan, market = Plan(SPEC, PARAMETERS, TERMS), join([random_walk(BARS)])
    if sys.argv[1] == "run":
        run(plan, market)
    if sys.argv[1] == "sweep":
        for _ in sweep(plan, market, _points()):
            pass
    # Not getrusage: its peak is inherited from the process that started this one.
    peak_kb = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))[0]
    print(round(int(peak_kb) / 1024, 1))  # noqa: T201 -- read by the measurement


if __name__ == "__main__":
    main()
