"""Which prices and candles are believed: impossible ones never, far jumps only when they stay.

Used by the feed before anything is written. What is refused leaves the last good value in place, which then
ages, and the trader refuses what is too old. Pure; floats are enough to doubt a price, none is stored.
"""

import math
from dataclasses import dataclass

from trading.domain.market import INTERVAL_S, Candle

ZERO_PRICE = "ZERO_PRICE"
CROSSED = "CROSSED"
JUMP = "JUMP"
CANDLE_SHAPE = "CANDLE_SHAPE"
CANDLE_MISPLACED = "CANDLE_MISPLACED"
CANDLE_JUMP = "CANDLE_JUMP"

JUMP_RATIO = 1.5  # a price this many times the last good one, or the last one this many times it
SAME_RATIO = 1.2  # further prices within this ratio confirm the first far one
CONFIRMED_AFTER_MS = 3_000
CONFIRMED_BY = 3
AHEAD_MS = 2_000  # how far clocks may be apart before a candle is from the future


@dataclass(slots=True)
class _Doubted:
    """A level far from the last good price, and how often it was told."""

    mid: float
    since_ms: int
    told: int = 1


class PriceGuard:
    """Remembers the last good price of each symbol."""

    def __init__(self) -> None:
        self._good: dict[str, float] = {}
        self._doubted: dict[str, _Doubted] = {}

    def refusal(self, symbol: str, *, bid: str, ask: str, now_ms: int) -> str | None:
        """Give why a quote is not believed, or None and remember it as good.

        A jump is believed once it was told CONFIRMED_BY times more over CONFIRMED_AFTER_MS, with nothing near
        the old price between: then it is the market that moved.
        """
        low, high = float(bid), float(ask)
        if low <= 0.0 or high <= 0.0:
            return ZERO_PRICE
        if low > high:
            return CROSSED
        mid = low + high
        good = self._good.get(symbol)
        if good is not None and not good / JUMP_RATIO < mid < good * JUMP_RATIO:
            if not self._is_confirmed(symbol, mid, now_ms):
                return JUMP
        elif self._doubted:
            self._doubted.pop(symbol, None)
        self._good[symbol] = mid
        return None

    def forget(self, symbol: str) -> None:
        """Begin anew with a symbol."""
        self._good.pop(symbol, None)
        self._doubted.pop(symbol, None)

    def _is_confirmed(self, symbol: str, mid: float, now_ms: int) -> bool:
        doubted = self._doubted.get(symbol)
        if doubted is None or not doubted.mid / SAME_RATIO < mid < doubted.mid * SAME_RATIO:
            self._doubted[symbol] = _Doubted(mid, now_ms)
            return False
        doubted.told += 1
        if doubted.told <= CONFIRMED_BY or now_ms - doubted.since_ms < CONFIRMED_AFTER_MS:
            return False
        del self._doubted[symbol]
        return True


def shape_refusal(candle: Candle) -> str | None:
    """Give why a candle cannot be, wherever it comes from; None where it can."""
    values = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    is_real = all(math.isfinite(value) for value in values) and candle.low > 0 and candle.volume >= 0
    inside = candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
    if not (is_real and inside):
        return CANDLE_SHAPE
    if candle.open_ms % (INTERVAL_S[candle.interval] * 1000):
        return CANDLE_MISPLACED
    return None


def candle_refusal(candle: Candle, *, last_close: float | None, now_ms: int) -> str | None:
    """Give why a candle of the stream is not appended as it is; REST is asked for it then.

    Args:
        candle: Closed, of a known interval.
        last_close: Close of the candle before it, None where none is known.
        now_ms: The moment.
    """
    refusal = shape_refusal(candle)
    if refusal is not None:
        return refusal
    if candle.open_ms + INTERVAL_S[candle.interval] * 1000 > now_ms + AHEAD_MS:
        return CANDLE_MISPLACED
    if last_close is not None and not last_close / JUMP_RATIO < candle.close < last_close * JUMP_RATIO:
        return CANDLE_JUMP
    return None
