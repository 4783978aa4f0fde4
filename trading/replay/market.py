"""What the market shows during a replay: recorded candles up to the moment, and quotes made of their opens.

Implements the MarketView port for the desk of trading.replay.stage; the clock decides how much is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.domain.exits import tick_down, tick_up
from trading.domain.market import Quote
from trading.domain.signals import Candles


@dataclass(frozen=True, slots=True)
class Tape:
    """Recorded candles of one symbol, with 1 / tick size and 1 / step size, each a power of ten."""

    symbol: str
    candles: Candles
    ticks_per_unit: float
    steps_per_unit: float

    def on_tick(self, price: float) -> Decimal:
        """Give a price that lies on the tick exactly."""
        return Decimal(round(price * self.ticks_per_unit)) / Decimal(int(self.ticks_per_unit))


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one side: fee as part of the notional, half the spread and slippage as parts of the price."""

    fee: Decimal
    half_spread: float
    slippage: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Best bid and ask of a moment, and what a taker meets there."""

    bid: Decimal
    ask: Decimal
    sold_at: Decimal
    bought_at: Decimal


def levels(tape: Tape, price: float, costs: Costs) -> Levels:
    """Give the market around a last price; a taker is worse off by the slippage."""
    ticks = tape.ticks_per_unit
    bid, ask = (
        tick_down(price * (1.0 - costs.half_spread), ticks),
        tick_up(price * (1.0 + costs.half_spread), ticks),
    )
    return Levels(
        tape.on_tick(bid),
        tape.on_tick(ask),
        tape.on_tick(tick_down(price * (1.0 - costs.half_spread - costs.slippage), ticks)),
        tape.on_tick(tick_up(ask * (1.0 + costs.slippage), ticks)),
    )


class TapeMarket:
    """Quotes and candles as far as the replay has come."""

    def __init__(self, tapes: Sequence[Tape]) -> None:
        self._tapes = {tape.symbol: tape for tape in tapes}
        self._closed = dict.fromkeys(self._tapes, 0)
        self._quotes: dict[str, Quote] = {}

    def close_candles(self, symbol: str, rows: int) -> None:
        """Let that many candles of a symbol have closed."""
        self._closed[symbol] = rows

    def show(self, quote: Quote) -> None:
        """Let this be the newest quote of its symbol."""
        self._quotes[quote.symbol] = quote

    def hide(self, symbol: str) -> None:
        """Let a symbol have no quote: its venue is down."""
        self._quotes.pop(symbol, None)

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Give the newest quotes."""
        return {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """Give the newest closed candles."""
        ends = {symbol: self._closed[symbol] for symbol in symbols if self._closed.get(symbol)}
        return {
            symbol: self._tapes[symbol].candles.part(max(0, end - length), end)
            for symbol, end in ends.items()
        }
