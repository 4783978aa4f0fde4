"""`manage.py run_trader`: the Celery worker for everything that may trade.

Started by `manage.py up` or a service manager. It decides nothing: tasks live in `tasks.py` of each floor.
"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from trading import bootstrap
from trading.management.supervisor.celery_worker import run_worker
from trading.management.supervisor.clock import Clock
from trading.management.supervisor.heartbeat import Heartbeat

THREADS = 4


class Command(BaseCommand):
    """Works on the queue `trading` until told to stop."""

    help = "Run the Celery worker for everything that may trade."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many tasks may run at once."""
        parser.add_argument("--threads", type=int, default=THREADS, help=f"tasks at once (default {THREADS})")
        parser.add_argument(
            "--clock",
            action="store_true",
            help="publish scheduled tasks too, instead of a process run_beat; one trader of an installation",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM, then finish what was begun."""
        bootstrap.warm_up()
        clock = Clock() if options["clock"] else None
        heartbeat = Heartbeat("trader", redis_url=settings.REDIS_URL, must_touch=True)
        sys.exit(
            run_worker(
                name="trader",
                queue="trading",
                threads=options["threads"],
                heartbeat=heartbeat,
                clock=clock,
            )
        )
