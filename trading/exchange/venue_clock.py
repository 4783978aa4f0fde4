"""The venue's clock as seen from this process: how far it is ahead of ours, and how fast that changes.

Kept by the REST client, one per process, because each machine has a clock of its own. Each answer of the
venue that tells a moment bounds the offset: it was written after the request left, before the answer came.
Bounds are intersected, and widened as they age by the drift that clocks may have, so a late or lopsided
answer only tells less and is never believed too much (Marzullo, "Maintaining the time in a distributed
system", 1984).

Bounds are kept against a steady clock that nobody sets, so a step of our wall clock changes nothing that was
measured. A machine that slept looks the same as a step; `is_sound` tells both, and the owner measures anew.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.domain.ports import Clock
from trading.domain.values import to_ms

# Crystals stay within 100 ppm and time servers slew by up to 500; what was not measured may be this much.
MAX_DRIFT_PPM = 500.0
# What the drift may differ from its measured value, as temperature changes.
LOOSE_PPM = 50.0
STEP_MS = 100.0
ANCHOR_EVERY_S = 60.0
ANCHORS = 60
PPM_MS = 1e-3  # 1 ppm is a thousandth of a millisecond a second


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The venue's clock against ours, in milliseconds; `drift_ppm` is 0 until it is known."""

    offset_ms: float
    drift_ppm: float
    error_ms: float


@dataclass(frozen=True, slots=True)
class _Anchor:
    """An earlier measurement: steady seconds, the middle of its bounds and half their width in ms."""

    at_s: float
    middle_ms: float
    half_ms: float


class VenueClock:
    """Safe to use from several threads."""

    def __init__(self, *, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady = steady
        self._lock = threading.Lock()
        self._low_ms = self._high_ms = 0.0
        self._at_s: float | None = None
        self._apart_ms = 0.0
        self._drift_ppm = 0.0
        self._loose_ppm = MAX_DRIFT_PPM
        self._anchors: deque[_Anchor] = deque(maxlen=ANCHORS)

    def steady_s(self) -> float:
        """Give the steady clock, for `add`."""
        return self._steady()

    def add(self, server_at: datetime, *, sent_s: float, received_s: float) -> None:
        """Take a moment of the venue that was told between two steady moments of ours."""
        server_ms = float(to_ms(server_at))
        # The venue cuts its moment down to the millisecond.
        low_ms, high_ms = server_ms - received_s * 1000, server_ms + 1 - sent_s * 1000
        with self._lock:
            self._age_to(received_s)
            low, high = max(self._low_ms, low_ms), min(self._high_ms, high_ms)
            if self._at_s is None or low > high:
                # The first, or the venue's clock was set: nothing of before is true any more.
                low, high = low_ms, high_ms
                self._anchors.clear()
                self._drift_ppm, self._loose_ppm = 0.0, MAX_DRIFT_PPM
            self._low_ms, self._high_ms, self._at_s = low, high, received_s
            self._apart_ms = self._wall_apart_ms()
            self._learn_drift()

    def read(self) -> ClockReading:
        """Give the offset of this moment; 0 with an error of 0 before the first measurement."""
        with self._lock:
            return self._read()

    def is_sound(self, *, max_age_s: float) -> bool:
        """Tell whether the measurement may be used: not too old, and our own clock not set meanwhile."""
        with self._lock:
            is_young = self._at_s is not None and self._steady() - self._at_s < max_age_s
            return is_young and abs(self._wall_apart_ms() - self._apart_ms) < STEP_MS

    def forget(self) -> None:
        """Have it measured anew before anything is signed: the venue did not believe our moment."""
        with self._lock:
            self._at_s = None

    def venue_moment(self, at: datetime) -> datetime:
        """Give a moment of our wall clock by the venue's."""
        return at + timedelta(milliseconds=self.read().offset_ms)

    def venue_ms(self) -> int:
        """Give the moment by the venue's clock, in milliseconds UTC."""
        return to_ms(self.venue_moment(self._clock()))

    def _read(self) -> ClockReading:
        if self._at_s is None and not self._high_ms:
            return ClockReading(0.0, 0.0, 0.0)
        at_s = self._steady() if self._at_s is None else self._at_s
        age_s = self._steady() - at_s
        middle_ms = (self._low_ms + self._high_ms) / 2 + self._drift_ppm * PPM_MS * age_s
        half_ms = (self._high_ms - self._low_ms) / 2 + self._loose_ppm * PPM_MS * age_s
        return ClockReading(middle_ms - self._wall_apart_ms(), self._drift_ppm, half_ms)

    def _wall_apart_ms(self) -> float:
        return self._clock().timestamp() * 1000 - self._steady() * 1000

    def _age_to(self, now_s: float) -> None:
        """Carry the bounds to a later moment."""
        if self._at_s is None:
            return
        age_s = max(now_s - self._at_s, 0.0)
        moved_ms, spread_ms = self._drift_ppm * PPM_MS * age_s, self._loose_ppm * PPM_MS * age_s
        self._low_ms += moved_ms - spread_ms
        self._high_ms += moved_ms + spread_ms

    def _learn_drift(self) -> None:
        """Take the slope since the oldest anchor, once it is known to better than LOOSE_PPM."""
        at_s = self._at_s or 0.0
        middle_ms, half_ms = (self._low_ms + self._high_ms) / 2, (self._high_ms - self._low_ms) / 2
        if not self._anchors or at_s - self._anchors[-1].at_s >= ANCHOR_EVERY_S:
            self._anchors.append(_Anchor(at_s, middle_ms, half_ms))
        first = self._anchors[0]
        span_s = at_s - first.at_s
        if span_s <= 0 or (half_ms + first.half_ms) / span_s > LOOSE_PPM * PPM_MS:
            return
        slope_ppm = (middle_ms - first.middle_ms) / span_s / PPM_MS
        self._drift_ppm = max(-MAX_DRIFT_PPM, min(MAX_DRIFT_PPM, slope_ppm))
        self._loose_ppm = 2 * LOOSE_PPM
