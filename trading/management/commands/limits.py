"""`manage.py limits show|set`: what the account may have at risk and lose in a day, by quote asset.

With --json one JSON value goes to standard output. Exit 2: a wrong option value, said in a line for each.
"""

from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.domain.values import InvalidNumber, to_decimal
from trading.selectors.limits import LimitFigures, limit_figures
from trading.services import limits

ACTOR = "command"
WRONG_USAGE = 2
NO_LIMIT = "none"
HELP = {
    "max_exposure": "In all open trades together",
    "max_symbol_exposure": "In one symbol",
    "max_daily_loss": "Loss since 00:00 UTC that stops new entries",
}


def read_limit(text: str) -> Decimal | None:
    """Read an amount, or `none` for no limit."""
    if text.lower() == NO_LIMIT:
        return None
    try:
        return to_decimal(text)
    except InvalidNumber as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    """Look at the account's limits and change them from a script."""

    help = "Shows and sets what the account may have at risk and lose in a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the two acts."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        show = acts.add_parser("show", help="Show limits and what counts against them")
        change = acts.add_parser("set", help="Change the limits that are named; the others stay")
        change.add_argument("--quote", required=True, metavar="ASSET", help="Quote asset, say USDT")
        for name, meaning in HELP.items():
            option = f"--{name.replace('_', '-')}"
            text = f"{meaning}, in the quote asset; {NO_LIMIT} takes the limit away"
            change.add_argument(
                option, dest=name, type=read_limit, metavar="AMOUNT", default=SUPPRESS, help=text
            )
        change.add_argument("--reason", default="", help="Goes into the journal")
        for each in (show, change):
            each.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, **options: Any) -> None:
        """Change what is asked for, then show what holds."""
        if options["act"] == "set":
            _set(options)
        # Without prices, so that it works while Redis is away; `status` tells what open trades would lose.
        rows = limit_figures(now=bootstrap.utc_now(), bids=None)
        self.stdout.write(json.dumps(rows) if options["json"] else _to_text(rows))


def _set(options: dict[str, Any]) -> None:
    changes = {name: options[name] for name in HELP if name in options}
    if not changes:
        raise CommandError(
            f"nothing to change: name one of {', '.join('--' + name.replace('_', '-') for name in HELP)}",
            returncode=WRONG_USAGE,
        )
    try:
        limits.set_limits(
            options["quote"], changes, actor=ACTOR, now=bootstrap.utc_now(), reason=options["reason"]
        )
    except limits.InvalidLimits as error:
        lines = [f"--{name.replace('_', '-')}: {text}" for name, text in error.problems.items()]
        told = "\n".join(lines).replace("--quote-asset:", "--quote:")
        raise CommandError(told, returncode=WRONG_USAGE) from None
    events.flush()


def _to_text(rows: Sequence[LimitFigures]) -> str:
    return "\n".join(line for row in rows for line in _lines(row)) or "no limit is set, and no trade is open"


def _lines(row: LimitFigures) -> list[str]:
    largest = f"{row['largest_symbol_exposure']} on {row['largest_symbol'] or 'no symbol'}"
    reached = "   REACHED: no new entries until 00:00 UTC" if row["daily_loss_reached"] else ""
    return [
        f"{row['quote_asset']}",
        f"  at risk      {row['exposure']} of {row['max_exposure'] or 'no limit'}",
        f"  one symbol   {largest} of {row['max_symbol_exposure'] or 'no limit'}",
        f"  lost today   {row['daily_loss']} of {row['max_daily_loss'] or 'no limit'}{reached}",
    ]
