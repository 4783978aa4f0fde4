"""Public stream frames of a Binance-shaped venue turned into books and trades for a sink.

The tick market feeds stored frames, the mirror market feeds live ones. Prices and quantities stay exactly as
received. The book is the best bid and ask with the depth beyond it as far as frames told.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trading.paper.market_sink import Levels, MarketSink

LEVELS = 20
KNOWN_LEVELS = 400  # remembered beyond the best; deeper ones are forgotten

TextLevels = Sequence[Sequence[str]]


class SideOfBook:
    """One side: prices ascending with quantities, from depth frames."""

    def __init__(self, *, is_bid: bool) -> None:
        self._is_bid = is_bid
        self._known: dict[Decimal, Decimal] = {}
        self._prices: list[Decimal] = []

    def update(self, levels: TextLevels) -> None:
        """Apply changed levels; quantity 0 removes."""
        for price_text, qty_text in levels:
            price, qty = Decimal(price_text), Decimal(qty_text)
            if qty > 0:
                self._known[price] = qty
            else:
                self._known.pop(price, None)
        self._sort()

    def replace(self, levels: TextLevels) -> None:
        """Take the side anew."""
        self._known = {Decimal(price): Decimal(qty) for price, qty in levels}
        self._sort()

    def behind(self, best: tuple[Decimal, Decimal]) -> Levels:
        """Give the best level and the known ones behind it, best first."""
        if self._is_bid:
            prices = self._prices[: bisect_left(self._prices, best[0])][:-LEVELS:-1]
        else:
            prices = self._prices[bisect_right(self._prices, best[0]) :][: LEVELS - 1]
        return [best, *((price, self._known[price]) for price in prices)]

    def best(self) -> tuple[Decimal, Decimal] | None:
        """Give the best level that depth frames told."""
        if not self._prices:
            return None
        price = self._prices[-1 if self._is_bid else 0]
        return price, self._known[price]

    def _sort(self) -> None:
        prices = sorted(self._known)
        if len(prices) > KNOWN_LEVELS:
            dropped = prices[:-KNOWN_LEVELS] if self._is_bid else prices[KNOWN_LEVELS:]
            prices = prices[-KNOWN_LEVELS:] if self._is_bid else prices[:KNOWN_LEVELS]
            for price in dropped:
                del self._known[price]
        self._prices = prices


class FrameReader:
    """Feeds a sink from frames; books are told once per batch or before a trade, the latest only."""

    def __init__(self, sink: MarketSink, *, symbols: Collection[str]) -> None:
        self._sink = sink
        self._symbols = symbols
        self._tops: dict[str, tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]] = {}
        self._sides: dict[str, tuple[SideOfBook, SideOfBook]] = {}
        self._changed: dict[str, None] = {}

    def feed(self, stream: str, data: Mapping[str, Any], *, at_ms: int) -> None:
        """Take one frame; frames of other streams or symbols are left out."""
        name, _, kind = stream.partition("@")
        symbol = name.upper()
        if symbol not in self._symbols:
            return
        if kind == "trade":
            self._tell(symbol, at_ms)
            self._sink.trade(
                symbol,
                price=Decimal(data["p"]),
                qty=Decimal(data["q"]),
                buyer_is_maker=bool(data["m"]),
                at_ms=at_ms,
            )
        elif kind == "bookTicker":
            bid = (Decimal(data["b"]), Decimal(data["B"]))
            ask = (Decimal(data["a"]), Decimal(data["A"]))
            self._tops[symbol] = (bid, ask)
            self._changed[symbol] = None
        elif kind.startswith("depth"):
            self._depth(symbol, data)

    def flush(self, at_ms: int) -> None:
        """Tell the books that changed since the last time."""
        for symbol in list(self._changed):
            self._tell(symbol, at_ms)

    def _depth(self, symbol: str, data: Mapping[str, Any]) -> None:
        bids, asks = self._sides.setdefault(symbol, (SideOfBook(is_bid=True), SideOfBook(is_bid=False)))
        if "bids" in data:
            bids.replace(data["bids"])
            asks.replace(data["asks"])
        else:
            bids.update(data["b"])
            asks.update(data["a"])
        self._changed[symbol] = None

    def _tell(self, symbol: str, at_ms: int) -> None:
        if symbol not in self._changed:
            return
        del self._changed[symbol]
        sides, top = self._sides.get(symbol), self._tops.get(symbol)
        if top is None and sides is not None:
            best_bid, best_ask = sides[0].best(), sides[1].best()
            if best_bid is None or best_ask is None or best_bid[0] >= best_ask[0]:
                return  # a book put together from differences alone is not whole yet
            top = (best_bid, best_ask)
        if top is None:
            return
        bids: Levels = [top[0]] if sides is None else sides[0].behind(top[0])
        asks: Levels = [top[1]] if sides is None else sides[1].behind(top[1])
        self._sink.book(symbol, bids=bids, asks=asks, at_ms=at_ms)
