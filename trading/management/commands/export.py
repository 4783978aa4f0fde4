"""`manage.py export KIND --format csv|json [--from MOMENT] [--to MOMENT]`: a ledger on standard output.

Rows are streamed, so a million of them cost no memory. The columns are those of the admin's export.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from trading.selectors.exports import EXPORTS, WRITERS, query


def read_moment(text: str) -> datetime:
    """Read an ISO date or moment; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not a moment such as 2024-03-01 or 2024-03-01T12:00:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    """Write one ledger to standard output."""

    help = "Exports trades, orders, fills, external changes, workers, blacklist or journal as CSV or JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("kind", choices=sorted(EXPORTS))
        parser.add_argument("--format", choices=tuple(WRITERS), default="csv")
        parser.add_argument("--from", dest="since", type=read_moment, help="First moment, inclusive (UTC)")
        parser.add_argument("--to", dest="until", type=read_moment, help="Last moment, exclusive (UTC)")

    def handle(self, **options: Any) -> None:
        """Stream the rows."""
        export = EXPORTS[options["kind"]]
        rows = query(export, since=options["since"], until=options["until"])
        for piece in WRITERS[options["format"]](export, rows):
            self.stdout.write(piece, ending="")
