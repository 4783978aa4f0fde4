"""`manage.py run_analyst`: the Celery worker for analysis; trading goes on without it.

Started by `manage.py up` or a service manager. It decides nothing: tasks live in `tasks.py` of each floor.
They come some minutes apart, so a worker is forked when one waits, and ends when it has nothing to do.
"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from trading.management.supervisor.celery_worker import run_worker
from trading.management.supervisor.heartbeat import Heartbeat
from trading.management.supervisor.keeper import Keeper

THREADS = 1
QUEUE = "analysis"
IDLE_S = 5.0


class Command(BaseCommand):
    """Works on the queue `analysis` until told to stop."""

    help = "Run the Celery worker for analysis; trading goes on without it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many tasks may run at once."""
        parser.add_argument("--threads", type=int, default=THREADS, help=f"tasks at once (default {THREADS})")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM, then finish what was begun."""

        def work() -> int:
            return run_worker(name="analysis", queue=QUEUE, threads=options["threads"], idle_s=IDLE_S)

        keeper = Keeper(
            work,
            child_name="analysis",
            queue_key=f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{QUEUE}",
            heartbeat=Heartbeat("analyst", redis_url=settings.REDIS_URL),
            redis_url=settings.REDIS_URL,
        )
        sys.exit(keeper.run())
