"""`manage.py health_page`: docs/health.md as the rules say it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from monitoring import health_page


class Command(BaseCommand):
    """Print the page."""

    help = "Writes the page docs/health.md from the rules to standard output."

    def handle(self, **options: Any) -> None:
        """Print it."""
        self.stdout.write(health_page.write(), ending="")
