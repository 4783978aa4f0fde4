"""`manage.py status [--json]`: what the system is doing now, for a person or a script. Reads only."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from monitoring import live, status_report

# The user's line for a rollback: below it the system is not fine.
FINE_FROM = 70


class Command(BaseCommand):
    """Print the state of the system; exit 1 where health is below 70."""

    help = "Shows health, workers, open trades, streams, API use and processes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Print, and end with the exit status that says whether all is fine."""
        status = status_report.build_status(now=live.utc_now())
        if options["json"]:
            self.stdout.write(json.dumps(status))
        else:
            self.stdout.write(status_report.to_text(status))
        if status["health"] < FINE_FROM:
            sys.exit(1)
