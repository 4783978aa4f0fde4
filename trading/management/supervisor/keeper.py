"""Keeps a queue worked on by processes that end: one is forked when something waits, and leaves when idle.

`run_analyst` calls it. What stays meanwhile is one thread with nothing open, a fifth of a worker's memory,
which keeps the heartbeat. A forked worker that fails ends the keeper too, so that whoever started it sees it
and starts again, with its pauses.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
from collections.abc import Callable, Iterator

import redis

from trading.management.supervisor.children import CRASHED, fork_child
from trading.management.supervisor.heartbeat import Heartbeat, connect

ROUND_S = 2.0
ENDINGS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class Keeper:
    """Forks `work`, named `child_name`, whenever the Redis list `queue_key` holds something."""

    def __init__(
        self,
        work: Callable[[], int],
        *,
        child_name: str,
        queue_key: str,
        heartbeat: Heartbeat,
        redis_url: str,
        round_s: float = ROUND_S,
    ) -> None:
        self._work = work
        self._child_name = child_name
        self._queue_key = queue_key
        self._heartbeat = heartbeat
        self._redis_url = redis_url
        self._round_s = round_s
        self._child = 0
        self._is_told_to_end = False

    def run(self) -> int:
        """Look after the queue until SIGTERM or SIGINT, then end the worker; give the exit status."""
        with self._woken_by_signals() as wake_end:
            while not self._is_told_to_end:
                if not self._has_ended_well():
                    return CRASHED
                if self._beat_and_look() and not self._child:
                    self._child = fork_child(self._work, name=self._child_name, close=())
                select.select([wake_end], [], [], self._round_s)
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_end, 4096)
        return self._end_child()

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[int]:
        def end(*_args: object) -> None:
            self._is_told_to_end = True

        wake_end, signal_end = os.pipe()
        for each in (wake_end, signal_end):
            os.set_blocking(each, False)
        before_fd = signal.set_wakeup_fd(signal_end, warn_on_full_buffer=False)
        before = {number: signal.signal(number, end) for number in ENDINGS}
        # Without a handler the end of a child wakes nobody.
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_args: None)
        try:
            yield wake_end
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)
            os.close(wake_end)
            os.close(signal_end)

    def _beat_and_look(self) -> bool:
        """Refresh the heartbeat and say whether work waits. A child must inherit no socket, so none stays."""
        with connect(self._redis_url) as client:
            self._heartbeat.beat(client)
            try:
                return bool(client.llen(self._queue_key))
            except redis.RedisError:  # the heartbeat has said so
                return False

    def _has_ended_well(self) -> bool:
        """Say whether the worker, if there was one, works or has ended with nothing left to do."""
        if not self._child:
            return True
        ended, raw = os.waitpid(self._child, os.WNOHANG)
        if not ended:
            return True
        self._child, status = 0, os.waitstatus_to_exitcode(raw)
        if status != os.EX_OK:
            log.error("worker.failed", extra={"role": self._child_name, "status": status})
        return status == os.EX_OK

    def _end_child(self) -> int:
        if not self._child:
            return os.EX_OK
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGTERM)
        return max(os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1]), os.EX_OK)
