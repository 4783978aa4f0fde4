"""How risky symbols are to enter now, from candles, quote, and what is open.

Called by services.entries, under the account's lock: what it needs of the market is read before, in one
question, and only where something is to be entered. And by the admin, for every symbol that is followed. The
score itself is trading.domain.risk_score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from trading.domain.market import INTERVAL_S, ClosedCandle, Quote, spread_bps
from trading.domain.ports import MarketView
from trading.domain.risk_score import (
    HISTORY,
    RiskScore,
    comovement,
    hourly_volatility_bps,
    largest_jump_bps,
    pattern,
    risk_points,
    total_score,
)
from trading.domain.signals import Candles, FloatArray
from trading.domain.values import from_ms, to_ms
from trading.selectors.trades import busy_symbols
from trading.selectors.workers import list_subscriptions

SPARE_ROWS = 5  # the next candles may have closed while the turn was on its way
LATE = timedelta(seconds=5)  # a candle that did not come by then is missing
UNKNOWN = math.nan
LAST = HISTORY - 1


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The HISTORY candles that end at one candle, without a gap."""

    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(slots=True)
class RiskBook:
    """Candles of the turn's symbols and of what is open; what was worked out is kept for the turn."""

    _candles: dict[tuple[str, str], Candles] = field(default_factory=dict)
    _alone: dict[ClosedCandle, tuple[float, float]] = field(default_factory=dict)
    _patterns: dict[tuple[str, datetime], dict[str, FloatArray | None]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        market: MarketView,
        wanted: Iterable[ClosedCandle],
        *,
        held: Collection[str],
        followed: Callable[[str], Collection[str]],
    ) -> RiskBook:
        """Read what scores of these candles' symbols need, beside what is held now.

        Args:
            followed: Gives the symbols of which candles of an interval are kept; no others are asked for.
        """
        symbols: dict[str, set[str]] = {}
        for candle in wanted:
            if candle.interval not in symbols:
                symbols[candle.interval] = set(held).intersection(followed(candle.interval))
            symbols[candle.interval].add(candle.symbol)
        found: dict[tuple[str, str], Candles] = {}
        for interval, names in symbols.items():
            read = market.candles(sorted(names), interval, length=HISTORY + SPARE_ROWS)
            found |= {(symbol, interval): candles for symbol, candles in read.items()}
        return cls(found)

    def score(self, candle: ClosedCandle, quote: Quote, *, notional: float, held: Iterable[str]) -> RiskScore:
        """Give the risk of entering after this candle.

        Args:
            quote: A sane one.
            notional: What the trade would cost at its whole size, in the quote asset.
            held: Symbols of all open trades; what moves as this symbol does adds to the risk.
        """
        volatility, jump = self._of_its_own(candle)
        crowding = self._crowding(candle, held)
        thinner = min(quote.bid * quote.bid_qty, quote.ask * quote.ask_qty)
        depth = notional / float(thinner) if thinner > 0 else UNKNOWN
        points = risk_points(volatility, jump, float(spread_bps(quote)), depth, crowding)
        return RiskScore(total_score(points), points)

    def _of_its_own(self, candle: ClosedCandle) -> tuple[float, float]:
        if candle not in self._alone:
            stretch = self._stretch(candle.symbol, candle, back=0)
            self._alone[candle] = (UNKNOWN, UNKNOWN) if stretch is None else _alone(stretch, candle.interval)
        return self._alone[candle]

    def _crowding(self, candle: ClosedCandle, held: Iterable[str]) -> float:
        """Compare up to the candle before: that of another symbol may still be on its way."""
        patterns = self._patterns.setdefault((candle.interval, candle.open_at), {})
        mine, total = self._pattern(candle.symbol, candle, patterns), 0.0
        for symbol in held:
            theirs = patterns[symbol] if symbol in patterns else self._pattern(symbol, candle, patterns)
            if symbol != candle.symbol:
                total += comovement(mine, theirs) if mine is not None and theirs is not None else 1.0
        return total

    def _pattern(
        self, symbol: str, candle: ClosedCandle, patterns: dict[str, FloatArray | None]
    ) -> FloatArray | None:
        if symbol not in patterns:
            stretch = self._stretch(symbol, candle, back=1)
            patterns[symbol] = pattern(stretch.close, LAST) if stretch is not None else None
        return patterns[symbol]

    def _stretch(self, symbol: str, candle: ClosedCandle, *, back: int) -> _Stretch | None:
        """Give a symbol's candles up to `back` before this one; None where any is missing."""
        candles = self._candles.get((symbol, candle.interval))
        if candles is None:
            return None
        step_ms = INTERVAL_S[candle.interval] * 1000
        last_ms = to_ms(candle.open_at) - back * step_ms
        end = int(np.searchsorted(candles.open_ms, last_ms, side="right"))
        if end < HISTORY or int(candles.open_ms[end - 1]) != last_ms:
            return None
        if int(candles.open_ms[end - HISTORY]) != last_ms - LAST * step_ms:
            return None
        rows = slice(end - HISTORY, end)
        return _Stretch(candles.high[rows], candles.low[rows], candles.close[rows])


def _alone(stretch: _Stretch, interval: str) -> tuple[float, float]:
    """Give volatility and largest jump."""
    close = stretch.close.tolist()  # plain numbers: those of arrays are slow one by one
    return (
        hourly_volatility_bps(close, LAST, INTERVAL_S[interval]),
        largest_jump_bps(stretch.high.tolist(), stretch.low.tolist(), close, LAST),
    )


def list_risks(symbols: Collection[str], *, market: MarketView, now: datetime) -> dict[str, RiskScore]:
    """Give the score of each symbol that is followed and has a quote and a newest candle; others are unknown.

    Depth counts nothing here, for it depends on the size of a trade.
    """
    subscriptions = list_subscriptions(now=now)
    # Of a symbol that several workers follow, the shortest interval: it comes last.
    intervals = dict(sorted(subscriptions, key=lambda each: -INTERVAL_S[each[1]]))
    asked = [symbol for symbol in symbols if symbol in intervals]
    held, quotes = busy_symbols(), market.quotes(asked)
    found: dict[str, RiskScore] = {}
    for interval in {intervals[symbol] for symbol in asked}:
        own = [symbol for symbol in asked if intervals[symbol] == interval and symbol in quotes]
        kept = {symbol for symbol, each in subscriptions if each == interval}
        read = market.candles(sorted({*own, *(held & kept)}), interval, length=HISTORY + SPARE_ROWS)
        book = RiskBook({(symbol, interval): candles for symbol, candles in read.items()})
        for symbol in own:
            newest = _newest(symbol, interval, read.get(symbol), now=now)
            if newest is not None and quotes[symbol].is_sane:
                found[symbol] = book.score(newest, quotes[symbol], notional=0.0, held=held)
    return found


def _newest(symbol: str, interval: str, candles: Candles | None, *, now: datetime) -> ClosedCandle | None:
    if candles is None or not len(candles):
        return None
    opened = from_ms(int(candles.open_ms[-1]))
    is_late = now - opened > timedelta(seconds=2 * INTERVAL_S[interval]) + LATE
    return None if is_late else ClosedCandle(symbol, interval, opened)
