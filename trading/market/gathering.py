"""Holds candles back until all are in that close together, or the first of them has waited long enough.

Used by the feed, inside its event loop.
"""

import asyncio
from collections.abc import Callable, Collection

from trading.domain.market import Candle
from trading.market.histories import Key

Arrived = tuple[Candle, int]


class Gathering:
    """Candles with their moments of arrival; `on_due` is called when the first has waited `at_most_s`."""

    def __init__(self, *, at_most_s: float, on_due: Callable[[], None]) -> None:
        self._at_most_s = at_most_s
        self._on_due = on_due
        self._candles: list[Arrived] = []
        self._waiting: asyncio.TimerHandle | None = None
        self.incomplete = 0

    def add(self, candle: Candle, arrived_ms: int) -> None:
        """Take a candle."""
        if not self._candles:
            self._waiting = asyncio.get_running_loop().call_later(self._at_most_s, self._stop_waiting)
        self._candles.append((candle, arrived_ms))

    def take(self, wanted: Collection[Key]) -> list[Arrived]:
        """Give all candles, once those of every wanted history are in that close with them; else none."""
        is_whole = self._is_whole(wanted)
        if self._waiting is not None and not is_whole:
            return []
        self.incomplete += not is_whole
        candles = self._candles
        self.clear()
        return candles

    def clear(self) -> None:
        """Forget what is here."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting, self._candles = None, []

    def _is_whole(self, wanted: Collection[Key]) -> bool:
        came = {(candle.symbol, candle.interval) for candle, _ in self._candles}
        intervals = {interval for _, interval in came}
        return all(key in came for key in wanted if key[1] in intervals)

    def _stop_waiting(self) -> None:
        self._waiting = None
        self._on_due()
