"""The clock of an installation: publishes tasks when they are due, from schedules that are database rows.

`run_trader --clock` keeps it as a thread, `run_beat` as a process of its own. It runs no task itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from celery import beat, current_app
from django.conf import settings
from django_celery_beat.schedulers import DatabaseScheduler

from trading.management.supervisor.heartbeat import Heartbeat


class TouchingScheduler(DatabaseScheduler):  # type: ignore[misc]  # the package carries no types
    """The database scheduler, which touches the heartbeat in each round."""

    heartbeat: Heartbeat

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Publish what is due and give the seconds until the next."""
        self.heartbeat.touch()
        return float(super().tick(*args, **kwargs))


class Clock:
    """One beat with its heartbeat. Two of them publish everything twice: more work, nothing else."""

    def __init__(self) -> None:
        self._heartbeat = Heartbeat("beat", redis_url=settings.REDIS_URL, must_touch=True)
        TouchingScheduler.heartbeat = self._heartbeat
        self._service = beat.Service(
            current_app,
            scheduler_cls=TouchingScheduler,
            max_interval=settings.CELERY_BEAT_MAX_LOOP_INTERVAL,
            # Nobody asks it anything, and answering would cost a thread and a connection.
            remote_control=False,  # type: ignore[call-arg]  # the stubs are older
        )

    def run(self) -> None:
        """Publish until `stop`; what goes wrong is raised."""
        self._heartbeat.start()
        try:
            self._service.start()
        finally:
            self._heartbeat.stop()

    def run_beside(self, on_end: Callable[[], None]) -> None:
        """Publish from a thread; `on_end` is called there when it ends, for whatever reason."""

        def run() -> None:
            try:
                self.run()
            finally:
                on_end()

        threading.Thread(target=run, name="beat", daemon=True).start()

    def stop(self) -> None:
        """End after this round, at most a second from now; may be called from a signal."""
        self._service.stop()
