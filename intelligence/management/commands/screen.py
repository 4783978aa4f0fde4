"""`manage.py screen [--json]`: bar symbols that lose beyond bad luck, and markets that are not normal.

Bars stand on the blacklist with reason, evidence, sample size and expiry, and are lifted there.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from intelligence.blacklisting import screen, tell
from trading import history
from trading.selectors.workers import list_subscriptions

INTERVAL = "1m"


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
        symbols = sorted({symbol for symbol, interval in list_subscriptions(now=now) if interval == INTERVAL})
        markets = {}
        for symbol in tqdm(symbols, desc="screening", file=sys.stderr, disable=None, leave=False):
            candles = history.streamed(symbol, INTERVAL)
            if candles is not None:
                markets[symbol] = candles
        findings = screen(markets, now=now)
        if options["json"]:
            self.stdout.write(json.dumps({"barred": [asdict(each) for each in findings]}))
        else:
            lines = [f"{each.symbol} is barred: {each.reason}, {tell(each)}" for each in findings]
            self.stdout.write("\n".join(lines) or "no symbol is to be barred")
