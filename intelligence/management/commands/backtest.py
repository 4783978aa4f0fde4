"""`manage.py backtest --data DIR --strategy NAME|--worker ID …`: what a strategy would have made.

With --json one JSON object goes to standard output, net of fees, spread and slippage. Exit 1: a candle file
is wrong, said in one line with its name and line. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import plots, report
from intelligence.backtest import Market, Outcome, Plan, find_signals, play
from intelligence.command_input import WRONG_USAGE, add_data_options, add_plan_options, read_plan


class Command(BaseCommand):
    """Test a strategy on candle files."""

    help = "Plays a strategy over candle files: the trades live would have made, after all costs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_data_options(parser)
        add_plan_options(parser)

    def handle(self, **options: Any) -> None:
        """Read, test, tell."""
        plan, market = read_plan(options)
        try:
            outcome, taken_s = _run(plan, market)
            if options["plot"]:
                plots.draw(plan, market, outcome, options["plot"])
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(plan, market, outcome, taken_s=taken_s)))
        else:
            self.stdout.write(report.to_text(plan, market, outcome, taken_s=taken_s))


def _run(plan: Plan, market: Market) -> tuple[Outcome, float]:
    nothing = np.empty(0, dtype=np.int64)
    play(plan, market, nothing, nothing)  # compiles; what follows is the test alone
    begun = time.perf_counter()
    with tqdm(total=len(market.symbols), desc="testing", file=sys.stderr, disable=None, leave=False) as bar:
        symbols, rows = find_signals(plan, market, done=bar.update)
        outcome = play(plan, market, symbols, rows)
    return outcome, time.perf_counter() - begun
