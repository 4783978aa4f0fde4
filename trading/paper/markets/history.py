"""Seeded history before the start of a synthetic market, so that strategies are warm at once.

SyntheticMarket calls it once: minutes first, then seconds from a full minute on, ending at the present price.
Pure: the moment, the prices and the seed come in.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import numpy as np
import numpy.typing as npt

from trading.paper.market_sink import UNITS, WarmRow

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MINUTE_MS = 60_000
MINUTES = 1_000
SECONDS = 600
SECOND_NOISE = 3.0  # deviation within seconds, in volatilities of a second
KEEP = 0.935  # of that deviation after one second


class HistoryFacts(Protocol):
    """What history is drawn from."""

    @property
    def tick_size(self) -> Decimal:
        """Give the smallest price increment."""

    @property
    def step_size(self) -> Decimal:
        """Give the smallest quantity increment."""

    @property
    def daily_volatility(self) -> float:
        """Give the standard deviation of a day's log return."""

    @property
    def daily_quote_volume(self) -> float:
        """Give the quote volume of a day."""


def seeded_history(
    specs: Mapping[str, HistoryFacts],
    *,
    prices: FloatArray,
    trade_rates: FloatArray,
    now_ms: int,
    seed: int,
) -> dict[str, list[tuple[int, ...]]]:
    """Draw WarmRow lists by symbol, oldest first; the last close is the given price on its tick."""
    now_s = now_ms // 1000 * 1000
    turn_ms = (now_s - SECONDS * 1000) // MINUTE_MS * MINUTE_MS
    seconds = (now_s - turn_ms) // 1000
    rows: dict[str, list[tuple[int, ...]]] = {}
    for index, (symbol, spec) in enumerate(specs.items()):
        random = np.random.default_rng([seed, index, 11])
        sigma = spec.daily_volatility / 86_400**0.5
        path = _path(random, count=seconds, sigma=sigma, noise=SECOND_NOISE)
        minute_path = _path(random, count=MINUTES, sigma=sigma * 60**0.5, noise=0.5)
        log_price = float(np.log(prices[index]))
        second_closes = log_price + path - path[-1]
        minute_closes = second_closes[0] + minute_path - minute_path[-1]
        minutes = _candles(random, minute_closes, spread=sigma * 60**0.5 * 0.4)
        shorts = _candles(random, second_closes, spread=sigma * 0.5)
        rate = float(trade_rates[index])
        long_start = turn_ms - MINUTES * MINUTE_MS
        rows[symbol] = [
            *_rows(minutes, spec, times=range(long_start, turn_ms, MINUTE_MS), rate=rate, random=random),
            *_rows(shorts, spec, times=range(turn_ms, now_s, 1000), rate=rate, random=random),
        ]
    return rows


def _path(random: np.random.Generator, *, count: int, sigma: float, noise: float) -> FloatArray:
    """Draw a log path: a random walk under a deviation that returns."""
    walk = np.cumsum(random.standard_normal(count) * sigma)
    kicks = random.standard_normal(count) * sigma * noise * (1 - KEEP**2) ** 0.5
    weights = KEEP ** np.arange(min(count, 120))
    deviation: FloatArray = np.convolve(kicks, weights)[:count]
    return walk + deviation


def _candles(random: np.random.Generator, closes: FloatArray, *, spread: float) -> FloatArray:
    """Make open, high, low, close (time, 4) from log closes; an open is the close before."""
    opens = np.concatenate((closes[:1], closes[:-1]))
    reach = np.abs(random.standard_normal((2, len(closes)))) * spread
    highs = np.maximum(opens, closes) + reach[0]
    lows = np.minimum(opens, closes) - reach[1]
    candles: FloatArray = np.exp(np.stack((opens, highs, lows, closes), axis=1))
    return candles


def _rows(
    candles: FloatArray,
    spec: HistoryFacts,
    *,
    times: range,
    rate: float,
    random: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Put prices on the tick and draw volumes; `times` are the opens, its step the length of a candle."""
    tick = max(1, int(spec.tick_size.scaleb(8)))
    step = max(1, int(spec.step_size.scaleb(8)))
    count = len(candles)
    prices = (np.maximum(1, np.rint(candles * (UNITS / tick))).astype(np.int64) * tick).tolist()
    usual = spec.daily_quote_volume * times.step / 86_400_000
    notionals = usual * random.lognormal(-0.3, 0.8, count)
    lots = np.maximum(1, notionals / candles[:, 3] * UNITS / step).astype(np.int64).tolist()
    trades = np.maximum(1, random.poisson(rate * times.step / 1000, count)).tolist()
    shares = random.uniform(0.3, 0.7, count).tolist()
    rows: list[tuple[int, ...]] = []
    for number, open_ms in enumerate(times):
        volume, taker = lots[number] * step, int(lots[number] * shares[number]) * step
        middle = (prices[number][0] + prices[number][3]) // 2
        volumes = (volume, volume * middle // UNITS, trades[number], taker, taker * middle // UNITS)
        rows.append(WarmRow._make((open_ms, times.step, *prices[number], *volumes)))
    return rows
