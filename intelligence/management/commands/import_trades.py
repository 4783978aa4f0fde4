"""`manage.py import_trades FILE [--label TEXT]`: trades of another installation, to compare ours with.

FILE is what `manage.py export trades` wrote there, CSV or JSON, of any length; - is standard input. Each
worker that has the same name here gets a run on the compare page. Nothing else changes: the ledger is what
happened here. Exit 1: the file is no export of trades, or nobody in it is known here.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, FileType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from intelligence import runs
from intelligence.command_input import NOT_FINE
from intelligence.trade_files import NotTrades, read_trades
from trading import history


class Command(BaseCommand):
    """Bring trades of another installation."""

    help = "Keeps trades that another installation exported, to compare ours with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", type=FileType(encoding="utf-8-sig"), metavar="FILE")
        parser.add_argument("--label", default=runs.LABEL, help=f"What it is called (default: {runs.LABEL})")

    def handle(self, **options: Any) -> None:
        """Read, keep, tell."""
        try:
            with options["file"] as file:
                made, unknown = runs.keep_trades(
                    read_trades(file), label=options["label"][:60], actor="command", now=history.now()
                )
        except (NotTrades, runs.CannotKeep) as error:
            raise CommandError(str(error), returncode=NOT_FINE) from None
        for run in made:
            self.stdout.write(f"{run}: {run.trades} trades, {run.begins_on} to {run.ends_on}")
        if unknown:
            print(f"not known here, passed over: {', '.join(unknown)}", file=sys.stderr)
