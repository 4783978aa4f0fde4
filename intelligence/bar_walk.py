"""The blacklist of a walk over history: symbols barred by the rules of `manage.py screen`.

Called by intelligence.evaluation. Closed trades are looked at once a day, where live looks every hour; the
market's facts at every hour at which they can be odd.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from intelligence.backtest import Market
from intelligence.screening import (
    HOUR_S,
    LOSES,
    MARKET_SPAN,
    MOVE_BPS,
    WINDOW,
    ClosedReturn,
    Finding,
    bar_length,
    odd_market,
    poor_performers,
)
from intelligence.trade_kernel import TripArray
from trading.domain.exits import DATA_END
from trading.domain.signals import BoolArray, Candles, IntArray

SPAN_S = int(MARKET_SPAN.total_seconds())


@dataclass(frozen=True, slots=True)
class Bar:
    """One symbol kept out from a moment to another, and why."""

    finding: Finding
    since: datetime
    until: datetime


class Barrier:
    """Bars symbols as the walk goes on."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._closed = 0
        self.bars: list[Bar] = []
        for symbol, history in zip(market.symbols, market.histories, strict=True):
            self.bars += _odd_stretches(symbol, history.candles)

    def look(self, trips: TripArray, now_s: int) -> None:
        """Bar what loses beyond bad luck by the trades that had closed by now."""
        closed = trips[(trips["exit_s"] <= now_s) & (trips["code"] != DATA_END)]
        if len(closed) == self._closed:
            return
        self._closed = len(closed)
        now = datetime.fromtimestamp(now_s, tz=UTC)
        recent = closed[closed["exit_s"] > now_s - WINDOW.total_seconds()]
        bps = recent["pnl"] / (recent["qty"] * recent["entry_price"]) * 1e4
        columns = (recent["symbol"].tolist(), recent["exit_s"].tolist(), bps.tolist())
        returns = [
            ClosedReturn(self._market.symbols[number], datetime.fromtimestamp(exit_s, tz=UTC), each)
            for number, exit_s, each in zip(*columns, strict=True)
        ]
        former = sorted((each for each in self.bars if each.since <= now), key=lambda each: each.since)
        judged_from = {each.finding.symbol: each.until for each in former}
        barred = {each.finding.symbol for each in former if now < each.until}
        for finding in poor_performers(returns, ignore_before=judged_from):
            if finding.symbol not in barred:
                times = sum(
                    each.finding.symbol == finding.symbol and each.finding.reason == LOSES for each in former
                )
                self.bars.append(Bar(finding, now, now + bar_length(finding, times=times)))

    def is_free(self, symbols: IntArray, close_s: IntArray) -> BoolArray:
        """Say of each signal whether its symbol is not barred at its candle's close."""
        free = np.ones(len(symbols), dtype=bool)
        for each in self.bars:
            number = self._market.symbols.index(each.finding.symbol)
            since_s, until_s = each.since.timestamp(), each.until.timestamp()
            free &= ~((symbols == number) & (close_s >= since_s) & (close_s < until_s))
        return free


def _odd_stretches(symbol: str, candles: Candles) -> list[Bar]:
    """Give when a symbol's market was not normal, as looks at every full hour would have found it."""
    found: list[Bar] = []
    until_s = 0.0
    close_s = candles.open_ms // 1000 + candles.interval_s
    for hour_s in _hours_to_look(candles, close_s).tolist():
        if hour_s < until_s:
            continue
        first, end = np.searchsorted(close_s, (hour_s - SPAN_S, hour_s), side="right")
        finding = odd_market(symbol, candles.part(int(first), int(end)))
        if finding is not None:
            since = datetime.fromtimestamp(hour_s, tz=UTC)
            found.append(Bar(finding, since, since + bar_length(finding, times=0)))
            until_s = found[-1].until.timestamp()
    return found


def _hours_to_look(candles: Candles, close_s: IntArray) -> IntArray:
    """Give the full hours (s) that follow a wide hour or a gap: a look at any other finds nothing."""
    hours = -(-close_s // HOUR_S) * HOUR_S  # the full hour at which a candle is known
    begins = np.flatnonzero(np.diff(hours, prepend=-1))
    if not len(begins):
        return hours
    high = np.maximum.reduceat(candles.high, begins)
    low = np.minimum.reduceat(candles.low, begins)
    wide = hours[begins][(high / low - 1.0) * 1e4 >= MOVE_BPS]
    after = close_s[1:][np.diff(close_s) != candles.interval_s]
    near = (after[:, np.newaxis] // HOUR_S + 1 + np.arange(SPAN_S // HOUR_S)).ravel() * HOUR_S
    return np.unique(np.concatenate((wide, near[near <= close_s[-1]])))
