"""A Celery worker in this very process: threads, one queue, no child processes.

`run_trader` and `run_analyst` call it. Gossip, mingling and events between workers are off:
they cost memory and messages, and the dashboard learns about processes from their heartbeats.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from celery import current_app, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state
from django.db import close_old_connections
from setproctitle import setproctitle

from trading.management.supervisor.children import CRASHED
from trading.management.supervisor.clock import Clock
from trading.management.supervisor.heartbeat import Heartbeat

# A sender that waits for its turn to run waits at most this long for each busy thread, not 5 ms.
SWITCH_INTERVAL_S = 0.0005
IDLE_ROUND_S = 0.5


def run_worker(
    *,
    name: str,
    queue: str,
    threads: int,
    heartbeat: Heartbeat | None = None,
    clock: Clock | None = None,
    idle_s: float | None = None,
) -> int:
    """Work on one queue until told to stop, and finish what was begun; give the exit status.

    A clock runs beside it. When the clock ends by itself, so does the worker, with status CRASHED: whoever
    started it starts both again. With `idle_s` it ends well after so many seconds without a task.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    def leave(status: int) -> None:
        if state.should_stop is None:
            state.should_stop = status  # type: ignore[assignment]  # the stubs know only its first value

    def stop(*_args: object) -> None:
        state.should_stop = os.EX_OK  # type: ignore[assignment]  # as above
        if clock is not None:
            clock.stop()

    def on_ready(sender: Any, **_kwargs: Any) -> None:
        # A lost connection never cancels a task here: what it does to an order must run to its end.
        warnings.simplefilter("ignore", CPendingDeprecationWarning)
        # Celery has just named the process and put its talkative signal handlers in place.
        setproctitle(f"fast-cycle: {name}")
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if heartbeat is not None:
            # It comes round once a second at least; a timer would be lost with a connection.
            sender.hub.on_tick.add(heartbeat.touch)
            heartbeat.touch()
            heartbeat.start()
        if idle_s is not None:
            _leave_when_idle(idle_s, lambda: leave(os.EX_OK))
        if clock is not None:
            clock.run_beside(on_end=lambda: leave(CRASHED))

    signals.worker_ready.connect(on_ready)
    signals.task_prerun.connect(_mend_connections)
    worker = make_worker(name=name, queue=queue, threads=threads)
    worker.start()
    if heartbeat is not None:
        heartbeat.stop()
    return int(worker.exitcode or 0)


def _leave_when_idle(idle_s: float, leave: Callable[[], None]) -> None:
    """Call `leave` from a thread once no task was held for so long; one that comes just then goes back."""

    def watch() -> None:
        idle_since_s, taken = time.monotonic(), 0
        while time.monotonic() - idle_since_s < idle_s:
            time.sleep(IDLE_ROUND_S)
            if state.reserved_requests or sum(state.total_count.values()) != taken:
                idle_since_s, taken = time.monotonic(), sum(state.total_count.values())
        leave()

    threading.Thread(target=watch, name="idle", daemon=True).start()


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
