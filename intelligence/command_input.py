"""What the commands of this application have in common: options, reading candles with a bar, exit codes."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from django.core.management.base import CommandError
from tqdm import tqdm

from intelligence.backtest import CostModel, Market, join
from intelligence.candle_files import (
    CandleFileError,
    NoSuchCandles,
    between,
    choose_interval,
    list_files,
    read_histories,
)
from trading.domain.market import INTERVAL_S

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


def progress(items: Iterable[T], total: int, what: str) -> Iterable[T]:
    """Show a bar on standard error where a person watches."""
    bar: Iterable[T] = tqdm(items, total=total, desc=what, file=sys.stderr, disable=None, leave=False)
    return bar
