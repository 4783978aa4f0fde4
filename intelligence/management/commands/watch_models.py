"""`manage.py watch_models [--data DIR] [--json]`: do proven models still see what they learned from?

Without --data the candles come from the archive, which is filled first (governed). A model that drifted is
not listened to until its signals are again what they were; trading goes on without it. With --json one JSON
object goes to standard output. Exit 1: one has drifted. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import model_watch
from intelligence.backtest import Market
from intelligence.command_input import NOT_FINE, read_market
from intelligence.completed import WhileItAnswers
from intelligence.drift import Drift
from intelligence.models import ModelVersion
from intelligence.standing import list_newest
from trading import history

NICENESS = 15  # orders go first on the same processor


class Command(BaseCommand):
    """Watch models for drift."""

    help = "Holds the signals of recent days against those that models learned from."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        option = parser.add_argument
        option("--data", type=Path, metavar="DIR", help="Candle files instead of the archive")
        option("--json", action="store_true", help="JSON alone on standard output")

    def handle(self, **options: Any) -> None:
        """Look at each, keep, tell."""
        os.nice(NICENESS)
        now, read = history.now(), _Candles(options["data"])
        bar = tqdm(list_newest(), desc="watching", file=sys.stderr, disable=None, leave=False)
        seen = [(each, model_watch.watch_model(each, read, now=now)) for each in bar]
        if options["json"]:
            self.stdout.write(json.dumps({"models": [_row(*each) for each in seen]}))
        else:
            lines = [f"{version}: {version.drift['note']}" for version, _ in seen]
            self.stdout.write("\n".join(lines) or "no model is proven")
        if any(version.drifted_at is not None for version, _ in seen):
            sys.exit(NOT_FINE)


def _row(version: ModelVersion, drift: Drift | None) -> dict[str, Any]:
    return {
        "strategy": version.strategy,
        "interval": version.interval,
        "digest": version.digest,
        "is_drifted": version.drifted_at is not None,
        "is_known": drift is not None and drift.is_known,
        "drift": version.drift,
    }


class _Candles:
    """Candles of a folder, or of the archive, completed from the venue as long as it answers."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._complete = WhileItAnswers()

    def __call__(self, symbols: list[str], interval: str, since: datetime, until: datetime) -> Market | None:
        """Give a stretch; None where there is none of it."""
        for symbol in symbols if self._folder is None else ():
            self._complete(symbol, interval, since=since, until=until)
        folder = self._folder or history.archive()
        try:
            return read_market(folder, interval=interval, symbols=symbols, since=since, until=until)
        except CommandError:
            return None
