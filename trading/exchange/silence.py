"""After how long silence is unlike a stream: learned from the pauses that it usually makes.

Used by the sockets for whole connections and by the market stream for single symbols. Looked at in steps of
a fraction of a second and not at every message, so that it costs nothing at thousands a second. Pure.
"""

import math
from dataclasses import dataclass

WINDOW_S = 300.0
MIN_LIMIT_S = 1.0  # with finding a successor less than the two seconds after which a price is too old
MAX_LIMIT_S = 15.0
LONGEST_S = 20.0  # between two alarms while nothing comes at all
TIMES = 4.0  # a pause this many times the longest usual one is not usual
SEEN_ENOUGH_S = 10.0


@dataclass(slots=True)
class ExpectedPause:
    """Longest pauses of the last five to ten minutes, and what follows for the present one. Seconds."""

    first_limit_s: float
    heard_s: float = 0.0
    began_s: float = 0.0
    _longest_s: float = 0.0
    _longest_before_s: float = 0.0
    _window_s: float = 0.0
    _patience: float = 1.0
    _alarmed_s: float = 0.0

    def begin(self, now_s: float) -> None:
        """Start to listen; what was learned before still holds."""
        self.heard_s = now_s
        if self.began_s == 0.0:
            self.began_s = self._window_s = now_s

    def heard(self, now_s: float, *, is_example: bool = True) -> None:
        """Note that something came at this moment, or since the last look.

        The pause is no example of what is usual where the listener itself stood still.
        """
        if now_s - self._window_s > WINDOW_S:
            self._longest_before_s, self._longest_s, self._window_s = self._longest_s, 0.0, now_s
        # A pause that was taken for silence is no example of what is usual.
        if is_example and self._patience == 1.0:
            self._longest_s = max(self._longest_s, now_s - self.heard_s)
        self.heard_s, self._patience = now_s, 1.0

    @property
    def usual_s(self) -> float:
        """The longest usual pause."""
        return max(self._longest_s, self._longest_before_s)

    @property
    def has_learned(self) -> bool:
        """Tell whether it was listened to for long enough to know what is usual."""
        return self.heard_s - self.began_s >= SEEN_ENOUGH_S

    def limit_s(self) -> float:
        """Give how long silence may last; without end where the stream is known to make long pauses."""
        limit_s = self.first_limit_s
        if self.has_learned:
            limit_s = max(TIMES * self.usual_s, MIN_LIMIT_S)
            if limit_s > MAX_LIMIT_S:
                return math.inf
        return min(limit_s * self._patience, max(limit_s, LONGEST_S))

    def is_silent(self, now_s: float) -> bool:
        """Tell whether this pause is longer than the stream ever makes.

        After it was, the next alarm takes longer: a market that stands still is not worth a storm.
        """
        if now_s - max(self.heard_s, self._alarmed_s) <= self.limit_s():
            return False
        self._alarmed_s = now_s
        self._patience = min(self._patience * 2, LONGEST_S)
        return True
