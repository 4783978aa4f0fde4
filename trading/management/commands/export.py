"""`manage.py export KIND --format csv|json [--from MOMENT] [--to MOMENT]`: a ledger on standard output.

Rows are streamed, so a million of them cost no memory. The columns are those of the admin's export.
"""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from trading.selectors.exports import EXPORTS, Export, iterate, query, to_cell, to_json_value


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
        parser.add_argument("--format", choices=("csv", "json"), default="csv")
        parser.add_argument("--from", dest="since", type=read_moment, help="First moment, inclusive (UTC)")
        parser.add_argument("--to", dest="until", type=read_moment, help="Last moment, exclusive (UTC)")

    def handle(self, **options: Any) -> None:
        """Stream the rows."""
        export = EXPORTS[options["kind"]]
        rows = iterate(export, query(export, since=options["since"], until=options["until"]))
        if options["format"] == "csv":
            self._write_csv(export, rows)
        else:
            self._write_json(rows)

    def _write_csv(self, export: Export, rows: Iterator[dict[str, Any]]) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow([name for name, _ in export.columns])
        writer.writerows([to_cell(value) for value in row.values()] for row in rows)

    def _write_json(self, rows: Iterator[dict[str, Any]]) -> None:
        """Write an array with one row a line; a broken-off file is then easy to see and to mend."""
        before = "["
        for row in rows:
            values = {name: to_json_value(value) for name, value in row.items()}
            self.stdout.write(f"{before}\n{json.dumps(values, ensure_ascii=False)}", ending="")
            before = ","
        self.stdout.write("[]" if before == "[" else "\n]")
