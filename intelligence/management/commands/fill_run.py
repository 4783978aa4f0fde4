"""`manage.py fill_run ID`: play the back-test that a run orders, and keep what it came to.

Called by a task. The worker's version in force is played over candles from the venue (governed), with the
costs that `backtest` takes by default. Exit 1: the run failed, and says why itself.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from intelligence import runs
from intelligence.backtest import CostModel, Market, Outcome, find_signals, play
from intelligence.command_input import NOT_FINE, WRONG_USAGE
from intelligence.models import Run, RunKind
from intelligence.parity import REASONS
from intelligence.plans import plan_of_worker
from intelligence.worker_market import read_worker_market
from trading import history
from trading.domain.exits import DATA_END, TAKE_PROFIT
from trading.domain.market import INTERVAL_S
from trading.domain.slices import Ended
from trading.domain.values import ZERO
from trading.selectors.instruments import get_instruments
from trading.selectors.workers import get_config

NICENESS = 15  # orders go first on the same processor
COSTS = CostModel()
STEPS = 3


class Command(BaseCommand):
    """Fill a run."""

    help = "Plays the back-test of a run over candles from the venue and keeps the sums of its days."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("run", type=int, metavar="ID")

    def handle(self, **options: Any) -> None:
        """Play and keep, or note why not."""
        run = Run.objects.select_related("worker__version").filter(pk=options["run"]).first()
        if run is None or run.kind != RunKind.BACKTEST:
            raise CommandError(f"no back-test has the number {options['run']}", returncode=WRONG_USAGE)
        os.nice(NICENESS)
        try:
            _fill(run)
        except (CommandError, ValueError) as error:
            runs.fail(run, str(error))
            raise CommandError(str(error), returncode=NOT_FINE) from None
        self.stdout.write(f"{run}: {run.trades} trades")


def _fill(run: Run) -> None:
    assert run.worker.version is not None
    config = get_config(run.worker.version)
    plan = plan_of_worker(config, costs=COSTS)
    begin = datetime.combine(run.begins_on, datetime.min.time(), UTC)
    end = min(datetime.combine(run.ends_on, datetime.min.time(), UTC) + timedelta(days=1), history.now())
    warm_up = timedelta(seconds=plan.asked.warmup(plan.parameters) * INTERVAL_S[config.interval])
    with history.follow(
        f"run:{run.pk}", f"Back-test of {run.worker.name}", total=STEPS, unit="steps"
    ) as work:
        work.step("fetches candles")
        market = read_worker_market(config, since=begin - warm_up, until=end, now=history.now(), say=work.say)
        work.step("looks for signals")
        symbols, rows = find_signals(plan, market)
        work.step("plays them")
        days: runs.Days = {}
        for trade in ended_trades(market, play(plan, market, symbols, rows)):
            if trade.opened_at is not None and trade.opened_at >= begin:
                runs.add(days, trade)
        runs.keep(run, days)


def ended_trades(market: Market, outcome: Outcome) -> Iterator[Ended]:
    """Give the round trips of a back-test as closed trades; what the candles left open is passed over."""
    assets = {
        symbol: each.quote_asset
        for symbol, each in get_instruments([h.symbol for h in market.histories]).items()
    }
    slipped, fee = Decimal(str(COSTS.slippage_bps)), COSTS.costs().fee
    for trip in outcome.trips:
        code = int(trip["code"])
        symbol = market.histories[trip["symbol"]].symbol
        if code == DATA_END or symbol not in assets:
            continue
        bought, sold = trip["qty"] * trip["entry_price"], trip["sold_qty"] * trip["exit_price"]
        yield Ended(
            worker_id=0,
            version_id=0,
            symbol=symbol,
            quote_asset=assets[symbol],
            opened_at=datetime.fromtimestamp(int(trip["entry_s"]), tz=UTC),
            closed_at=datetime.fromtimestamp(int(trip["exit_s"]), tz=UTC),
            exit_reason=REASONS[code],
            entry_notional=_money(bought),
            exit_notional=_money(sold),
            fees=_money((bought + sold) * fee),
            pnl=_money(trip["pnl"]),
            entry_slippage_bps=slipped,
            exit_slippage_bps=ZERO if code == TAKE_PROFIT else slipped,
        )


def _money(amount: float) -> Decimal:
    return Decimal(f"{amount:.8f}")
