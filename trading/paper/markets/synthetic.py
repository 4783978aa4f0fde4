"""The synthetic market: seeded prices for all symbols that behave like a market and never stand still.

Each step moves all symbols at once: a common factor led by BTC, regimes (range, trend up, trend down, high
volatility), a deviation that returns within seconds, and sudden dips and spikes that mostly recover.
It is friendlier to short strategies than life; what is earned here says nothing about a real venue.
Given seed, symbols and step count the prices are the same on every run; only the time stamps are the clock's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trading.paper.market_sink import Clock, MarketSink
from trading.paper.markets.history import seeded_history
from trading.paper.markets.ladder import Ladder, LadderFacts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STEP_MS = 200
SECONDS_A_DAY = 86_400.0
# regimes: range, trend up, trend down, high volatility
DRIFT = np.array([0.0, 0.12, -0.12, 0.0])  # of a second's volatility, per second
VOLATILITY = np.array([0.8, 0.9, 0.9, 2.2])
REGIME_S = 240.0  # mean length of a regime
REGIME_ODDS = np.array([0.5, 0.2, 0.2, 0.1])
RETURN_S = 15.0  # time constant of the short deviation
DEVIATION = 7.0  # its standard deviation, in volatilities of a second
JUMP_EVERY_S = 240.0
SHARED_JUMP_EVERY_S = 300.0  # the whole market at once
JUMP = 40.0  # mean size of a dip or spike, in volatilities of a second
HOME_DAYS = 2.0  # time constant of the pull towards the listed price, so that months do not run away
MAX_TRADES_A_STEP = 4


class Facts(LadderFacts, Protocol):
    """What the market reads from a symbol's spec, beside what its book is drawn from."""

    @property
    def daily_volatility(self) -> float:
        """Give the standard deviation of a day's log return."""

    @property
    def daily_quote_volume(self) -> float:
        """Give the quote volume of a day."""


