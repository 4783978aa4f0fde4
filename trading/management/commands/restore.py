"""`manage.py restore FILE [--json]`: a backup into an empty database, all of it or nothing. Either database.

Trading is halted when it is done: the next start reconciles with the venue, and the operator resumes. Exit 1:
nothing was restored, with the reason in one line.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from trading import bootstrap
from trading.domain.risk import TradingState
from trading.management.backup.archive import UnusableBackup
from trading.management.backup.restoring import restore
from trading.management.backup.tables import DiffersFromBackup
from trading.services.control import set_trading_state

ACTOR = "restore"


class Command(BaseCommand):
    """Restore a backup."""

    help = "Brings a backup into an empty database and halts trading until the operator resumes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file."""
        parser.add_argument("file", type=Path, metavar="FILE", help="What `manage.py backup` made")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Restore, or say why not."""
        path: Path = options["file"]
        try:
            rows = restore(path, alias=DEFAULT_DB_ALIAS, finish=lambda: _halt(path))
        except (UnusableBackup, DiffersFromBackup) as error:
            raise CommandError(f"nothing was restored: {error}", returncode=1) from error
        except DatabaseError as error:
            line = str(error).splitlines()[0]
            raise CommandError(f"nothing was restored: {line}", returncode=1) from error
        if options["json"]:
            self.stdout.write(json.dumps({"file": str(path), "rows": rows, "trading_state": "HALTED"}))
        else:
            self.stdout.write(f"{rows} rows restored and compared; trading is HALTED")
            self.stdout.write("next: manage.py up, manage.py reconcile, then resume in the admin")


def _halt(path: Path) -> None:
    set_trading_state(
        TradingState.HALTED,
        actor=ACTOR,
        now=bootstrap.utc_now(),
        reason=f"restored from {path.name}; reconcile, then resume",
    )
