"""How far a stream is behind: what the venue stamped against when it arrived, above what is usual.

Used by the market stream. Quotes carry no moment of the venue, but candles on the same connection do, and a
connection keeps its order: where candles come late, the quotes between them are as late. Pure.
"""

from dataclasses import dataclass

WINDOW_MS = 5 * 60_000


@dataclass(slots=True)
class UsualDelay:
    """The shortest delay of the last five to ten minutes: the way, and how far the two clocks are apart."""

    _shortest_ms: int | None = None
    _shortest_before_ms: int | None = None
    _window: int = 0

    def excess_ms(self, delay_ms: int, *, now_ms: int) -> int:
        """Take the delay of a message, and give by how much it is above the usual one; never negative."""
        window = now_ms // WINDOW_MS
        if window != self._window:
            is_next = window == self._window + 1
            self._shortest_before_ms = self._shortest_ms if is_next else None
            self._shortest_ms, self._window = None, window
        if self._shortest_ms is None or delay_ms < self._shortest_ms:
            self._shortest_ms = delay_ms
        before_ms = self._shortest_before_ms
        usual_ms = self._shortest_ms if before_ms is None else min(self._shortest_ms, before_ms)
        return delay_ms - usual_ms
