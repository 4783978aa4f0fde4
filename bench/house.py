"""A stack under chaos: it may be killed whole and started again, and is watched all the time from outside.

The watch asks the venue a few times a second whether it lives, keeps its tally of calls over its own deaths,
and sees which processes run.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from bench.facts import Window
from bench.hands import find_process
from bench.latency import WILLING
from bench.mischief import FORKED
from bench.stack import Stack, start

ROLES = (*FORKED, "paper", "redis")
# Protection by OPOCO, by OTOCO (ADA), by OCO (DOGE), and a plain stop with a supervised target (LTC).
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,TRXUSDT,ADAUSDT,DOGEUSDT,LTCUSDT"
COMMON = ("--symbols", SYMBOLS, "--interval", "1s", "--budget", "100000", "--max-open-trades", "100")
DIPS = (
    *("--strategy", "DIP_REVERSION", "--max-spread-bps", "100"),
    *(part for each in WILLING for part in ("--param", each)),
)
TRENDS = (
    *("--strategy", "TREND_BREAKOUT", "--max-spread-bps", "100", "--param", "channel_length=20"),
    *("--param", "trend_rise_bps=1", "--param", "atr_min_bps=0", "--param", "volume_ratio=0"),
)
WORKERS: dict[str, tuple[str, ...]] = {
    "hasty": (*DIPS, "--trade-notional", "60", "--take-profit-bps", "8", "--stop-loss-bps", "8"),
    "patient": (*DIPS, "--trade-notional", "120", "--take-profit-bps", "25", "--stop-loss-bps", "20"),
    "trailing": (*TRENDS, "--trade-notional", "90", "--take-profit-bps", "20", "--trailing-bps", "12"),
}
HOLDS_S = {"hasty": "5", "patient": "12", "trailing": "8"}
STARTERS = ("Starter dips", "Starter trends")
WATCH_S = 0.1


class House:
    """The running stack. `stack` is another one after each restart."""

    def __init__(self, home: Path, *, seed: int) -> None:
        self._home = home
        self._options = ("--symbols", SYMBOLS, "--seed", str(seed), "--balance", "USDT=1000000")
        self._running = ExitStack()
        self.stack: Stack
        self.watch: Watch
        self.ready_s: list[float] = []

    def __enter__(self) -> Self:
        self._start()
        self.watch = Watch(self)
        self.watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.stop()
        self._running.close()

    def _start(self) -> None:
        self.stack = self._running.enter_context(start(self._home, *self._options))
        self.ready_s.append(self.stack.ready_s)

    def restart(self) -> str:
        """Kill the supervisor, which takes all with it, and start again on the same home."""
        family = psutil.Process(self.stack.process.pid).children(recursive=True)
        self.stack.process.kill()
        psutil.wait_procs(family, timeout=10)
        self._running.close()
        self._start()
        return f"ready again after {self.stack.ready_s:.1f} s"

    def hire(self) -> None:
        """Stop the workers of a first start and start busy ones."""
        with ThreadPoolExecutor(2) as hands:
            done = [
                hands.submit(self.stack.create_worker, name, *COMMON, *options, "--max-hold-s", HOLDS_S[name])
                for name, options in WORKERS.items()
            ]
            done += [hands.submit(self._dismiss, name) for name in STARTERS]
            for each in done:
                each.result()

    def _dismiss(self, name: str) -> None:
        self.stack.manage("worker", "stop", name, "--json")

    def missing(self) -> list[str]:
        """Name the roles of which no process lives."""
        return [name for name in ROLES if find_process(self.stack, name) is None]


class Watch:
    """Asks the venue and looks at the processes, in a thread of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._stopped = threading.Event()
        self._heard_s = time.time()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._before: Counter[tuple[str, str]] = Counter()
        self.away: list[Window] = []

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the end."""
        self._stopped.set()
        self._thread.join()

    def calls(self) -> Counter[tuple[str, str]]:
        """Give calls by method and outcome over all lives of the venue, but for each life's last moment."""
        return self._before + self._calls

    def _run(self) -> None:
        while not self._stopped.wait(WATCH_S):
            try:
                status = self._house.stack.ask_venue("/paper/status")
            except (OSError, ValueError):  # dead, or it died while it answered
                continue
            self._hear(status["calls"])

    def _hear(self, calls: dict[str, dict[str, int]]) -> None:
        tally = Counter({(method, code): n for method, codes in calls.items() for code, n in codes.items()})
        if tally.total() < self._calls.total():
            self._before += self._calls
        self._calls = tally
        now_s = time.time()
        if now_s - self._heard_s > 5 * WATCH_S:
            self.away.append(Window(self._heard_s, now_s, "venue away"))
        self._heard_s = now_s
