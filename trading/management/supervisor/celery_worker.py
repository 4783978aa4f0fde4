"""A Celery worker in this very process: threads, one queue, no child processes.

`run_trader` and `run_analyst` are one, `run_web` may keep one beside the site. Gossip, mingling and events
between workers are off: they cost memory and messages, and the dashboard learns about processes from their
heartbeats.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from celery import current_app, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state
from django.db import close_old_connections
from setproctitle import getproctitle, setproctitle

from trading.management.supervisor.children import CRASHED
from trading.management.supervisor.clock import Clock
from trading.management.supervisor.heartbeat import Heartbeat

# A sender that waits for its turn to run waits at most this long for each busy thread, not 5 ms.
SWITCH_INTERVAL_S = 0.0005


def run_worker(
    *, name: str, queue: str, threads: int, heartbeat: Heartbeat, clock: Clock | None = None
) -> int:
    """Work on one queue until told to stop, and finish what was begun; give the exit status.

    A clock runs beside it. When the clock ends by itself, so does the worker, with status CRASHED: whoever
    started it starts both again.
    """

    def on_clock_end() -> None:
        if state.should_stop is None:
            state.should_stop = CRASHED  # type: ignore[assignment]  # the stubs know only its first value

    def stop(*_args: object) -> None:
        _ask_to_stop()
        if clock is not None:
            clock.stop()

    def on_ready() -> None:
        # Celery has just put its talkative signal handlers in place.
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if clock is not None:
            clock.run_beside(on_end=on_clock_end)

    setproctitle(f"fast-cycle: {name}")
    return _work(name=name, queue=queue, threads=threads, heartbeat=heartbeat, on_ready=on_ready)


class WorkerBeside:
    """A worker as a thread of a process whose main thread has something else to do; one in a process.

    `on_end` is called in that thread when it ends by itself; `has_ended` says so from then on.
    """

    def __init__(
        self, *, name: str, queue: str, threads: int, heartbeat: Heartbeat, on_end: Callable[[], None]
    ) -> None:
        self.has_ended = False
        self._is_stopping = False

        def run() -> None:
            try:
                _work(name=name, queue=queue, threads=threads, heartbeat=heartbeat, on_ready=lambda: None)
            finally:
                if not self._is_stopping:
                    self.has_ended = True
                    on_end()

        self._thread = threading.Thread(target=run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, *, limit_s: float) -> None:
        """Take no further task, and wait at most so long for what was begun."""
        self._is_stopping = True
        _ask_to_stop()
        if self._thread.is_alive():  # the site may have ended before it was ready
            self._thread.join(limit_s)


def _ask_to_stop() -> None:
    state.should_stop = os.EX_OK  # type: ignore[assignment]  # the stubs know only its first value


def _work(*, name: str, queue: str, threads: int, heartbeat: Heartbeat, on_ready: Callable[[], None]) -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    title = getproctitle()

    def begin(sender: Any, **_kwargs: Any) -> None:
        # A lost connection never cancels a task here: what it does to an order must run to its end.
        warnings.simplefilter("ignore", CPendingDeprecationWarning)
        setproctitle(title)  # Celery has just put its own in place
        # It comes round once a second at least; a timer would be lost with a connection.
        sender.hub.on_tick.add(heartbeat.touch)
        heartbeat.touch()
        heartbeat.start()
        on_ready()

    # Celery keeps a weak reference only, and `begin` lives as long as this call.
    signals.worker_ready.connect(begin)
    signals.task_prerun.connect(_mend_connections)
    worker = make_worker(name=name, queue=queue, threads=threads)
    worker.start()
    heartbeat.stop()
    return int(worker.exitcode or 0)


def make_worker(*, name: str, queue: str, threads: int) -> Any:
    """Build a worker; it connects and starts its threads when it is started.

    The supervisor builds one that it never starts: what building writes for the first time in a process
    (ten megabytes) is then shared by the forks.
    """
    # It warns of pickled messages from strangers; this worker accepts JSON only.
    warnings.simplefilter("ignore", SecurityWarning)
    signals.setup_logging.connect(leave_logging)
    return current_app.Worker(
        hostname=f"{name}@{socket.gethostname()}",
        queues=[queue],
        pool="threads",
        concurrency=threads,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )


def _mend_connections(**_kwargs: Any) -> None:
    """Close the thread's database connection where it broke; the next statement opens another one."""
    close_old_connections()


def leave_logging(**_kwargs: Any) -> None:
    """Be connected: Celery then keeps its hands off the loggers."""
