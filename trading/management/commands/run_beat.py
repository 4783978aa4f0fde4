"""`manage.py run_beat`: publishes what is due by the clock, from schedules that are database rows.

Started by `manage.py up` or a service manager, once per installation. It runs no task itself.
"""

from __future__ import annotations

import signal
from typing import Any

from celery import beat, current_app
from django.conf import settings
from django.core.management.base import BaseCommand
from django_celery_beat.schedulers import DatabaseScheduler

from trading.management.supervisor.heartbeat import Heartbeat


class TouchingScheduler(DatabaseScheduler):  # type: ignore[misc]  # the package carries no types
    """The database scheduler, which touches the heartbeat in each round."""

    heartbeat: Heartbeat

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Publish what is due and give the seconds until the next."""
        self.heartbeat.touch()
        return float(super().tick(*args, **kwargs))


class Command(BaseCommand):
    """Publishes due tasks until told to stop."""

    help = "Publish scheduled tasks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        heartbeat = Heartbeat("beat", redis_url=settings.REDIS_URL, must_touch=True)
        TouchingScheduler.heartbeat = heartbeat
        service = beat.Service(
            current_app, scheduler_cls=TouchingScheduler, max_interval=settings.CELERY_BEAT_MAX_LOOP_INTERVAL
        )
        heartbeat.start()
        service.start()
