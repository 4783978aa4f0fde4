"""What a configuration would do: which symbols it matches, and how often it would have wanted to buy.

Called by the admin's worker form. Reads only; looks at the candles that are kept, so it costs no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from trading.domain.ports import MarketView
from trading.domain.workers import WorkerConfig
from trading.selectors.workers import resolve_universes

# A day of minutes; candles of seconds are kept for twenty minutes.
CANDLES = 1440
SYMBOLS_TRIED = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """`tried` symbols had candles; `wanted` is how often each of them would have been bought, most first."""

    symbols: Sequence[str]
    tried: int
    span: timedelta
    wanted: Sequence[tuple[str, int]]


def preview(config: WorkerConfig, *, market: MarketView, now: datetime) -> Preview:
    """Ask the strategy about every kept candle of the symbols that the configuration matches now."""
    symbols = resolve_universes({0: config}, now=now)[0]
    spec = config.spec
    kept = market.candles(symbols[:SYMBOLS_TRIED], config.interval, length=CANDLES)
    wanted, longest_s = [], 0
    for symbol, candles in kept.items():
        found = spec.signals(candles, config.parameters)
        wanted.append((symbol, int(np.count_nonzero(found.entries))))
        longest_s = max(longest_s, len(candles) * candles.interval_s)
    wanted.sort(key=lambda each: (-each[1], each[0]))
    return Preview(symbols, len(kept), timedelta(seconds=longest_s), wanted)
