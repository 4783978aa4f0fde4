"""`manage.py tune [--worker W] [--mode off|advise|automatic] [--data DIR] [--plot FILE]`: review workers.

Without --data the candles come from the archive, which is filled first (governed). With --mode the mode of
one worker is set, and nothing is reviewed. With --plot the reviewed worker is drawn, beside whom it is
compared with. With --json one JSON object goes to standard output. Exit 1: a
candle file is wrong, or the venue cannot be asked. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import plots, tuning
from intelligence.backtest import CostModel, Market, run
from intelligence.command_input import WRONG_USAGE
from intelligence.models import TuningMode
from intelligence.plans import plan_of_worker
from intelligence.tuning import Subject
from intelligence.walk_forward import NEEDED_DAYS
from intelligence.worker_market import read_worker_market
from trading import history

NICENESS = 15  # orders go first on the same processor


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review said."""

    worker_id: int
    name: str
    note: str


class Command(BaseCommand):
    """Review workers that may be tuned."""

    help = "Reviews workers: their parameters (propose, shadow, replace, return), and the model they ask."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        option = parser.add_argument
        option("--worker", metavar="W", help="Id or name; default: all whose mode is not off")
        option("--mode", choices=[each.value.lower() for each in TuningMode], help="Set it, review nothing")
        option("--data", type=Path, metavar="DIR", help="Candle files instead of the archive")
        option(
            "--plot", type=Path, metavar="FILE.svg", help="Draw the worker and its challenge; needs --worker"
        )
        option("--json", action="store_true", help="JSON alone on standard output")

    def handle(self, **options: Any) -> None:
        """Set a mode, or review and tell."""
        now = history.now()
        try:
            chosen = [tuning.find_subject(options["worker"])] if options["worker"] else None
        except tuning.NoSuchWorker as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if options["mode"]:
            self._set_mode(chosen, TuningMode(options["mode"].upper()), now=now, as_json=options["json"])
            return
        plot = options["plot"]
        if plot is not None:
            _check_plot(plot, chosen)
        os.nice(NICENESS)
        subjects = chosen if chosen is not None else tuning.tuned_subjects()
        bar = tqdm(subjects, desc="reviewing", file=sys.stderr, disable=None, leave=False)
        reviewed = []
        with history.follow("tuning", "Tuning", total=len(subjects), unit="workers reviewed") as work:
            for each in bar:
                work.say(each.name)
                reviewed.append(_review(each, options["data"], plot, now=now, say=work.say))
                work.done()
        if options["json"]:
            rows = [{"worker_id": each.worker_id, "name": each.name, "note": each.note} for each in reviewed]
            self.stdout.write(json.dumps({"reviewed": rows}))
        else:
            lines = [f"{each.name}: {each.note}" for each in reviewed]
            self.stdout.write("\n".join(lines) or "no worker may be tuned; see --mode")

    def _set_mode(
        self, chosen: list[Subject] | None, mode: TuningMode, *, now: datetime, as_json: bool
    ) -> None:
        if not chosen:
            raise CommandError("--mode needs --worker", returncode=WRONG_USAGE)
        tuning.set_mode(chosen[0].worker_id, mode, actor="command", now=now)
        row = {"worker_id": chosen[0].worker_id, "mode": mode.value}
        self.stdout.write(json.dumps(row) if as_json else f"tuning of {chosen[0].name} is {mode.label}")


def _check_plot(path: Path, chosen: list[Subject] | None) -> None:
    """Say what is wrong before anything is reviewed."""
    if not chosen:
        raise CommandError("--plot needs --worker", returncode=WRONG_USAGE)
    try:
        plots.check_ending(path)
    except ValueError as error:
        raise CommandError(str(error), returncode=WRONG_USAGE) from None


def _review(
    subject: Subject, data: Path | None, plot: Path | None, *, now: datetime, say: Callable[[str], object]
) -> Reviewed:
    try:
        market = _market(subject, data, now=now, say=lambda note: say(f"{subject.name}, {note}"))
    except CommandError as error:
        return Reviewed(subject.worker_id, subject.name, f"not reviewed: {error}")
    note = tuning.review(subject, market, costs=CostModel(), now=now)
    if plot is not None:
        _draw(subject, market, plot)
    return Reviewed(subject.worker_id, subject.name, note)


def _draw(subject: Subject, market: Market, path: Path) -> None:
    """Draw what the worker's parameters would have made, and those that they are compared with."""
    plan = plan_of_worker(subject.config, costs=CostModel())
    challenge = tuning.live_challenge(subject.worker_id)
    other = {"challenger": challenge.after} if challenge is not None else {}
    if challenge is not None and challenge.after == plan.parameters:
        other = {"replaced": challenge.before}
    beside = {name: run(replace(plan, parameters=each), market) for name, each in other.items()}
    try:
        plots.draw(plan, market, run(plan, market), path, beside=beside)
    except OSError as error:
        raise CommandError(str(error), returncode=WRONG_USAGE) from None


def _market(subject: Subject, data: Path | None, *, now: datetime, say: Callable[[str], object]) -> Market:
    since = now - timedelta(days=NEEDED_DAYS)
    return read_worker_market(subject.config, since=since, until=now, now=now, data=data, say=say)
