"""Signals of one turn: computed once per strategy, parameters and symbol, shared by all workers.

Called by services.cycle. Looks at closed candles only, and at none after the candle that is decided on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trading.domain.market import INTERVAL_S, ClosedCandle
from trading.domain.ports import MarketView
from trading.domain.risk import Denial, DenialCode
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.services.roster import Post

SPARE_ROWS = 5


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """The last row of a strategy's signals: entry or not, the reason code, each condition's value."""

    is_entry: bool
    reason: str
    values: dict[str, float] = field(default_factory=dict)


class SignalBook:
    """Remembers candles and signals for the length of one turn."""

    def __init__(self, market: MarketView, interval: str, *, symbols: Sequence[str], length: int) -> None:
        self._interval = interval
        self._length = length
        # A few rows more than needed: the next candle may have closed while this turn was on its way.
        self._raw = market.candles(symbols, interval, length=length + SPARE_ROWS)
        self._candles: dict[str, Candles | Denial] = {}
        self._signals: dict[object, SignalAnswer | Denial] = {}

    def decide(self, post: Post, candle: ClosedCandle) -> SignalAnswer | Denial:
        """Give the signal of a worker's strategy at this candle."""
        key = (post.parameters_key, candle.symbol)
        if key not in self._signals:
            self._signals[key] = self._compute(post, candle)
        return self._signals[key]

    def _compute(self, post: Post, candle: ClosedCandle) -> SignalAnswer | Denial:
        candles = self._history(candle)
        if isinstance(candles, Denial):
            return candles
        needed = post.spec.warmup(post.config.parameters)
        if len(candles.close) < needed:
            return Denial(DenialCode.CANDLES_SHORT, str(len(candles.close)), str(needed))
        signals = post.spec.signals(candles, post.config.parameters)
        return SignalAnswer(
            is_entry=bool(signals.entries[-1]),
            reason=post.spec.reasons[int(signals.reasons[-1])],
            values={name: float(values[-1]) for name, values in signals.values.items()},
        )

    def _history(self, candle: ClosedCandle) -> Candles | Denial:
        if candle.symbol not in self._candles:
            self._candles[candle.symbol] = self._read(candle)
        return self._candles[candle.symbol]

    def _read(self, candle: ClosedCandle) -> Candles | Denial:
        candles = self._raw.get(candle.symbol)
        if candles is None:
            return Denial(DenialCode.CANDLES_SHORT, "0", str(self._length))
        end = int(np.searchsorted(candles.open_ms, to_ms(candle.open_at), side="right"))
        if end == 0 or int(candles.open_ms[end - 1]) != to_ms(candle.open_at):
            return Denial(DenialCode.CANDLE_STALE, "the cache has not this candle", str(candle.open_at))
        steps = np.diff(candles.open_ms[max(end - self._length, 0) : end])
        if steps.size and int(steps.max()) != INTERVAL_S[self._interval] * 1000:
            return Denial(DenialCode.CANDLE_GAP, f"{int(steps.max()) // 1000} s", "one interval")
        return _until(candles, end)


def _until(candles: Candles, end: int) -> Candles:
    return Candles(
        open_ms=candles.open_ms[:end],
        open=candles.open[:end],
        high=candles.high[:end],
        low=candles.low[:end],
        close=candles.close[:end],
        volume=candles.volume[:end],
        interval_s=candles.interval_s,
    )
