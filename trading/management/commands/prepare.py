"""`manage.py prepare`: what `up` does before the processes run, for those who run them one by one.

Schema, static files, the operator (with a password that is shown once), the venue's symbols and fees, and the
starter workers where there never was one. May be repeated: before every start, and after an upgrade. Exit 1:
the database cannot be used.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.management.supervisor import first_start, starters


class Command(BaseCommand):
    """Bring database, files and symbols up to date."""

    help = "Prepares database, static files, operator and symbols before the processes are started."
    requires_system_checks = ("trading",)

    def handle(self, **_options: Any) -> None:
        """Prepare, a line for whatever was made."""
        if first_start.prepare(self._say) or starters.begin_trading(self._say):
            raise CommandError("nothing was prepared")
        self._say("prepared")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
