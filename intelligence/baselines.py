"""What a strategy has to be better than: chance with the same exits, holding, and doing nothing.

Called by `manage.py evaluate`. Chance is a thousand draws of as many entries on each symbol at random times,
left by the same exits, out of the same wallet, at the same costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from intelligence.backtest import CostModel, Market, Outcome, Plan, in_time_order, play
from intelligence.trade_kernel import TripArray
from trading.domain.signals import FloatArray, IntArray

DRAWS = 1_000
BPS = 10_000.0
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Chance:
    """The draws (draw,): mean return of a trade in bps, and profit factor; NaN where a draw had none."""

    expectancy_bps: FloatArray
    profit_factor: FloatArray


@dataclass(frozen=True, slots=True)
class Holding:
    """Buying all symbols in equal parts at the first candle and selling at the last."""

    net_return: float
    max_drawdown: float


def expectancy_bps(trips: TripArray) -> float:
    """Give the mean return of a trade on what it cost, in bps; NaN without trades."""
    returns = trips["pnl"] / (trips["qty"] * trips["entry_price"])
    return float(returns.mean()) * BPS if len(trips) else float("nan")


def profit_factor(trips: TripArray) -> float:
    """Give gains divided by losses; NaN where nothing was lost."""
    losses = -trips["pnl"][trips["pnl"] < 0].sum()
    return float(trips["pnl"][trips["pnl"] > 0].sum() / losses) if losses > 0 else float("nan")


def random_entries(plan: Plan, market: Market, outcome: Outcome, *, seed: int, draws: int = DRAWS) -> Chance:
    """Draw as many entries on each symbol as the strategy made there, `draws` times."""
    random = np.random.default_rng(seed)
    wanted = np.bincount(outcome.trips["symbol"], minlength=len(market.symbols))
    bounds = np.append(market.first_rows, market.bars)
    found = np.empty((draws, 2))
    for draw in range(draws):
        rows = [
            random.choice(end - start, size=min(count, end - start), replace=False) + start
            for (start, end), count in zip(pairwise(bounds.tolist()), wanted.tolist(), strict=True)
        ]
        symbols = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        joined: IntArray = np.concatenate(rows).astype(np.int64)
        trips = play(plan, market, *in_time_order(market, symbols, joined)).trips
        found[draw] = expectancy_bps(trips), profit_factor(trips)
    return Chance(found[:, 0], found[:, 1])


def percentile_of(value: float, draws: FloatArray) -> float | None:
    """Give the share of draws below the value, as 0 to 100; None where either is not known."""
    known = draws[~np.isnan(draws)]
    return float((known < value).mean() * 100.0) if len(known) and not np.isnan(value) else None


def hold(market: Market, costs: CostModel) -> Holding:
    """Hold all symbols in equal parts through each run of the data, with the costs of getting in and out."""
    days = np.unique(market.arrays.open_s // DAY_S)
    curves = [_curve_of(market, number, days, costs) for number in range(len(market.symbols))]
    equity = np.concatenate(([1.0], np.mean(curves, axis=0)))
    peaks = np.maximum.accumulate(equity)
    return Holding(float(equity[-1] - 1.0), float(((peaks - equity) / peaks).max()))


def _curve_of(market: Market, number: int, days: IntArray, costs: CostModel) -> FloatArray:
    """Give the worth of 1 at each day's end (day,); between runs nothing is held."""
    bounds = np.append(market.first_rows, market.bars)
    start, end, arrays = int(bounds[number]), int(bounds[number + 1]), market.arrays
    side = (costs.fee_bps + costs.spread_bps / 2.0 + costs.slippage_bps) / BPS
    worth, curve = 1.0, np.full(len(days), np.nan)
    while start < end:
        stop = int(arrays.run_ends[start])
        held = arrays.close[start:stop] / arrays.open[start] * (1.0 - side) / (1.0 + side) * worth
        curve[np.searchsorted(days, arrays.open_s[start:stop] // DAY_S)] = held  # the day's last remains
        worth, start = float(held[-1]), stop
    known = np.where(np.isnan(curve), 0, np.arange(1, len(curve) + 1))
    return np.concatenate(([1.0], curve))[np.maximum.accumulate(known)]
