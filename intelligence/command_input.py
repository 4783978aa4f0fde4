"""What the commands of this application have in common: options, reading candles with a bar, exit codes."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import CommandError
from tqdm import tqdm

from intelligence.backtest import CostModel, Market, Plan, join
from intelligence.candle_files import (
    CandleFileError,
    NoSuchCandles,
    between,
    choose_interval,
    list_files,
    read_histories,
)
from intelligence.plans import plan_of_strategy, plan_of_worker
from trading.domain.market import INTERVAL_S
from trading.domain.strategy import STRATEGIES
from trading.domain.workers import WorkerConfig
from trading.selectors.workers import get_config, list_workers

T = TypeVar("T")
NOT_FINE, WRONG_USAGE = 1, 2


def read_moment(text: str) -> datetime:
    """Read an ISO date or moment; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a moment such as 2024-03-01 or 2024-03-01T12:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_symbols(text: str) -> list[str]:
    """Read symbols parted by commas."""
    symbols = [each.strip().upper() for each in text.split(",") if each.strip()]
    if not symbols:
        raise ArgumentTypeError("symbols parted by commas, such as BTCUSDT,ETHUSDT")
    return symbols


def read_bps(text: str) -> float:
    """Read a cost in bps."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1_000.0:
        raise ArgumentTypeError(f"a number from 0 to 1000 (bps), not {text}")
    return value


def add_data_options(parser: ArgumentParser) -> None:
    """Declare which candles are read and what a fill costs."""
    usual = CostModel()
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="Folder of candle files")
    parser.add_argument(
        "--interval", choices=sorted(INTERVAL_S), help="Default: the worker's, else the shortest there is"
    )
    parser.add_argument("--from", dest="since", type=read_moment, help="First candle, inclusive (UTC)")
    parser.add_argument("--to", dest="until", type=read_moment, help="Last candle, exclusive (UTC)")
    parser.add_argument("--symbols", type=read_symbols, metavar="A,B", help="Default: all there are")
    for name, default, what in (
        ("fee", usual.fee_bps, "Fee of a side"),
        ("spread", usual.spread_bps, "Distance of ask and bid"),
        ("slippage", usual.slippage_bps, "Slippage of a side that takes"),
    ):
        help_text = f"{what}, bps (default {default:g})"
        parser.add_argument(f"--{name}-bps", type=read_bps, default=default, metavar="BPS", help=help_text)
    parser.add_argument("--json", action="store_true", help="JSON alone on standard output")


def read_parameter(text: str) -> tuple[str, str]:
    """Read `name=value`."""
    name, mark, value = text.partition("=")
    if not (name and mark and value):
        raise ArgumentTypeError(f"{text!r} is not name=number")
    return name, value


def add_plan_options(parser: ArgumentParser) -> None:
    """Declare what is traded: a strategy with its suggestions, or a worker."""
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


def read_market(
    folder: Path,
    *,
    interval: str | None,
    symbols: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> Market:
    """Read the candles with a progress bar on standard error.

    Raises:
        CommandError: The folder or a file is wrong; one line.
    """
    try:
        files = list_files(folder)
        chosen = interval or choose_interval(files)
        wanted = {each.symbol for each in files if each.interval == chosen}
        count = len(wanted & set(symbols)) if symbols is not None else len(wanted)
        histories = []
        for history in progress(read_histories(files, interval=chosen, symbols=symbols), count, "reading"):
            part = between(history, since=since, until=until)
            if len(part.candles):
                histories.append(part)
        if not histories:
            raise NoSuchCandles(f"{folder}: no {chosen} candle between --from and --to")
    except CandleFileError as error:
        code = WRONG_USAGE if isinstance(error, NoSuchCandles) else NOT_FINE
        raise CommandError(str(error), returncode=code) from None
    return join(histories)


def read_plan(options: Mapping[str, Any]) -> tuple[Plan, Market]:
    """Read the candles and give what add_plan_options asked for.

    Raises:
        CommandError: A file or an option is wrong; one line.
    """
    config = _worker_config(options["worker"]) if options["worker"] is not None else None
    market = read_market(
        options["data"],
        interval=options["interval"] or (config.interval if config else None),
        symbols=options["symbols"] or _worker_symbols(config),
        since=options["since"],
        until=options["until"],
    )
    costs = CostModel(options["fee_bps"], options["spread_bps"], options["slippage_bps"])
    changes = dict(options["param"])
    try:
        if config is not None:
            return plan_of_worker(config, costs=costs, changes=changes), market
        interval_s = market.interval_s
        plan = plan_of_strategy(options["strategy"], interval_s=interval_s, costs=costs, changes=changes)
    except ValueError as error:
        raise CommandError(str(error), returncode=WRONG_USAGE) from None
    return plan, market


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


def progress(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """Show a bar on standard error where a person watches."""
    bar: Iterable[T] = tqdm(items, total=total, desc=what, file=sys.stderr, disable=None, leave=False)
    return bar