class SyntheticMarket:
    """A market made from a seed.

    Args:
        symbols: What to trade, in order; a symbol's path depends on this list.
        clock: Wall clock in ms; only stamps and history read it.
    """

    def __init__(
        self, catalogue: Mapping[str, Facts], *, symbols: Sequence[str], clock: Clock, seed: int
    ) -> None:
        self.symbols = tuple(symbols)
        self._specs = [catalogue[symbol] for symbol in symbols]
        self._clock = clock
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._steps = 0
        self._history: dict[str, list[tuple[int, ...]]] = {}
        count = len(self.symbols)
        self._home = np.log([float(spec.start_price) for spec in self._specs])
        self._slow = self._home.copy()  # log of the efficient price
        self._short = np.zeros(count)  # log deviation that returns
        self._regime = np.zeros(count, dtype=np.int64)
        self._sigma = np.array([spec.daily_volatility for spec in self._specs]) / SECONDS_A_DAY**0.5
        self._follow = np.array([0.95 if name.startswith("BTC") else 0.65 for name in self.symbols])
        volumes = np.array([spec.daily_quote_volume for spec in self._specs])
        self._trade_rate = np.clip(np.sqrt(volumes / 2e7), 0.4, 6.0)  # a second
        self._trade_notional = volumes / SECONDS_A_DAY / self._trade_rate
        self._ladders = [
            Ladder(spec, level_notional=volume * 2e-5, seed=seed + index)
            for index, (spec, volume) in enumerate(zip(self._specs, volumes.tolist(), strict=True))
        ]
        self._mids = self.mids()

    def mids(self) -> FloatArray:
        """Give the present prices before rounding, in the order of the symbols."""
        prices: FloatArray = np.exp(self._slow + self._short)
        return prices

    def snapshot(self) -> dict[str, Any]:
        """Give what a restart needs to go on from here, JSON-able."""
        prices = {name: repr(price) for name, price in zip(self.symbols, self.mids().tolist(), strict=True)}
        return {"market": "synthetic", "steps": self._steps, "prices": prices}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the prices of a snapshot; symbols it does not know begin at their listed price."""
        prices = state.get("prices", {})
        for index, symbol in enumerate(self.symbols):
            if symbol in prices:
                self._slow[index] = np.log(float(prices[symbol]))
                self._short[index] = 0.0
        self._steps = int(state.get("steps", 0))
        self._random = np.random.default_rng([self._seed, self._steps])
        self._mids = self.mids()
        self._history.clear()

    async def prepare(self) -> None:
        """Have nothing to fetch."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Give 1,000 minutes and then at least 600 seconds that end at the present price."""
        if not self._history:
            self._history = seeded_history(
                dict(zip(self.symbols, self._specs, strict=True)),
                prices=self.mids(),
                trade_rates=self._trade_rate,
                now_ms=self._clock(),
                seed=self._seed + self._steps,
            )
        return self._history.get(symbol, [])

    async def run(self, sink: MarketSink) -> None:
        """Step on the clock's grid until cancelled; late steps are left out, not made up."""
        while True:
            self.step(sink)
            await asyncio.sleep((STEP_MS - self._clock() % STEP_MS) / 1000)

    def step(self, sink: MarketSink) -> None:
        """Move every symbol by one step and tell the sink books first, then trades."""
        before = self._mids
        self._move()
        after = self._mids = self.mids()
        now_ms = self._clock()
        wide = self._regime == 3
        for index, symbol in enumerate(self.symbols):
            bids, asks = self._ladders[index].book(float(after[index]), wide=bool(wide[index]))
            sink.book(symbol, bids=bids, asks=asks, at_ms=now_ms)
        self._trade(sink, before=before, after=after, now_ms=now_ms)
        self._steps += 1

    def _move(self) -> None:
        count, second = len(self.symbols), STEP_MS / 1000
        draws = self._random.standard_normal((2, count))
        common = self._random.standard_normal(2)
        chances = self._random.random((4, count))
        changes = chances[0] < second / REGIME_S
        fresh = np.searchsorted(np.cumsum(REGIME_ODDS)[:-1], chances[1], side="right")
        self._regime = np.where(changes, fresh, self._regime)
        scale = self._sigma * VOLATILITY[self._regime]
        own = np.sqrt(1 - self._follow**2)
        shock = self._follow * common[0] + own * draws[0]
        ripple = self._follow * common[1] + own * draws[1]
        pull = (self._home - self._slow) * (second / (HOME_DAYS * SECONDS_A_DAY))
        self._slow = self._slow + scale * (second**0.5 * shock + DRIFT[self._regime] * second) + pull
        keep = np.exp(-second / RETURN_S)
        spread = DEVIATION * scale * np.sqrt(1 - keep**2)
        self._short = self._short * keep + spread * ripple
        own_jump = _jump(chances[2], chances[3], draws[1], every_s=JUMP_EVERY_S)
        shared = self._random.random((2, 1))
        shared_jump = _jump(shared[0], shared[1], common[1:], every_s=SHARED_JUMP_EVERY_S)
        self._short += JUMP * scale * (own_jump + self._follow * shared_jump)

    def _trade(self, sink: MarketSink, *, before: FloatArray, after: FloatArray, now_ms: int) -> None:
        """Let the public trade at the touch, mostly in the direction the price just went."""
        moved = np.abs(np.log(after / before)) / (self._sigma * (STEP_MS / 1000) ** 0.5)
        busy = self._trade_rate * (STEP_MS / 1000) * np.clip(0.5 + 0.5 * moved, 0.5, 3.0)
        counts = np.minimum(self._random.poisson(busy), MAX_TRADES_A_STEP)
        sides = self._random.random((MAX_TRADES_A_STEP, len(counts)))
        sizes = self._random.lognormal(-0.72, 1.2, (MAX_TRADES_A_STEP, len(counts)))
        buying = np.where(after > before, 0.75, np.where(after < before, 0.25, 0.5))
        for index in np.flatnonzero(counts).tolist():
            ladder = self._ladders[index]
            for number in range(int(counts[index])):
                is_buy = bool(sides[number, index] < buying[index])
                notional = float(sizes[number, index] * self._trade_notional[index])
                price, qty = ladder.touch(is_buy=is_buy, notional=notional)
                sink.trade(self.symbols[index], price=price, qty=qty, buyer_is_maker=not is_buy, at_ms=now_ms)


def _jump(chance: FloatArray, size: FloatArray, side: FloatArray, *, every_s: float) -> FloatArray:
    """Draw dips (negative) and spikes with mean size 1; dips come more often."""
    happens = chance < STEP_MS / 1000 / every_s
    sizes = 0.5 - 0.5 * np.log1p(-size)
    return np.where(happens, np.where(side > -0.3, -sizes, sizes), 0.0)
