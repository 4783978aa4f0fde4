"""When a connection may be tried: at once after a cut, then by one prober for all, within a share.

Shared by all sockets of a process. The venue allows 300 connections in five minutes to an address; each
process keeps to its own share, so that feed and executions (and a standby of each elsewhere) stay below it
without asking each other. An attempt that reached no server cannot be counted by the venue and costs nothing.
Pure: moments are seconds of a clock that only moves forward.

Source: binance-spot-api-docs, web-socket-streams.md ("Limits"), read 2026-07.
"""

import math
import random
from collections import deque
from collections.abc import Callable

WINDOW_S = 300.0
MARKET_SHARE = 160
USER_SHARE = 130
# Pause between two attempts while the venue is away: a part of the time it has been away, so that being away
# costs us that part more at most, and a long outage sees one attempt a second. Attempts that a server hears
# are counted by the venue, so they must be fewer than those that reach nobody.
FIRST_PROBE_S = 0.1
PROBE_S = 1.0
PART_WHEN_HEARD = 0.1
PART_WHEN_UNHEARD = 0.02
SETTLED_S = 1.0  # what is cut sooner than this after it stood must not be tried in a circle


def usual_jitter() -> float:
    """Give a part of a pause, so that many clients do not come back in step."""
    return random.uniform(0.6, 1.0)


class ConnectionPace:
    """The attempts of one process: `wait_s` allows one or tells how long to wait, the rest how it went."""

    def __init__(self, share: int, *, jitter: Callable[[], float] = usual_jitter) -> None:
        self._share = share
        self._jitter = jitter
        self._attempts: deque[float] = deque()
        self._is_away = False
        self._part = PART_WHEN_HEARD
        self._away_since_s = self._stood_s = -math.inf
        self._next_probe_s = self._hold_until_s = -math.inf

    def wait_s(self, now_s: float, *, is_first: bool) -> float:
        """Give 0 and count an attempt, or the seconds after which to ask again.

        Args:
            now_s: The moment.
            is_first: The first attempt after a connection that had settled, or beside one that still stands.
        """
        self._forget(now_s)
        wait_s = self._hold_until_s - now_s
        if len(self._attempts) >= self._share:
            wait_s = max(wait_s, self._attempts[0] + WINDOW_S - now_s)
        # Where much was used, even first attempts keep the pace: connections that are cut again and again.
        is_paced = 2 * len(self._attempts) >= self._share or (self._is_away and not is_first)
        if is_paced:
            wait_s = max(wait_s, self._next_probe_s - now_s)
        if wait_s > 0:
            return wait_s
        if is_paced:
            # Whoever asks meanwhile is not the prober, and waits as long.
            self._next_probe_s = now_s + self._pause_s(now_s)
        self._attempts.append(now_s)
        return 0.0

    def stands(self, now_s: float) -> None:
        """Note that a connection stands: all who wait may follow at once."""
        self._is_away, self._stood_s = False, now_s

    def failed(self, now_s: float, *, was_reached: bool) -> None:
        """Note that an attempt failed, or that what it brought did not last."""
        if not self._is_away and now_s - self._stood_s >= SETTLED_S:
            self._away_since_s = now_s
        self._is_away = True
        self._part = PART_WHEN_HEARD if was_reached else PART_WHEN_UNHEARD
        if not was_reached and self._attempts:
            self._attempts.pop()
        self._next_probe_s = max(self._next_probe_s, now_s + self._pause_s(now_s))

    def hold(self, until_s: float) -> None:
        """Allow nothing before a moment: the venue said so."""
        self._hold_until_s = max(self._hold_until_s, until_s)

    @property
    def used(self) -> int:
        """How many attempts of the last five minutes count."""
        return len(self._attempts)

    def _pause_s(self, now_s: float) -> float:
        """Give the pause of a prober: short, until half of the share is used; then what makes it last."""
        left = self._share - len(self._attempts)
        if 2 * left > self._share or left <= 0:
            pause_s = (now_s - self._away_since_s) * self._part
            return min(max(pause_s, FIRST_PROBE_S), PROBE_S) * self._jitter()
        return max((self._attempts[0] + WINDOW_S - now_s) / left, PROBE_S) * (2.0 - self._jitter())

    def _forget(self, now_s: float) -> None:
        while self._attempts and now_s - self._attempts[0] >= WINDOW_S:
            self._attempts.popleft()
