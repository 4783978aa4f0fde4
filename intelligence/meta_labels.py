"""What a model learns from: each signal of a strategy with what was known then, and whether it paid.

Called by intelligence.meta_model. Features look at the signal's candle and those before it; a label is what
a trade on that signal alone would have made, after all costs, with the moment at which that was known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intelligence.backtest import Market, Plan, find_signals, play
from intelligence.signal_rows import figure_blocks
from trading.domain.indicators import atr, ratio_to_mean, shift
from trading.domain.signals import BoolArray, Candles, FloatArray, IntArray, ParameterValues, StrategySpec

RETURNS = (1, 6, 24)  # candles behind
ATR_LENGTH, VOLUME_LENGTH = 14, 48
DAY_MS = 86_400_000
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
    """Play every signal by itself and give those whose features are all known."""
    symbols, rows = find_signals(plan, market)
    endless = replace(
        plan, wallet=plan.wallet._replace(budget=1e18, balance=1e18, max_open_trades=1, cooldown_s=0)
    )
    trips = [
        play(endless, market, symbols[place : place + 1], rows[place : place + 1]).trips
        for place in range(len(rows))
    ]
    taken = np.concatenate(trips) if trips else play(endless, market, symbols, rows).trips
    names, table = features_at(plan, market, taken["symbol"], taken["signal_row"])
    known = ~np.isnan(table).any(axis=1)
    bps = taken["pnl"] / (taken["qty"] * taken["entry_price"]) * 1e4
    return Examples(names, table[known], bps[known], taken["entry_s"][known], taken["exit_s"][known])


def features_at(
    plan: Plan, market: Market, symbols: IntArray, rows: IntArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Give names and values (signal, feature) of what was known at signals; NaN where it was not."""
    parts: list[FloatArray] = []
    places: list[IntArray] = []
    names: tuple[str, ...] = ()
    for number, history in enumerate(market.histories):
        figures = features(plan.spec, history.candles, plan.parameters)
        names = tuple(figures)
        own = np.flatnonzero(symbols == number)
        own_rows = rows[own] - market.first_rows[number]
        parts.append(np.stack([column[own_rows] for column in figures.values()], axis=1))
        places.append(own)
    table = np.empty((len(rows), len(names)))
    table[np.concatenate(places)] = np.concatenate(parts)
    return names, table


def features(spec: StrategySpec, candles: Candles, parameters: ParameterValues) -> Mapping[str, FloatArray]:
    """Give one array per feature; NaN while warming up; no row looks at a later one."""
    own = {name: np.full(len(candles), np.nan) for name in _figure_names(spec)}
    shape, warmup = spec.shape(parameters), spec.warmup(parameters)
    for start, figures in figure_blocks(spec, candles, shape, warmup=warmup):
        for name, values in figures.items():
            own[name][start : start + len(values)] = values
    close = candles.close
    moved = {f"return_{length}_bps": (close / shift(close, length) - 1.0) * 1e4 for length in RETURNS}
    hour = candles.open_ms % DAY_MS / DAY_MS * 2.0 * np.pi
    return {
        **own,
        **moved,
        "atr_bps": atr(candles.high, candles.low, close, ATR_LENGTH) / close * 1e4,
        "volume_against_usual": np.log1p(ratio_to_mean(candles.volume, VOLUME_LENGTH)),
        "hour_sine": np.sin(hour),
        "hour_cosine": np.cos(hour),
    }


def _figure_names(spec: StrategySpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(condition.figure for condition in spec.conditions))


def calibration(chances: FloatArray, paid: BoolArray) -> Sequence[tuple[float, float, int]]:
    """Give, for bins of equal size, the mean chance that was said, the share that paid, and how many."""
    order = np.argsort(chances)
    return [
        (float(chances[part].mean()), float(paid[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    ]
