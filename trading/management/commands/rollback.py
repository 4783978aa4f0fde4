"""`manage.py rollback [--to ID] [--flatten] [--dry-run] [--list] [--json]`: back to a stable configuration.

Halts everything, restores the chosen or the last stable configuration, starts again in the first stage and
writes an incident. Open trades run out by their own exits, or are sold with --flatten. Exit 1: not restored,
or something still differs. Exit 2: nothing to go back to.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.models import ConfigSnapshot
from trading.services import rollback

ACTOR = "command"
WRONG_USAGE = 2
SHOWN = 20


class Command(BaseCommand):
    """Roll the configuration back."""

    help = "Halts, restores the last stable configuration (or --to ID), starts again in the first stage."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--to", type=int, metavar="ID", help="A configuration of --list, not the last stable"
        )
        parser.add_argument("--flatten", action="store_true", help="Sell everything held at market")
        parser.add_argument("--dry-run", action="store_true", help="Only show what would change")
        parser.add_argument("--list", action="store_true", help="Show the configurations to go back to")
        parser.add_argument("--reason", default="", help="Goes into journal and incident")
        parser.add_argument("--json", action="store_true", help="One JSON value on standard output")

    def handle(self, **options: Any) -> None:
        """Show, or roll back and tell."""
        if options["list"]:
            self._list(as_json=options["json"])
            return
        try:
            target = rollback.find_target(options["to"])
        except rollback.NoSuchSnapshot as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if options["dry_run"]:
            self._preview(target, as_json=options["json"])
            return
        try:
            title = f"Rollback to configuration {target.pk}"
            with bootstrap.follow("rollback", title, total=rollback.STEPS, unit="steps") as work:
                done = rollback.roll_back(
                    target,
                    by=ACTOR,
                    desk=bootstrap.get_desk(),
                    sell=options["flatten"],
                    reason=options["reason"],
                    tell=work.step,
                )
        except rollback.CannotRollBack as error:
            raise CommandError(str(error), returncode=1) from None
        events.flush()
        self.stdout.write(json.dumps(done.to_json()) if options["json"] else _to_text(done))
        if done.remaining:
            sys.exit(1)

    def _list(self, *, as_json: bool) -> None:
        rows = [
            {
                "id": row.pk,
                "made_at": row.made_at.isoformat(),
                "stable_at": row.stable_at.isoformat() if row.stable_at else None,
                "workers": len(row.content["workers"]),
            }
            for row in ConfigSnapshot.objects.order_by("-pk")[:SHOWN]
        ]
        if as_json:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            stable = f"stable since {row['stable_at']}" if row["stable_at"] else ""
            self.stdout.write(
                f"{row['id']:>6}  {row['made_at']}  {row['workers']} workers  {stable}".rstrip()
            )

    def _preview(self, target: ConfigSnapshot, *, as_json: bool) -> None:
        differences = rollback.preview(target)
        if as_json:
            told = {"snapshot": target.pk, "differences": [asdict(each) for each in differences]}
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"configuration {target.pk} of {target.made_at:%Y-%m-%d %H:%M:%S}:")
        for each in differences:
            self.stdout.write(f"  {each}")
        if not differences:
            self.stdout.write("  nothing differs")


def _to_text(done: rollback.RolledBack) -> str:
    return "\n".join(
        [
            f"configuration {done.snapshot} is restored in {done.took_s:.1f} s; the first stage begins",
            *(f"  {line}" for line in done.differences),
            *(f"STILL DIFFERENT  {line}" for line in done.remaining),
            done.left.sentence,
            f"incident {done.incident} is open: close it with what you found",
        ]
    )
