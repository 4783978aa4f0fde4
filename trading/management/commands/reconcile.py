"""`manage.py reconcile [--json]`: make our ledger agree with the venue once, and tell what differs.

Exit 0: nothing is unknown and nothing differs. Exit 1: something is or does, or the venue cannot be asked.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.domain.ports import VenueError
from trading.services.reconcile import ReconcileReport, run


class Command(BaseCommand):
    """Reconcile once by hand."""

    help = "Asks the venue for every open question of the ledger and compares balances."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--reason", default="COMMAND", help="Goes into the journal")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Reconcile and tell."""
        try:
            report = run(desk=bootstrap.get_desk(), reason=options["reason"])
        except VenueError as error:
            raise CommandError(f"the venue cannot be asked: {error}", returncode=1) from error
        events.flush()
        figures = _figures(report)
        self.stdout.write(json.dumps(figures) if options["json"] else _lines(figures))
        if not report.is_clean:
            sys.exit(1)


def _figures(report: ReconcileReport) -> dict[str, Any]:
    return {
        "clean": report.is_clean,
        "resolved": report.resolved,
        "fills_added": report.fills_added,
        "unknown_orders": report.unknown_orders,
        "foreign_orders": report.foreign_orders,
        "differences": [each.to_json() for each in report.differences],
    }


def _lines(figures: dict[str, Any]) -> str:
    lines = [
        f"orders resolved  {figures['resolved']}",
        f"fills added      {figures['fills_added']}",
        f"orders unknown   {figures['unknown_orders']}",
        f"orders foreign   {figures['foreign_orders']} (left alone)",
    ]
    lines += [
        "DIFFERENCE       {asset}: ledger {ledger}, venue {venue}, difference {difference}".format(**each)
        for each in figures["differences"]
    ]
    return "\n".join([*lines, "the ledger agrees with the venue" if figures["clean"] else "NOT CLEAN"])
