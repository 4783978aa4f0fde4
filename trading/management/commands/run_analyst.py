"""`manage.py run_analyst`: the Celery worker for analysis; trading goes on without it.

Started by a service manager, or by `manage.py up` whenever a task waits. It decides nothing: tasks live in
`tasks.py` of each floor.
"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.management.supervisor.celery_worker import run_worker
from trading.management.supervisor.heartbeat import Heartbeat

THREADS = 1
QUEUE = "analysis"


class Command(BaseCommand):
    """Works on the queue `analysis` until told to stop."""

    help = "Run the Celery worker for analysis; trading goes on without it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many tasks may run at once, and when to end without one."""
        parser.add_argument("--threads", type=int, default=THREADS, help=f"tasks at once (default {THREADS})")
        parser.add_argument(
            "--idle-s", type=float, help="end after so many seconds without a task (default: never)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until SIGTERM or until idle, then finish what was begun."""
        idle_s: float | None = options["idle_s"]
        if idle_s is not None and not 0 < idle_s < float("inf"):
            raise CommandError(f"--idle-s must be more than 0 seconds, not {idle_s}", returncode=2)
        # Who comes and goes with the work has no heartbeat that could be missed.
        heartbeat = (
            Heartbeat("analyst", redis_url=settings.REDIS_URL, must_touch=True) if idle_s is None else None
        )
        sys.exit(
            run_worker(
                name="analyst",
                queue=QUEUE,
                threads=options["threads"],
                heartbeat=heartbeat,
                idle_s=idle_s,
            )
        )
