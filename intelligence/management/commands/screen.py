"""`manage.py screen [--json]`: bar symbols that lose beyond bad luck, and markets that are not normal.

Bars stand on the blacklist with reason, evidence, sample size and expiry, and are lifted there. Then it is
measured what bars kept from being made, and kept there too; candles that the archive lacks are fetched
(governed).
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from intelligence.blacklisting import read_markets, screen, tell
from intelligence.candle_files import CandleFileError, History, between, list_files, read_histories
from intelligence.completed import WhileItAnswers
from intelligence.missed import measure_bars
from trading import history
from trading.domain.missed import Missed
from trading.domain.values import to_text


class Command(BaseCommand):
    """Screen the symbols that are traded."""

    help = "Bars symbols that lose more than the rest beyond bad luck, and markets that are not normal."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="JSON alone on standard output")

    def handle(self, **options: Any) -> None:
        """Look at trades and markets, bar, tell."""
        now = history.now()
        findings = screen(read_markets(now=now), now=now)
        measured = measure_bars(_Candles(), now=now)
        if options["json"]:
            rows = [{"symbol": bar.symbol, **_to_json(missed)} for bar, missed in measured]
            self.stdout.write(json.dumps({"barred": [asdict(each) for each in findings], "measured": rows}))
        else:
            lines = [f"{each.symbol} is barred: {each.reason}, {tell(each)}" for each in findings]
            lines += [
                f"{bar.symbol}, barred since {bar.since:%Y-%m-%d %H:%M}: {each}" for bar, each in measured
            ]
            self.stdout.write("\n".join(lines) or "no symbol is to be barred")


class _Candles:
    """Candles of the archive, completed from the venue as long as it answers."""

    def __init__(self) -> None:
        self._complete = WhileItAnswers()

    def __call__(self, symbol: str, interval: str, since: datetime, until: datetime) -> History | None:
        """Give a stretch; None where there is none of it."""
        self._complete(symbol, interval, since=since, until=until)
        try:
            files = list_files(history.archive())
            (found,) = read_histories(files, interval=interval, symbols=[symbol])
        except CandleFileError:
            return None
        part = between(found, since=since, until=until)
        return part if len(part.candles) else None


def _to_json(missed: Missed) -> dict[str, Any]:
    return {
        **asdict(missed),
        "pnl": None if missed.pnl is None else to_text(missed.pnl),
        "until": None if missed.until is None else missed.until.isoformat(),
    }
