"""Circuit breakers: one for each class of calls, so that a venue that fails is not asked at full speed.

Kept by the REST client, per process: a fault may lie between this machine and the venue, each process learns
within a few calls, and no exit may depend on Redis. Pure: the moment is an argument, in steady seconds.
A breaker stops no call of another class.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto


class Endpoints(Enum):
    """The classes of calls that fail together."""

    EXITS = "exits"
    CANCELS = "cancels"
    ENTRIES = "entries"
    ACCOUNT = "account"
    DATA = "data"


class BreakerState(Enum):
    """Closed lets all through, open none, half-open one that tries."""

    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """When to open, and for how long; times in seconds.

    Opens when at least `min_calls` ended within `window_s` and at least these shares of them failed, or were
    slower than `slow_s`. Stays open for `pause_s`, doubling after each failed try up to `max_pause_s`.
    """

    failed_ratio: float = 0.5
    slow_ratio: float = 0.8
    slow_s: float = 2.0
    min_calls: int = 10
    window_s: float = 30.0
    pause_s: float = 1.0
    max_pause_s: float = 5.0


# What protects money is tried on: only a venue that answers next to nothing holds it back, for a second.
URGENT = BreakerTerms(failed_ratio=0.9, slow_ratio=1.1, max_pause_s=1.0)
TERMS = {
    Endpoints.EXITS: URGENT,
    Endpoints.CANCELS: URGENT,
    Endpoints.ENTRIES: BreakerTerms(),
    # An order in doubt must be found, and a gap in the candles filled, soon after the venue is back.
    Endpoints.ACCOUNT: BreakerTerms(max_pause_s=2.0),
    Endpoints.DATA: BreakerTerms(max_pause_s=2.0),
}


class BreakerOpen(Exception):
    """The call may not be made now; the text says why and for how long."""


@dataclass(slots=True)
class Breaker:
    """One class of calls. Safe to use from several threads."""

    terms: BreakerTerms
    reason: str = ""
    _calls: deque[tuple[float, bool, bool]] = field(default_factory=deque)
    _state: BreakerState = BreakerState.CLOSED
    _turn: int = 0
    _until_s: float = 0.0
    _pause_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> BreakerState:
        """Give the state as of the newest call."""
        return self._state

    @property
    def until_s(self) -> float:
        """Give the moment from which one call may try, where it is open."""
        return self._until_s

    def admit(self, now_s: float) -> int:
        """Let a call through, as the one that tries where the pause is over.

        Returns:
            The turn, with which the call must end in `ended` or `withdrawn`: a call that began before the
            state changed says nothing about the state after.

        Raises:
            BreakerOpen: The class is held back.
        """
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return self._turn
            if self._state is BreakerState.HALF_OPEN or now_s < self._until_s:
                raise BreakerOpen(f"{self.reason}; next try in {max(self._until_s - now_s, 0):.1f} s")
            self._enter(BreakerState.HALF_OPEN)
            return self._turn

    def withdrawn(self, turn: int) -> None:
        """Take back a call that was let through and not made; another may try in its place."""
        with self._lock:
            if turn == self._turn and self._state is BreakerState.HALF_OPEN:
                self._enter(BreakerState.OPEN)

    def ended(self, turn: int, now_s: float, *, is_failure: bool, latency_s: float) -> bool:
        """Count how a call ended. Tells whether the breaker opened, stayed open after a try, or closed."""
        with self._lock:
            is_slow = latency_s > self.terms.slow_s
            if turn != self._turn:
                return False
            if self._state is BreakerState.HALF_OPEN:
                if is_failure or is_slow:
                    self._open(now_s, pause_s=min(2 * self._pause_s, self.terms.max_pause_s))
                else:
                    self._close()
                return True
            self._calls.append((now_s, is_failure, is_slow))
            while self._calls[0][0] <= now_s - self.terms.window_s:
                self._calls.popleft()
            return self._judge(now_s)

    def _judge(self, now_s: float) -> bool:
        total = len(self._calls)
        failed = sum(is_failure for _, is_failure, _ in self._calls)
        slow = sum(is_slow for _, _, is_slow in self._calls)
        if total < self.terms.min_calls:
            return False
        if failed >= self.terms.failed_ratio * total:
            self.reason = f"{failed} of {total} calls failed within {self.terms.window_s:.0f} s"
        elif slow >= self.terms.slow_ratio * total:
            self.reason = f"{slow} of {total} calls took longer than {self.terms.slow_s:.0f} s"
        else:
            return False
        self._open(now_s, pause_s=self.terms.pause_s)
        return True

    def _open(self, now_s: float, *, pause_s: float) -> None:
        self._enter(BreakerState.OPEN)
        self._pause_s, self._until_s = pause_s, now_s + pause_s

    def _close(self) -> None:
        self._enter(BreakerState.CLOSED)
        self.reason = ""

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._turn += 1
        self._calls.clear()
