"""A worker that is built before a fork leaves no event loop that two forks would share."""

from __future__ import annotations

import os

from kombu.asynchronous import get_event_loop

from trading.management.supervisor.celery_worker import rehearse
from trading.management.supervisor.children import fork_child


def test_forks_of_a_rehearsed_worker_make_event_loops_of_their_own() -> None:
    def run() -> int:
        rehearse()
        return int(get_event_loop() is not None)

    pid = fork_child(run, name="rehearsal", close=())

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
