"""`manage.py replay --data DIR --strategy NAME|--worker ID …`: the live services trade recorded candles.

Turns, entries, protection, exits, upkeep and booking are the product's own, on a virtual clock, an engine
with the venue's rules and a database in memory: nothing of this installation is written. With --json one JSON
object goes to standard output: the figures of `backtest`, and in how many trades the back-tester differs.
Exit 1: they differ, or a candle file is wrong. Exit 2: a wrong option.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import plots, report
from intelligence.backtest import Market, Plan, run
from intelligence.command_input import (
    NOT_FINE,
    WRONG_USAGE,
    add_data_options,
    add_plan_options,
    read_plan,
)
from intelligence.parity import Difference, differences, replay, tested_trades
from trading.domain.performance import ClosedTrade, summarise
from trading.replay.play import ReplayedTrade
from trading.replay.stage import private_database

SHOWN = 10


class Command(BaseCommand):
    """Let the live services trade candle files."""

    help = "Lets the live services trade candle files on a virtual clock, and compares with the back-tester."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_data_options(parser)
        add_plan_options(parser)

    def handle(self, **options: Any) -> None:
        """Read, replay, compare, tell."""
        plan, market = read_plan(options)
        begun = time.perf_counter()
        try:
            trades = _replay(plan, market)
            outcome = run(plan, market)
            if options["plot"]:
                plots.draw(plan, market, outcome, options["plot"])
        except (ValueError, OSError) as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        found = differences(tested_trades(market, outcome), trades)
        taken_s = time.perf_counter() - begun
        answer = _answer(plan, market, trades, found, taken_s=taken_s)
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(_text(plan, answer, found))
        if found:
            sys.exit(NOT_FINE)


def _replay(plan: Plan, market: Market) -> list[ReplayedTrade]:
    logging.getLogger("trading").setLevel(logging.WARNING)  # a turn tells of each order otherwise
    bar = tqdm(total=market.bars, desc="replaying", file=sys.stderr, disable=None, leave=False)
    with bar, private_database():
        return replay(plan, market, done=bar.update)


def _answer(
    plan: Plan, market: Market, trades: list[ReplayedTrade], found: list[Difference], *, taken_s: float
) -> dict[str, Any]:
    days = report.days_of(market)

    def figures(part: list[ReplayedTrade]) -> dict[str, Any]:
        closed = [
            ClosedTrade(each.entered_at, each.left_at, each.pnl, each.qty * each.entry_price) for each in part
        ]
        balance = report.exact(plan.wallet.balance)
        return report.figures(summarise(closed, starting_equity=balance, days=days))

    return {
        **figures(trades),
        "bars": market.bars,
        "bars_per_s": round(market.bars / taken_s, 1),
        "per_symbol": {
            symbol: figures([each for each in trades if each.symbol == symbol]) for symbol in market.symbols
        },
        "differences": len(found),
    }


def _text(plan: Plan, answer: dict[str, Any], found: list[Difference]) -> str:
    lines = [
        f"{plan.spec.name}: the live services made {answer['trades']} trades of {answer['bars']:,} candles; "
        f"profit factor {report.number(answer['profit_factor'], '.2f')}, "
        f"{report.number(answer['expectancy_bps'], '+.1f')} bps a trade",
        f"the back-tester differs in {len(found)} of them",
    ]
    for each in found[:SHOWN]:
        lines += [f"  tested   {_trade(each.tested)}", f"  replayed {_trade(each.replayed)}"]
    return "\n".join(lines)


def _trade(trade: ReplayedTrade | None) -> str:
    if trade is None:
        return "no such trade"
    return (
        f"{trade.symbol} {trade.entered_at:%Y-%m-%d %H:%M} {trade.qty:f} at {trade.entry_price:f}, "
        f"{trade.left_at:%Y-%m-%d %H:%M:%S} {trade.sold_qty:f} at {trade.exit_price:f} {trade.reason} "
        f"{trade.pnl:+.4f}"
    )
