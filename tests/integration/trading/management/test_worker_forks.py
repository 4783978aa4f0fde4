"""Workers that are forked from one preloaded parent share nothing that wakes them."""

from __future__ import annotations

import os

from kombu.asynchronous import get_event_loop

from trading.management.supervisor.celery_worker import make_worker
from trading.management.supervisor.children import fork_child
from trading.management.supervisor.roles import preload


def _pollers_of_a_fork() -> str:
    """Preload and fork in a fork, as the supervisor does; give whether the worker's poller is its own."""
    reader, writer = os.pipe()

    def act_as_supervisor() -> int:
        preload()
        inherited = get_event_loop()
        make_worker(name="forked", queue="none", threads=1)
        own = get_event_loop()
        os.write(writer, f"{inherited is None} {own is not None}".encode())
        return 0

    pid = fork_child(act_as_supervisor, name="up", close=[reader])
    os.close(writer)
    with os.fdopen(reader) as told:
        answer = told.read()
    os.waitpid(pid, 0)
    return answer


def test_a_forked_worker_watches_its_sockets_with_a_poller_of_its_own() -> None:
    assert _pollers_of_a_fork() == "True True"
