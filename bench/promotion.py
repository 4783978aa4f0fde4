"""Does the loop of learning promote what is only luck, and does it find what is there?

    python -m bench promotion

Noise: walks with sudden falls, after which the price falls on or comes back by the toss of a coin; with
costs nothing pays. Planted: the same walks, but each fall of 4 to 9 % comes back within hours; the champion
asks for 6 % and misses the smaller ones. Hinted: a coin as in noise, but the volume of a fall tells how it
lands, which is what a model can learn. A hundred markets of each kind are walked forward over a year of
15-minute candles on three symbols.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

import numpy as np

from intelligence.backtest import CostModel, Market, join
from intelligence.candle_files import History
from intelligence.evaluation import walk
from intelligence.plans import plan_of_strategy
from intelligence.walk_forward import Step
from trading.domain.signals import Candles

RUNS = 100
MODEL = "MODEL_ASKED"
DAYS = 365
INTERVAL_S = 900
ROWS = DAYS * 86_400 // INTERVAL_S
SYMBOLS = 3
EVENT_ROWS = 160  # a sudden move every forty hours, on average
START_MS = 1_700_000_100_000


def measure(*, runs: int = RUNS) -> dict[str, Any]:
    """Walk so many markets of each kind forward; give in how many something was promoted or asked."""
    begun = time.perf_counter()
    found = {kind: _count(kind, runs) for kind in ("noise", "planted", "hinted")}
    return {"runs": runs, "days": DAYS, **found, "seconds": round(time.perf_counter() - begun)}


def _count(kind: str, runs: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for seed in range(runs):
        market = a_market(seed, kind=kind)
        plan = plan_of_strategy("CAPITULATION", interval_s=INTERVAL_S, costs=CostModel())
        walked = walk(plan, market)
        steps = {str(each.step) for each in walked.steps}
        steps |= {MODEL for each in walked.models if each.is_asked}
        counts.update(steps)
        sys.stderr.write(f"{kind} {seed + 1}: {', '.join(sorted(steps)) or 'nothing'}\n")
    return {step.lower(): counts[step] for step in (*(str(each) for each in Step), MODEL)}


def a_market(seed: int, *, kind: str) -> Market:
    """Give three symbols: `planted`, `noise`, or `hinted`, where the volume of a fall tells what follows."""
    histories = [
        _history(f"{name}USDT", seed * SYMBOLS + number, kind=kind) for number, name in enumerate("ABC")
    ]
    return join(histories)


def _history(symbol: str, seed: int, *, kind: str) -> History:
    random = np.random.default_rng(seed)
    steps = random.normal(0.0, 15e-4, ROWS)
    volume = random.lognormal(3.0, 0.4, ROWS)
    wick = random.exponential(6e-4, (2, ROWS))
    places = np.flatnonzero(random.random(ROWS - 60) < 1.0 / EVENT_ROWS)
    for place in places[np.diff(places, prepend=-100) > 60].tolist():
        depth = random.uniform(0.04, 0.09)
        steps[place] -= 0.45 * depth
        wick[1, place] += 0.55 * depth  # the low is met inside the candle, and the close is above it
        is_back = kind == "planted" or random.random() < 0.5
        volume[place] *= 24.0 if kind == "hinted" and is_back else 8.0
        after = 0.8 * depth * (1.0 if is_back else -1.0)
        steps[place + 1 : place + 13] += after / 12
    close = np.round(100.0 * np.exp(np.cumsum(steps)), 4)
    opens = np.concatenate((close[:1], close[:-1]))
    high = np.round(np.maximum(opens, close) * (1.0 + wick[0]), 4)
    low = np.round(np.minimum(opens, close) * (1.0 - wick[1]), 4)
    times = START_MS // 900_000 * 900_000 + np.arange(ROWS, dtype=np.int64) * INTERVAL_S * 1000
    candles = Candles(times, opens, high, low, close, np.round(volume, 3), INTERVAL_S)
    return History(symbol, "15m", candles, ticks_per_unit=1e4, steps_per_unit=1e3)
