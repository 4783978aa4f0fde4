"""The visible order book of one symbol: ids, top of book, partial books, differences.

MarketData owns one PublicBook a symbol. It never matches anything; own orders do not show here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.paper.market_sink import Levels
from trading.paper.tape import text8

EMPTY_SIDE = (Decimal(0), Decimal(0))
REMEMBERED = 200  # books kept for a cadence nobody drains


def level_texts(levels: Levels, limit: int) -> list[list[str]]:
    """Write the best levels as the venue does."""
    return [[text8(price), text8(qty)] for price, qty in levels[:limit]]


class DepthDiff:
    """What changed in a book since the last report at one cadence."""

    def __init__(self, *, bids: Levels, asks: Levels, update_id: int) -> None:
        self._books: list[tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = []
        self._first_id = update_id + 1
        self.record(bids=bids, asks=asks)

    def record(self, *, bids: Levels, asks: Levels) -> None:
        """Remember a book that was visible in the meantime."""
        if len(self._books) >= REMEMBERED:
            del self._books[1]
        self._books.append((dict(bids), dict(asks)))

    def take(self, update_id: int) -> dict[str, Any] | None:
        """Give U, u, b, a since the last call and start anew; None when nothing happened.

        Every price touched in between is told, also one that came and went, so that a snapshot taken at
        any moment and the reports after it end in the present book.
        """
        if update_id < self._first_id:
            return None
        sides = [self._changed(side) for side in (0, 1)]
        report = {"U": self._first_id, "u": update_id, "b": sides[0][::-1], "a": sides[1]}
        self._first_id = update_id + 1
        del self._books[:-1]
        return report

    def _changed(self, side: int) -> list[list[str]]:
        first, last = self._books[0][side], self._books[-1][side]
        touched: set[Decimal] = set()
        for book in self._books[1:]:
            touched.update(price for price, _ in book[side].items() ^ first.items())
        zero = Decimal(0)
        return [[text8(price), text8(last.get(price, zero))] for price in sorted(touched)]


class PublicBook:
    """The latest book of a symbol with its update id."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.bids: Levels = ()
        self.asks: Levels = ()
        self.update_id = 0
        self.at_ms = 0
        self._diffs: dict[str, DepthDiff] = {}

    def replace(self, *, bids: Levels, asks: Levels, at_ms: int) -> bool:
        """Take the new book; say whether its top differs from the one before."""
        moved = bids[:1] != self.bids[:1] or asks[:1] != self.asks[:1]
        self.bids, self.asks, self.at_ms = bids, asks, at_ms
        self.update_id += 1
        for diff in self._diffs.values():
            diff.record(bids=bids, asks=asks)
        return moved

    @property
    def best_bid(self) -> tuple[Decimal, Decimal]:
        """Give price and quantity of the best bid, zeros for an empty side."""
        return self.bids[0] if self.bids else EMPTY_SIDE

    @property
    def best_ask(self) -> tuple[Decimal, Decimal]:
        """Give price and quantity of the best ask, zeros for an empty side."""
        return self.asks[0] if self.asks else EMPTY_SIDE

    def ticker(self) -> dict[str, Any]:
        """Give the bookTicker stream's payload."""
        (bid, bid_qty), (ask, ask_qty) = self.best_bid, self.best_ask
        return {
            "u": self.update_id,
            "s": self.symbol,
            "b": text8(bid),
            "B": text8(bid_qty),
            "a": text8(ask),
            "A": text8(ask_qty),
        }

    def depth(self, limit: int) -> dict[str, Any]:
        """Give the best levels as GET /depth and the partial depth streams do."""
        return {
            "lastUpdateId": self.update_id,
            "bids": level_texts(self.bids, limit),
            "asks": level_texts(self.asks, limit),
        }

    def take_diff(self, cadence: str) -> dict[str, Any] | None:
        """Give what changed since the last call for this cadence; the first call only begins to record."""
        diff = self._diffs.get(cadence)
        if diff is None:
            self._diffs[cadence] = DepthDiff(bids=self.bids, asks=self.asks, update_id=self.update_id)
            return None
        return diff.take(self.update_id)

    def forget_diff(self, cadence: str) -> None:
        """Stop recording for a cadence that nobody listens to."""
        self._diffs.pop(cadence, None)
