"""`manage.py run_analyst`: the Celery worker for analysis; trading goes on without it.

Started by a service manager; under `manage.py up` it is a thread of `run_web`. It decides nothing: tasks live
in `tasks.py` of each floor.
"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from trading.management.supervisor.celery_worker import run_worker
from trading.management.supervisor.heartbeat import Heartbeat

THREADS = 1
QUEUE = "analysis"


class Command(BaseCommand):
    """Works on the queue `analysis` until told to stop."""

    help = "Run the Celery worker for analysis; trading goes on without it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many tasks may run at once."""
        parser.add_argument("--threads", type=int, default=THREADS, help=f"tasks at once (default {THREADS})")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM, then finish what was begun."""
        heartbeat = Heartbeat("analyst", redis_url=settings.REDIS_URL, must_touch=True)
        sys.exit(run_worker(name="analyst", queue=QUEUE, threads=options["threads"], heartbeat=heartbeat))
