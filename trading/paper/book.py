"""The market's liquidity and prices of one symbol, as the engine needs them.

The market sets whole books; takers use them up from the best level until the next book. Own orders are
not in here. Knows the last price and the volume-weighted mean of the last minutes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from trading.paper.numbers import ZERO
from trading.paper.orders import BUY, SELL

Level = tuple[Decimal, Decimal]
Levels = Sequence[Level]
MINUTE_MS = 60_000
KEPT_MINUTES = 60


class Book:
    """One symbol's market. `side` always names the resting side: BUY for bids, SELL for asks."""

    def __init__(self, start_price: Decimal) -> None:
        self.last_price: Decimal | None = None
        self._start_price = start_price
        self._levels: dict[str, Levels] = {BUY: (), SELL: ()}
        self._index = {BUY: 0, SELL: 0}
        self._used = {BUY: ZERO, SELL: ZERO}
        self._minutes: deque[list[Decimal]] = deque(maxlen=KEPT_MINUTES)
        self._minute_ids: deque[int] = deque(maxlen=KEPT_MINUTES)

    def replace(self, *, bids: Levels, asks: Levels) -> None:
        """Put a whole new book, best levels first; what takers used up is back."""
        self._levels[BUY] = bids
        self._levels[SELL] = asks
        self._index[BUY] = self._index[SELL] = 0
        self._used[BUY] = self._used[SELL] = ZERO

    def best(self, side: str) -> Level | None:
        """Give price and quantity left of the best level, or None."""
        return next(self.levels(side), None)

    def levels(self, side: str) -> Iterator[Level]:
        """Give the levels left of one side, best first."""
        levels, used = self._levels[side], self._used[side]
        for index in range(self._index[side], len(levels)):
            price, qty = levels[index]
            left = qty - used
            used = ZERO
            if left > ZERO:
                yield price, left

    def take(self, side: str, qty: Decimal) -> None:
        """Use up a quantity of the best level, not more than it has."""
        levels = self._levels[side]
        index = self._index[side]
        while levels[index][1] <= self._used[side]:
            index += 1
            self._used[side] = ZERO
        self._index[side] = index
        self._used[side] += qty

    def trade(self, *, price: Decimal, qty: Decimal, at_ms: int) -> None:
        """Note a public trade."""
        self.last_price = price
        minute = at_ms // MINUTE_MS
        if not self._minute_ids or self._minute_ids[-1] != minute:
            self._minute_ids.append(minute)
            self._minutes.append([ZERO, ZERO])
        sums = self._minutes[-1]
        sums[0] += price * qty
        sums[1] += qty

    def price(self) -> Decimal:
        """Give the last price; before the first trade the mid of the book, else the start price."""
        if self.last_price is not None:
            return self.last_price
        bid, ask = self.best(BUY), self.best(SELL)
        if bid and ask:
            return (bid[0] + ask[0]) / 2
        return self._start_price

    def mean_price(self, *, minutes: int, now_ms: int) -> Decimal:
        """Give the volume-weighted mean of the last minutes; 0 minutes or no trades: the last price."""
        first = now_ms // MINUTE_MS - minutes
        worth = qty = ZERO
        for minute, sums in zip(self._minute_ids, self._minutes, strict=True):
            if minute > first:
                worth += sums[0]
                qty += sums[1]
        if minutes == 0 or qty == ZERO:
            return self.price()
        return worth / qty

    def to_state(self) -> dict[str, list[str]]:
        """Give the whole market state as texts, for a snapshot."""
        return {side: [f"{price} {left}" for price, left in self.levels(side)] for side in (BUY, SELL)} | {
            "minutes": [
                f"{minute} {sums[0]} {sums[1]}"
                for minute, sums in zip(self._minute_ids, self._minutes, strict=True)
            ],
            "last": [] if self.last_price is None else [str(self.last_price)],
        }

    def restore(self, state: dict[str, list[str]]) -> None:
        """Take over what `to_state` gave."""
        bids, asks = ([_level(line) for line in state[side]] for side in (BUY, SELL))
        self.replace(bids=bids, asks=asks)
        self._minutes.clear()
        self._minute_ids.clear()
        for line in state["minutes"]:
            minute, worth, qty = line.split()
            self._minute_ids.append(int(minute))
            self._minutes.append([Decimal(worth), Decimal(qty)])
        self.last_price = Decimal(state["last"][0]) if state["last"] else None


def _level(line: str) -> Level:
    price, qty = line.split()
    return Decimal(price), Decimal(qty)
