"""`manage.py rollout show|set|define`: the stages in which everything new grows up, and where each stands.

`set` moves without evidence and needs a reason; `define` edits what a stage allows. With --json one JSON
value goes to standard output. Exit 2: a wrong option value, said in one line.
"""

from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading import bootstrap, events
from trading.domain.rollout import INSTALLATION
from trading.domain.values import InvalidNumber, to_decimal
from trading.selectors.configuration import list_stages, stage_to_json
from trading.selectors.rollout import list_standings
from trading.services import rollout

ACTOR = "command"
WRONG_USAGE = 2
NO_LIMIT = "none"
ALL = "all"
FIELDS = ("max_workers", "max_trade_notional", "min_hours", "min_health")


def read_amount(text: str) -> Decimal | None:
    """Read an amount, or `none` for no limit."""
    if text.lower() == NO_LIMIT:
        return None
    try:
        return to_decimal(text)
    except InvalidNumber as error:
        raise ArgumentTypeError(str(error)) from None


def read_number(text: str) -> int | None:
    """Read a whole number, or `none` for no limit."""
    if text.lower() == NO_LIMIT:
        return None
    if not text.isdigit():
        raise ArgumentTypeError(f"a whole number or {NO_LIMIT}, not {text!r}")
    return int(text)


class Command(BaseCommand):
    """Look after the stages from a script."""

    help = "Shows the stages and who stands where; moves a rollout; edits a stage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the acts."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        show = acts.add_parser("show", help="Show the stages and who stands where")
        move = acts.add_parser("set", help="Move a rollout without its evidence")
        move.add_argument("--stage", required=True, help="Number or name of the stage")
        subject = f"{INSTALLATION}, strategy:NAME, version:ID, or {ALL} that is in use ({INSTALLATION})"
        move.add_argument("--subject", default=INSTALLATION, help=subject)
        move.add_argument("--reason", required=True, help="Why the evidence is not waited for; journal")
        define = acts.add_parser("define", help="Change what a stage allows and needs; the rest stays")
        define.add_argument("stage", help="Number or name of the stage")
        define.add_argument("--max-workers", type=read_number, default=SUPPRESS, metavar="N")
        define.add_argument("--max-trade-notional", type=read_amount, default=SUPPRESS, metavar="AMOUNT")
        define.add_argument("--min-hours", type=float, default=SUPPRESS)
        define.add_argument("--min-health", type=int, default=SUPPRESS)
        define.add_argument("--reason", default="", help="Goes into the journal")
        for each in (show, move, define):
            each.add_argument("--json", action="store_true", help="One JSON object on standard output")

    def handle(self, **options: Any) -> None:
        """Do what is asked for, then show what holds."""
        try:
            if options["act"] == "set":
                self._move(options)
            elif options["act"] == "define":
                changes = {name: options[name] for name in FIELDS if name in options}
                rollout.change_stage(
                    _number(options["stage"]),
                    changes,
                    actor=ACTOR,
                    now=bootstrap.utc_now(),
                    reason=options["reason"],
                )
        except rollout.InvalidStage as error:
            raise CommandError(f"--{error}", returncode=WRONG_USAGE) from None
        events.flush()
        told = _standing()
        self.stdout.write(json.dumps(told) if options["json"] else _to_text(told))

    def _move(self, options: dict[str, Any]) -> None:
        number, now = _number(options["stage"]), bootstrap.utc_now()
        wanted = options["subject"]
        for subject in [each.subject for each in list_standings()] if wanted == ALL else [wanted]:
            rollout.override(subject, number, by=ACTOR, now=now, reason=options["reason"])


def _number(text: str) -> int:
    stages = list_stages()
    found = next((stage for stage in stages if text in (str(stage.number), stage.name)), None)
    if found is None:
        known = ", ".join(f"{stage.number} {stage.name}" for stage in stages)
        raise rollout.InvalidStage(f"stage: there are {known}")
    return found.number


def _standing() -> dict[str, Any]:
    return {
        "stages": [{"number": stage.number, **stage_to_json(stage)} for stage in list_stages()],
        "subjects": [standing.to_json() for standing in list_standings()],
    }


def _to_text(told: dict[str, Any]) -> str:
    return "\n".join([*map(_stage_line, told["stages"]), *map(_subject_line, told["subjects"])])


def _subject_line(each: dict[str, Any]) -> str:
    lacks = "; ".join(each["lacks"])
    line = f"{each['subject']:<28} stage {each['stage']} {each['name']:<8} {each['title']}"
    return f"{line}: {lacks}" if lacks else line


def _stage_line(stage: dict[str, Any]) -> str:
    workers, notional = stage["max_workers"] or "any", stage["max_trade_notional"] or "any"
    allows = f"workers {workers}, a trade {notional}"
    return (
        f"stage {stage['number']} {stage['name']:<8} {allows}; left after {stage['min_hours']:g} h, health "
        f"{stage['min_health']}"
    )
