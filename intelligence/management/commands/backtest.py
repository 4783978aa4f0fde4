"""`manage.py backtest --data DIR --strategy NAME|--worker ID …`: what a strategy would have made.

With --json one JSON object goes to standard output, net of fees, spread and slippage. Exit 1: a candle file
is wrong, said in one line with its name and line. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import plots, report
from intelligence.backtest import CostModel, Market, Outcome, Plan, find_signals, play
from intelligence.command_input import WRONG_USAGE, add_data_options, read_market
from intelligence.plans import plan_of_strategy, plan_of_worker
from trading.domain.strategy import STRATEGIES
from trading.domain.workers import WorkerConfig
from trading.selectors.workers import get_config, list_workers


def read_parameter(text: str) -> tuple[str, str]:
    """Read `name=value`."""
    name, mark, value = text.partition("=")
    if not (name and mark and value):
        raise ArgumentTypeError(f"{text!r} is not name=number")
    return name, value


class Command(BaseCommand):
    """Test a strategy on candle files."""

    help = "Plays a strategy over candle files: the trades live would have made, after all costs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_data_options(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--strategy", metavar="NAME", help=", ".join(STRATEGIES))
        what.add_argument("--worker", type=int, metavar="ID", help="Strategy, exits and budget of a worker")
        parser.add_argument(
            "--param",
            action="append",
            type=read_parameter,
            default=[],
            metavar="NAME=NUMBER",
            help="Repeatable",
        )
        parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="Draw equity, drawdown and trades")

    def handle(self, **options: Any) -> None:
        """Read, test, tell."""
        config = _worker_config(options["worker"]) if options["worker"] is not None else None
        market = read_market(
            options["data"],
            interval=options["interval"] or (config.interval if config else None),
            symbols=options["symbols"] or _worker_symbols(config),
            since=options["since"],
            until=options["until"],
        )
        costs = CostModel(options["fee_bps"], options["spread_bps"], options["slippage_bps"])
        try:
            if config is not None:
                plan = plan_of_worker(config, costs=costs, changes=dict(options["param"]))
            else:
                plan = plan_of_strategy(
                    options["strategy"],
                    interval_s=market.interval_s,
                    costs=costs,
                    changes=dict(options["param"]),
                )
            outcome, taken_s = _run(plan, market)
            if options["plot"]:
                plots.draw(plan, market, outcome, options["plot"])
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(plan, market, outcome, taken_s=taken_s)))
        else:
            self.stdout.write(report.to_text(plan, market, outcome, taken_s=taken_s))


def _worker_config(worker_id: int) -> WorkerConfig:
    found = [each for each in list_workers() if each.pk == worker_id and each.version is not None]
    if not found:
        known = ", ".join(str(each.pk) for each in list_workers()) or "none"
        raise CommandError(f"no worker {worker_id}; there are {known}", returncode=WRONG_USAGE)
    assert found[0].version is not None
    return get_config(found[0].version)


def _worker_symbols(config: WorkerConfig | None) -> tuple[str, ...] | None:
    """Give the symbols of an explicit list; a rule stands for all that the folder has."""
    return config.universe.symbols or None if config is not None else None


def _run(plan: Plan, market: Market) -> tuple[Outcome, float]:
    nothing = np.empty(0, dtype=np.int64)
    play(plan, market, nothing, nothing)  # compiles; what follows is the test alone
    begun = time.perf_counter()
    with tqdm(total=len(market.symbols), desc="testing", file=sys.stderr, disable=None, leave=False) as bar:
        symbols, rows = find_signals(plan, market, done=bar.update)
        outcome = play(plan, market, symbols, rows)
    return outcome, time.perf_counter() - begun
