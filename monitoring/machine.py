"""What the machine says about the house: memory and its trend, disk, exceptions in logs, processes that died.

Read by the watch on a thread of its own. Memory is the sum of PSS of the stack's processes on this machine.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from monitoring.log_tail import LogTail
from monitoring.probes import disk_free_mb
from monitoring.rules import HouseInputs
from monitoring.status_report import process_rows
from trading.selectors import evidence
from trading.selectors.live import CacheReads, LiveReading

MEMORY_EVERY_S = 4.0
# It reads every trade of a day.
DRAWDOWN_EVERY_S = 30.0
RECENT = timedelta(minutes=10)
CACHE_POINT_S = 10.0
# A trend needs time: modules load late, caches fill. Before that it is not known.
WARM_UP_S = 600.0
TREND_NEEDS_S = 1800.0
TREND_OVER_S = 2 * 3600.0
TREND_POINT_S = 30.0


class Machine:
    """`follow` is told every round who runs; `read` may take its time."""

    def __init__(self, *, host: str, clock: Callable[[], datetime]) -> None:
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()
        self._reading: LiveReading | None = None
        self._pids: dict[str, int] = {}
        self._restarts: deque[datetime] = deque()
        self._exceptions: deque[datetime] = deque(maxlen=10_000)
        self._tail = LogTail(settings.LOGS_DIR)
        self._memory_mb: float | None = None
        self._measured_s = 0.0
        self._drawdown: float | None = None
        self._drawdown_s = 0.0
        self._trend = Trend()
        self._cache = CacheWindow()

    def follow(self, reading: LiveReading) -> frozenset[str]:
        """Note who runs; give the roles that died since the last round, though another runs by now."""
        died, gone = set(), set()
        with self._lock:
            self._reading = reading
            self._cache.add(reading.cache, now_s=time.monotonic())
            for process in reading.processes:
                if process.host != self._host:
                    continue
                before = self._pids.get(process.name, process.pid)
                if before != process.pid:
                    gone.add(before)  # two roles may have lived in it
                    died.add(process.name)
                self._pids[process.name] = process.pid
            if gone:
                self._restarts.extend([self._clock()] * len(gone))
                self._trend = Trend()
        return frozenset(died)

    def read(self) -> HouseInputs:
        """Measure."""
        now = self._clock()
        self._exceptions.extend([now] * self._tail.count_exceptions())
        self._measure_memory()
        self._measure_drawdown(now)
        with self._lock:
            restarts = _recent(self._restarts, now=now)
            cache_hit_ratio = self._cache.hit_ratio
        return HouseInputs(
            drawdown=self._drawdown,
            memory_mb=self._memory_mb,
            memory_growth_mb_h=self._trend.growth_mb_h(),
            disk_free_mb=disk_free_mb(settings.FASTCYCLE_HOME),
            exceptions=_recent(self._exceptions, now=now),
            restarts=restarts,
            cache_hit_ratio=cache_hit_ratio,
        )

    def _measure_drawdown(self, now: datetime) -> None:
        now_s = time.monotonic()
        if now_s - self._drawdown_s < DRAWDOWN_EVERY_S:
            return
        self._drawdown_s = now_s
        try:
            self._drawdown = evidence.drawdown(now=now)
        except DatabaseError:  # the database's own look tells of it
            self._drawdown = None
            connection.close()

    def _measure_memory(self) -> None:
        now_s = time.monotonic()
        reading = self._reading
        if reading is None or now_s - self._measured_s < MEMORY_EVERY_S:
            return
        self._measured_s = now_s
        # A process may play several roles; it counts once.
        parts = {row["pid"]: row["pss_mb"] for row in reversed(process_rows(reading)) if row["pss_mb"]}
        self._memory_mb = sum(parts.values()) if parts else None
        if self._memory_mb is not None:
            self._trend.add(self._memory_mb, now_s=now_s)


class CacheWindow:
    """Price questions of the last ten minutes, out of counts that only grow."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, CacheReads]] = deque(
            maxlen=int(RECENT.total_seconds() / CACHE_POINT_S)
        )
        self._newest = CacheReads()

    def add(self, reads: CacheReads, *, now_s: float) -> None:
        """Take the counts of a moment; one in CACHE_POINT_S is kept."""
        if self._points and reads.since(self._newest) is reads:
            self._points.clear()  # Redis began anew, and counts from 0
        self._newest = reads
        if not self._points or now_s - self._points[-1][0] >= CACHE_POINT_S:
            self._points.append((now_s, reads))

    @property
    def hit_ratio(self) -> float | None:
        """Part that the cache answered; None where nothing was asked in that time."""
        return self._newest.since(self._points[0][1]).hit_ratio if self._points else None


class Trend:
    """Memory over the last two hours as one slope, by least squares."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._points: deque[tuple[float, float]] = deque(maxlen=int(TREND_OVER_S / TREND_POINT_S))

    def add(self, memory_mb: float, *, now_s: float) -> None:
        """Take a measurement; one in TREND_POINT_S is kept."""
        if self._began_s is None:
            self._began_s = now_s
        is_warm = now_s - self._began_s >= WARM_UP_S
        if is_warm and (not self._points or now_s - self._points[-1][0] >= TREND_POINT_S):
            self._points.append((now_s, memory_mb))

    def growth_mb_h(self) -> float | None:
        """Give MB an hour; None before there is enough to say."""
        if len(self._points) < 2 or self._points[-1][0] - self._points[0][0] < TREND_NEEDS_S:
            return None
        return slope(list(self._points)) * 3600


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Give the least-squares slope of (x, y) points with at least two different x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def _recent(moments: deque[datetime], *, now: datetime) -> int:
    while moments and now - moments[0] > RECENT:
        moments.popleft()
    return len(moments)
