"""`manage.py backup [--to DIR] [--keep N] [--json]`: all that is kept, in one file, proven by restoring it.

Trading goes on meanwhile; the file shows one moment. Secrets are not in it: they are named. Exit 1: no usable
backup was made, and none was removed.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.management.backup.archive import UnusableBackup
from trading.management.backup.making import Made, make_backup
from trading.management.backup.tables import DiffersFromBackup
from trading.services import records

ACTOR = "command"
WRONG_USAGE = 2
KEEP = 7
MIB = 1024 * 1024


class Command(BaseCommand):
    """Make a backup."""

    help = "Writes database and configuration into one file, restores it to prove it, keeps the newest."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        folder = settings.FASTCYCLE_HOME / "backups"
        parser.add_argument("--to", type=Path, metavar="DIR", default=folder, help=f"Folder ({folder})")
        parser.add_argument(
            "--keep", type=int, default=KEEP, help=f"So many of the newest stay there ({KEEP})"
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Make it and tell what must be carried apart."""
        if options["keep"] < 1:
            raise CommandError("--keep must be a whole number from 1 on", returncode=WRONG_USAGE)
        try:
            made = make_backup(options["to"], keep=options["keep"], now=bootstrap.utc_now())
        except OSError as error:
            raise CommandError(f"--to {options['to']}: {error.strerror or error}", returncode=1) from error
        except (UnusableBackup, DiffersFromBackup) as error:
            raise CommandError(f"the backup was not usable and is removed: {error}", returncode=1) from error
        figures = {"file": Path(made.file).name, "rows": made.rows, "verified_s": made.verified_s}
        records.note(records.BACKUP, figures, actor=ACTOR, now=bootstrap.utc_now())
        events.flush()
        self.stdout.write(json.dumps(asdict(made)) if options["json"] else _lines(made))


def _lines(made: Made) -> str:
    return "\n".join(
        [
            f"backup    {made.file}, {made.size_bytes / MIB:.1f} MiB, {made.rows} rows in {made.took_s} s",
            f"proven    restored into a scratch database and compared row by row, {made.verified_s} s",
            *(f"apart     {name}" for name in made.secrets_apart),
            *(f"removed   {path}" for path in made.removed),
        ]
    )
