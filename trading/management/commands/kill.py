"""`manage.py kill --level entries|cancel|flatten [--json]`: the kill switch; prints what is left.

Exit 0: what the level promises is done. Exit 1: something of it is still open, and is named.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand

from trading import events
from trading.services.control import KillLevel, Left, clear, stop

ACTOR = "command"


class Command(BaseCommand):
    """Stop trading as far as the level says."""

    help = "Stops entries, cancels working entries, or sells everything; prints what is left."
    # Checking settings, pages and models takes longer than the whole kill.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--level", required=True, choices=[level.value for level in KillLevel])
        parser.add_argument("--reason", default="", help="Goes into the journal")
        parser.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Pull the switch and tell the truth."""
        level = KillLevel(options["level"])
        stop(level, actor=ACTOR, clock=partial(datetime.now, UTC), reason=options["reason"])
        # Not before: loading the venue's client takes longer than to stop everybody.
        from trading import bootstrap  # noqa: PLC0415 -- see above

        left = clear(level, actor=ACTOR, desk=bootstrap.get_desk())
        events.flush()
        self.stdout.write(
            json.dumps({"level": level.value, **asdict(left)}) if options["json"] else _lines(left)
        )
        if not _is_done(level, left):
            sys.exit(1)


def _lines(left: Left) -> str:
    symbols = " ".join(left.symbols)
    return "\n".join(
        [
            f"trading          {left.trading_state}",
            f"open trades      {left.open_trades}, {left.protected_trades} protected: {symbols}",
            f"working entries  {left.working_entries}",
            f"unknown orders   {left.unknown_orders}",
            *(f"left             {line}" for line in left.lines),
        ]
    )


def _is_done(level: KillLevel, left: Left) -> bool:
    """Say whether nothing is left of what the level was to end."""
    if level is KillLevel.ENTRIES:
        return True
    is_cancelled = left.working_entries == 0
    return is_cancelled if level is KillLevel.CANCEL else is_cancelled and left.open_trades == 0
