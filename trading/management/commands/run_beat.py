"""`manage.py run_beat`: publishes what is due by the clock, from schedules that are database rows.

For a service manager, once per installation, where no trader has `--clock`. It runs no task itself.
"""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from trading.management.supervisor.clock import Clock


class Command(BaseCommand):
    """Publishes due tasks until told to stop."""

    help = "Publish scheduled tasks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        Clock().run()
