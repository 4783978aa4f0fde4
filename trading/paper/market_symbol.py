"""All public data of one symbol in one place: candles, book, tape and the rolling day.

MarketData makes one SymbolMarket a symbol; queries and streams read from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trading.paper.klines import DAY, Candle, KlineStore
from trading.paper.market_book import PublicBook
from trading.paper.tape import Tape, TapeTrade


@dataclass(slots=True)
class SymbolMarket:
    """All public data of one symbol."""

    symbol: str
    klines: KlineStore
    book: PublicBook
    tape: Tape = field(default_factory=Tape)
    traded: bool = False  # since the last round of mini tickers
    _day: tuple[int, Candle | None] = (-1, None)

    @property
    def last_trade(self) -> TapeTrade | None:
        """Give the newest trade."""
        return self.tape.trades[-1] if self.tape.trades else None

    def window(self, start_ms: int) -> Candle | None:
        """Merge everything since the moment, rounded up to a minute."""
        return self.klines.since(start_ms)

    def day(self, now_ms: int) -> Candle | None:
        """Give the rolling 24 hours; closed minutes are summed once a minute."""
        closed = self.klines.minutes_closed
        if self._day[0] != closed:
            self._day = (closed, self.klines.closed_since(now_ms - DAY))
        whole, current = self._day[1], self.klines.open_candle("1m")
        if whole is None or current is None:
            return current
        both = whole.copy_at(whole.open_ms, now_ms + 1)
        both.absorb(current)
        return both
