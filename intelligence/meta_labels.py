"""What a model learns from: each signal of a strategy with what was known then, and whether it paid.

Called by intelligence.meta_model. Features look at the signal's candle and those before it; a label is what
a trade on that signal alone would have made, after all costs, with the moment at which that was known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from intelligence.backtest import Market, Plan, find_signals, play
from intelligence.signal_rows import figure_blocks
from trading.domain.exits import DATA_END
from trading.domain.signal_model import feature_names, with_features
from trading.domain.signals import BoolArray, FloatArray, IntArray

BINS = 5


@dataclass(frozen=True, slots=True)
class Examples:
    """Signals in time: features (signal, feature), what each made in bps, when it began and was over (s)."""

    names: tuple[str, ...]
    features: FloatArray
    bps: FloatArray
    begin_s: IntArray
    end_s: IntArray

    def __len__(self) -> int:
        return len(self.bps)

    @property
    def paid(self) -> BoolArray:
        """Say which made money."""
        return self.bps > 0.0

    @property
    def digest(self) -> str:
        """Name the data: equal examples have an equal hash."""
        state = hashlib.sha256(repr(self.names).encode())
        for column in (self.features, self.bps, self.begin_s, self.end_s):
            state.update(np.ascontiguousarray(column).tobytes())
        return state.hexdigest()


def collect(plan: Plan, market: Market) -> Examples:
    """Play every signal by itself and give those that are over, with all their features known."""
    symbols, rows = find_signals(plan, market)
    endless = replace(
        plan, wallet=plan.wallet._replace(budget=1e18, balance=1e18, max_open_trades=1, cooldown_s=0)
    )
    trips = [
        play(endless, market, symbols[place : place + 1], rows[place : place + 1]).trips
        for place in range(len(rows))
    ]
    taken = np.concatenate(trips) if trips else play(endless, market, symbols, rows).trips
    taken = taken[taken["code"] != DATA_END]
    names, table = features_at(plan, market, taken["symbol"], taken["signal_row"])
    known = ~np.isnan(table).any(axis=1)
    bps = taken["pnl"] / (taken["qty"] * taken["entry_price"]) * 1e4
    return Examples(names, table[known], bps[known], taken["entry_s"][known], taken["exit_s"][known])


def features_at(
    plan: Plan, market: Market, symbols: IntArray, rows: IntArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Give names and values (signal, feature) of what was known at signals; NaN where it was not."""
    spec, shape = plan.spec, plan.spec.shape(plan.parameters)
    told = with_features(spec)
    warmup, names = told.warmup(plan.parameters), feature_names(spec)
    table = np.full((len(rows), len(names)), np.nan)
    for number, history in enumerate(market.histories):
        own = np.flatnonzero(symbols == number)
        own_rows = rows[own] - market.first_rows[number]
        for start, figures in figure_blocks(told, history.candles, shape, warmup=warmup):
            end = start + len(figures[names[0]])
            here = (own_rows >= start) & (own_rows < end)
            columns = [figures[name][own_rows[here] - start] for name in names]
            table[own[here]] = np.stack(columns, axis=1)
    return names, table


def calibration(chances: FloatArray, paid: BoolArray) -> Sequence[tuple[float, float, int]]:
    """Give, for bins of equal size, the mean chance that was said, the share that paid, and how many."""
    order = np.argsort(chances)
    return [
        (float(chances[part].mean()), float(paid[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]
