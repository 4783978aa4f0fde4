"""Order books drawn around a price: twenty levels a side with plausible gaps and sizes.

Synthetic and candle markets own one Ladder a symbol. It is called several times a second for every symbol,
so gaps and sizes come from a pool drawn once, and only integers are multiplied into Decimals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import numpy as np

from trading.paper.market_sink import Levels

LEVELS = 20
POOL = 32
BOOK_SPAN = 6e-4  # twenty levels reach about 6 bps away


class LadderFacts(Protocol):
    """What a book is drawn from."""

    @property
    def tick_size(self) -> Decimal:
        """Give the smallest price increment."""

    @property
    def step_size(self) -> Decimal:
        """Give the smallest quantity increment."""

    @property
    def start_price(self) -> Decimal:
        """Give a typical price."""

    @property
    def spread_ticks(self) -> int:
        """Give the usual spread in ticks."""


class Ladder:
    """Books and touches of one symbol; the same calls in the same order give the same books."""

    def __init__(self, spec: LadderFacts, *, level_notional: float, seed: int) -> None:
        self._tick = spec.tick_size if spec.tick_size > 0 else Decimal("0.00000001")
        self._step = spec.step_size if spec.step_size > 0 else Decimal("0.00000001")
        self._tick_float = float(self._tick)
        self._spread = max(1, int(spec.spread_ticks))
        random = np.random.default_rng([seed, 7])
        price = float(spec.start_price)
        gap = max(1.0, price * BOOK_SPAN / LEVELS / self._tick_float)
        gaps = np.maximum(1, np.rint(random.exponential(gap, (POOL, LEVELS)))).astype(np.int64)
        gaps[:, 0] = 0
        self._offsets: list[list[int]] = np.cumsum(gaps, axis=1).tolist()
        growth = np.linspace(0.5, 1.6, LEVELS)
        notionals = level_notional * growth * random.lognormal(-0.3, 0.8, (POOL, LEVELS))
        steps = np.maximum(1, notionals / (price * float(self._step))).astype(np.int64)
        # round lots: a size the step can always carry, drawn once and shared by all books of the pool
        self._sizes: list[list[Decimal]] = [[self._step * int(size) for size in row] for row in steps]
        self._turn = 0
        self.bid = self.ask = self._tick

    def book(self, mid: float, *, wide: bool = False) -> tuple[Levels, Levels]:
        """Draw a book around the price; `wide` doubles the spread."""
        spread = self._spread * (2 if wide else 1)
        bid = max(1, round(mid / self._tick_float - spread / 2))
        ask = bid + spread
        tick, turn = self._tick, self._turn
        self._turn = (turn + 1) % (POOL * POOL)
        below, above = turn % POOL, (turn * 7 + turn // POOL) % POOL
        bids = [
            (tick * (bid - offset), size)
            for offset, size in zip(self._offsets[below], self._sizes[above], strict=True)
            if offset < bid
        ]
        asks = [
            (tick * (ask + offset), size)
            for offset, size in zip(self._offsets[above], self._sizes[below], strict=True)
        ]
        self.bid, self.ask = bids[0][0], asks[0][0]
        return bids, asks

    def touch(self, *, is_buy: bool, notional: float) -> tuple[Decimal, Decimal]:
        """Give price and quantity of a public trade at the last drawn touch, at least one step."""
        price = self.ask if is_buy else self.bid
        return price, self._step * max(1, int(notional / float(price * self._step)))
