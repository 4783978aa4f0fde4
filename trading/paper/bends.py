"""The market as faults bend it: shifted, thinned out or cut into pieces, for as long as a fault says.

The venue asks here for every book and trade of its market, so that what a fault does to a symbol outlives the
next book. Lifting a bend brings the market's own book back at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trading.paper.book import Level
from trading.paper.market_sink import Levels
from trading.paper.numbers import ZERO, cut, floor_step
from trading.paper.orders import BUY

Sides = tuple[Levels, Levels]


class Bend(Protocol):
    """One change of a symbol's market."""

    def book(self, bids: Levels, asks: Levels) -> Sides:
        """Give the book as the fault wants it."""

    def price(self, price: Decimal) -> Decimal:
        """Give what a public trade at this price becomes."""


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """All prices times a factor, rounded down to the grid; asks one tick above, so that no bid meets them."""

    factor: Decimal
    tick: Decimal

    def book(self, bids: Levels, asks: Levels) -> Sides:
        """Move both sides."""
        lower = _merged((self.price(price), qty) for price, qty in bids)
        return lower, _merged((self.price(price) + self.tick, qty) for price, qty in asks)

    def price(self, price: Decimal) -> Decimal:
        """Move one price, rounded down, at least one tick."""
        return max(self.tick, cut(floor_step(price * self.factor, self.tick)))


@dataclass(frozen=True, slots=True, eq=False)
class Thin:
    """One side (BUY for bids) holds no more than `qty` in all."""

    side: str
    qty: Decimal

    def book(self, bids: Levels, asks: Levels) -> Sides:
        """Cut the side off where the quantity is used up."""
        left, kept = self.qty, []
        for price, qty in bids if self.side == BUY else asks:
            if left <= ZERO:
                break
            kept.append((price, min(qty, left)))
            left -= qty
        return (kept, asks) if self.side == BUY else (bids, kept)

    def price(self, price: Decimal) -> Decimal:
        """Leave trades as they are."""
        return price


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One side (BUY for bids) begins with `count` levels of `qty` each, from the touch on, `step` apart."""

    side: str
    qty: Decimal
    count: int
    step: Decimal

    def book(self, bids: Levels, asks: Levels) -> Sides:
        """Put the pieces first; what stood at their prices follows right behind them."""
        levels = bids if self.side == BUY else asks
        if not levels:
            return bids, asks
        away = -self.step if self.side == BUY else self.step
        pieces = [(levels[0][0] + away * number, self.qty) for number in range(self.count)]
        end = pieces[-1][0] + away
        rest = [level for level in levels if (level[0] <= end if self.side == BUY else level[0] >= end)]
        passed = sum((qty for _, qty in levels), ZERO) - sum((qty for _, qty in rest), ZERO)
        side = [*pieces, *([(end, passed)] if passed > ZERO else []), *rest]
        return (side, asks) if self.side == BUY else (bids, side)

    def price(self, price: Decimal) -> Decimal:
        """Leave trades as they are."""
        return price


class Bends:
    """The bends in force, by symbol.

    Args:
        read: Gives the present book of a symbol.
        put: Takes a book as the market's new one, without asking here again.
    """

    def __init__(self, *, read: Callable[[str], Sides], put: Callable[[str, Levels, Levels], None]) -> None:
        self._read = read
        self._put = put
        self._bends: dict[str, list[Bend]] = {}
        self._own: dict[str, Sides] = {}  # the market's last book of a bent symbol

    def book(self, symbol: str, bids: Levels, asks: Levels) -> Sides:
        """Give a new book of the market as it shall be seen."""
        bends = self._bends.get(symbol)
        if bends is None:
            return bids, asks
        self._own[symbol] = (bids, asks)
        for bend in bends:
            bids, asks = bend.book(bids, asks)
        return bids, asks

    def price(self, symbol: str, price: Decimal) -> Decimal:
        """Give the price of a trade of the market as it shall be seen."""
        for bend in self._bends.get(symbol, ()):
            price = bend.price(price)
        return price

    def lay(self, symbol: str, bend: Bend) -> Callable[[], None]:
        """Bend a symbol's market from now on; give what lifts the bend."""
        own = self._own.get(symbol) or self._read(symbol)
        self._bends.setdefault(symbol, []).append(bend)
        self._put(symbol, *self.book(symbol, *own))
        return lambda: self._lift(symbol, bend)

    def _lift(self, symbol: str, bend: Bend) -> None:
        own = self._own[symbol]
        self._bends[symbol].remove(bend)
        if not self._bends[symbol]:
            del self._bends[symbol], self._own[symbol]
        self._put(symbol, *self.book(symbol, *own))


def _merged(levels: Iterable[Level]) -> Levels:
    """Add up neighbours that came to the same price."""
    merged: list[Level] = []
    for price, qty in levels:
        if merged and merged[-1][0] == price:
            merged[-1] = (price, merged[-1][1] + qty)
        else:
            merged.append((price, qty))
    return merged
