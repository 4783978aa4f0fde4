"""What every market of the paper venue has in common: the sink it speaks to and the rows it warms with.

The venue implements MarketSink and owns one Market. A market may never look at orders or balances: it only
says what the public sees. Prices and quantities are Decimal; times are integer ms UTC on the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

Levels = Sequence[tuple[Decimal, Decimal]]
Clock = Callable[[], int]

UNITS = 100_000_000  # one whole price or quantity in the integer units of WarmRow


class WarmRow(NamedTuple):
    """A closed candle of the time before the market starts; integers in 1e-8 of price and quantity.

    `span_ms` is its length, one of the venue's intervals; longer rows come first, and shorter ones begin on a
    boundary of the longer.
    """

    open_ms: int
    span_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_volume: int
    taker_quote_volume: int


class MarketDataError(Exception):
    """The data of a replay cannot be used; the text is one line that names the file and the line."""


class MarketSink(Protocol):
    """Who listens to a market: the venue."""

    def book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        """Take the whole visible book of a symbol, best level first on both sides."""

    def trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int) -> None:
        """Take one public trade."""


class Market(Protocol):
    """A source of public prices. The venue calls prepare, then warm_klines per symbol, then run."""

    async def prepare(self) -> None:
        """Fetch what warm_klines needs; most markets have it at hand."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Give the closed candles before the start as WarmRow, oldest first; empty when there are none."""

    async def run(self, sink: MarketSink) -> None:
        """Speak to the sink until cancelled, or until a replay has ended."""


def to_units(value: Decimal) -> int:
    """Turn a Decimal into the integer units of WarmRow, cutting what is finer than 1e-8."""
    return int(value.scaleb(8))
