"""Workers that are forked from one preloaded parent share nothing that wakes them."""

from __future__ import annotations

from kombu.asynchronous import get_event_loop

from tests.support.forks import told_by_child
from trading.management.supervisor.celery_worker import make_worker
from trading.management.supervisor.roles import preload


def _pollers_of_a_fork() -> str:
    """Preload as the supervisor does; give whether the poller is not inherited, and the worker has one."""
    preload()
    inherited = get_event_loop()
    make_worker(name="forked", queue="none", threads=1)
    own = get_event_loop()
    return f"{inherited is None} {own is not None}"


def test_a_forked_worker_watches_its_sockets_with_a_poller_of_its_own() -> None:
    assert told_by_child(_pollers_of_a_fork) == "True True"
