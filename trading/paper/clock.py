"""The two clocks of the venue, in milliseconds UTC: the real one, and the one a fault may set wrong."""

from __future__ import annotations

import time


def wall_clock() -> int:
    """Give the real time in milliseconds UTC."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """The clock by which requests are judged and orders stamped, `skew_ms` apart from the real one.

    Prices keep the real time, so that setting this clock back leaves no hole in the candles.
    """

    def __init__(self) -> None:
        self.skew_ms = 0
        self._drift_ms_per_s = 0.0
        self._set_ms = 0

    def __call__(self) -> int:
        now_ms = wall_clock()
        if self._drift_ms_per_s:
            now_ms += int((now_ms - self._set_ms) * self._drift_ms_per_s / 1000)
        return now_ms + self.skew_ms

    def set_apart(self, skew_ms: int, *, drift_ms_per_s: float = 0.0) -> None:
        """Set the clock apart from the real one, growing by the drift from now on."""
        self.skew_ms, self._drift_ms_per_s, self._set_ms = skew_ms, drift_ms_per_s, wall_clock()
