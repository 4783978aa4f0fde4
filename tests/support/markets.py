"""Candles and histories for tests of the back-tester: built by hand, by chance, or written as files."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from intelligence.backtest import Market
from intelligence.candle_files import History
from trading.domain.signals import Candles

START_MS = 1_700_000_040_000 // 60_000 * 60_000


def candles_of(rows: Iterable[Sequence[float]], *, interval_s: int = 60, start_ms: int = START_MS) -> Candles:
    """Build candles from (open, high, low, close)."""
    prices = np.array(list(rows), dtype=np.float64)
    times = start_ms + np.arange(len(prices), dtype=np.int64) * interval_s * 1000
    opens, high, low, close = (prices[:, column].copy() for column in range(4))
    return Candles(times, opens, high, low, close, np.full(len(prices), 10.0), interval_s)


def walk(rows: int, *, seed: int, size: float = 2e-3, interval_s: int = 60) -> Candles:
    """Build a random walk on a tick of 0.01, with volumes."""
    random = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, size, rows))), 2)
    opens = np.concatenate((close[:1], close[:-1]))
    reach = np.round(random.exponential(size / 2, (2, rows)) * close, 2)
    return Candles(
        START_MS + np.arange(rows, dtype=np.int64) * interval_s * 1000,
        opens,
        np.round(np.maximum(opens, close) + reach[0], 2),
        np.round(np.minimum(opens, close) - reach[1], 2),
        close,
        np.round(random.lognormal(2.0, 0.7, rows), 3),
        interval_s,
    )


def history(candles: Candles, symbol: str = "AAAUSDT", interval: str = "1m") -> History:
    """Give candles a name and steps."""
    return History(symbol, interval, candles, ticks_per_unit=100.0, steps_per_unit=1_000.0)


def day(market: Market, number: int) -> datetime:
    """Give the moment so many days after a market's first candle."""
    return datetime.fromtimestamp(int(market.arrays.open_s[0]), tz=UTC) + timedelta(days=number)


def write_candles(folder: Path, name: str, candles: Candles) -> Path:
    """Write a candle file as the product reads it."""
    columns = (candles.open_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
    lines = ["open_time,open,high,low,close,volume"]
    lines += [
        ",".join(f"{value:.10g}" if isinstance(value, float) else str(value) for value in row)
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    path = folder / name
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path
