"""`manage.py reconcile [--accept ASSET] [--json]`: make our ledger agree with the venue, tell what differs.

`--accept` books what differs of one asset: the operator knows where it comes from, and the ledger follows the
venue. Exit 0: nothing is unknown and nothing differs. Exit 1: something is or does, nothing can be accepted,
or the venue cannot be asked.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.domain.ports import VenueError
from trading.domain.values import to_text
from trading.selectors.ledger import list_lacking
from trading.services import reconcile
from trading.services.ledger import NothingToAccept
from trading.services.reconcile import ReconcileReport, run

ACTOR = "command"


class Command(BaseCommand):
    """Reconcile once by hand."""

    help = "Asks the venue for every open question of the ledger and compares balances."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--accept", metavar="ASSET", help="Let the ledger follow the venue for this asset"
        )
        parser.add_argument("--reason", default="COMMAND", help="Goes into the journal")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Reconcile and tell."""
        try:
            report = self._accept(**options) if options["accept"] else self._run(options["reason"])
        except VenueError as error:
            raise CommandError(f"the venue cannot be asked: {error}", returncode=1) from error
        except NothingToAccept as error:
            raise CommandError(str(error), returncode=1) from error
        events.flush()
        figures = _figures(report)
        self.stdout.write(json.dumps(figures) if options["json"] else _lines(figures))
        if not report.is_clean:
            sys.exit(1)

    def _run(self, reason: str) -> ReconcileReport:
        return run(desk=bootstrap.get_desk(), reason=reason)

    def _accept(self, *, accept: str, reason: str, **_: Any) -> ReconcileReport:
        asset = accept.strip().upper()
        change, report = reconcile.accept(asset, actor=ACTOR, reason=reason, desk=bootstrap.get_desk())
        self.stderr.write(f"accepted {to_text(change.amount)} {asset}")
        return report


def _figures(report: ReconcileReport) -> dict[str, Any]:
    return {
        "clean": report.is_clean,
        "resolved": report.resolved,
        "fills_added": report.fills_added,
        "unknown_orders": report.unknown_orders,
        "foreign_orders": report.foreign_orders,
        "foreign": [each.to_json() for each in report.foreign],
        "missing": list(list_lacking()),
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
        "{word:<17}{side} {qty} {symbol} at {price}, id {id}".format(**each) for each in figures["foreign"]
    ]
    lines += [
        f"MISSING          {symbol}: others took a part of the position" for symbol in figures["missing"]
    ]
    lines += [
        "DIFFERENCE       {asset}: ledger {ledger}, venue {venue}, difference {difference}".format(**each)
        for each in figures["differences"]
    ]
    return "\n".join([*lines, "the ledger agrees with the venue" if figures["clean"] else "NOT CLEAN"])
