"""`manage.py backfill --symbols A,B --interval 1m,5m --from … --to …`: candles for learning.

Governed, resumable and gap-aware; with --from-dir DIR candles come from files instead. They are kept in the
home's folder `candles`, as files that `backtest --data` reads, and held against what the feed heard. With
--json one JSON object goes to standard output. Exit 1: candles differ, or the venue cannot be asked. Exit
2: a wrong option.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from intelligence import backfill, report
from intelligence.backfill import Filled
from intelligence.candle_files import CandleFileError, NoSuchCandles, list_files, read_histories
from intelligence.command_input import NOT_FINE, WRONG_USAGE, read_moment, read_symbols
from trading import history
from trading.domain.market import INTERVAL_S
from trading.domain.ports import VenueError


def read_intervals(text: str) -> list[str]:
    """Read intervals parted by commas."""
    names = [each.strip() for each in text.split(",") if each.strip()]
    wrong = [name for name in names if name not in INTERVAL_S]
    if wrong or not names:
        raise ArgumentTypeError(f"intervals parted by commas, each of {', '.join(INTERVAL_S)}, not {text!r}")
    return names


class Command(BaseCommand):
    """Fill the archive of candles."""

    help = "Fetches candles that are missing from the archive, as fast as the budget for data allows."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        option = parser.add_argument
        option("--symbols", type=read_symbols, metavar="A,B", help="From files: default all")
        option("--interval", type=read_intervals, default=["1m"], metavar="1m,5m")
        option("--from", dest="since", type=read_moment, help="Default: 30 days ago")
        option("--to", dest="until", type=read_moment, help="Exclusive; default: now")
        option("--from-dir", type=Path, metavar="DIR", help="Take candle files")
        option("--into", type=Path, metavar="DIR", help="Default: in the home")
        option("--json", action="store_true", help="JSON alone on standard output")

    def handle(self, **options: Any) -> None:
        """Fill, compare, tell."""
        folder = options["into"] or history.archive()
        if options["from_dir"] is None and options["symbols"] is None:
            raise CommandError("--symbols is needed to ask the venue", returncode=WRONG_USAGE)
        try:
            results = _from_files(folder, options) if options["from_dir"] else _from_venue(folder, options)
        except NoSuchCandles as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        except CandleFileError as error:
            raise CommandError(str(error), returncode=NOT_FINE) from None
        except VenueError as error:
            raise CommandError(f"the venue could not be asked: {error}", returncode=NOT_FINE) from None
        differ = sum(each.differ for each in results)
        if options["json"]:
            rows = [asdict(each) for each in results]
            self.stdout.write(json.dumps({"folder": str(folder), "histories": rows, "differ": differ}))
        else:
            self.stdout.write("\n".join([str(folder), *_table(results)]))
        if differ:
            sys.exit(NOT_FINE)


def _from_venue(folder: Path, options: dict[str, Any]) -> list[Filled]:
    begin_ms, end_ms = backfill.whole_days(options["since"], options["until"], now=history.now())
    if begin_ms >= end_ms:
        raise CommandError("--from must lie before --to and before now", returncode=WRONG_USAGE)
    wanted = [(symbol, interval) for interval in options["interval"] for symbol in options["symbols"]]
    total = sum((end_ms - begin_ms) // (INTERVAL_S[interval] * 1000) for _, interval in wanted)
    results = []
    with (
        tqdm(total=total, desc="backfill", unit=" candles", file=sys.stderr, disable=None) as bar,
        history.follow("backfill", "Backfill", total=total, unit="candles") as work,
    ):

        def done(candles: int) -> None:
            bar.update(candles)
            work.done(candles)

        for symbol, interval in wanted:
            bar.set_postfix_str(f"{symbol} {interval}")
            work.say(f"{symbol} {interval}")
            result = backfill.fill_from_venue(
                folder,
                symbol,
                interval,
                begin_ms=begin_ms,
                end_ms=end_ms,
                fetch=lambda name, length, since: history.fetch_page(name, length, since=since),
                done=done,
            )
            backfill.compare(folder, result, history.streamed(symbol, interval))
            results.append(result)
    return results


def _from_files(folder: Path, options: dict[str, Any]) -> list[Filled]:
    files = list_files(options["from_dir"])
    bounds = [moment and int(moment.timestamp() * 1000) for moment in (options["since"], options["until"])]
    results: list[Filled] = []
    for interval in options["interval"]:
        found = read_histories(files, interval=interval, symbols=options["symbols"])
        results += [
            backfill.fill_from_history(folder, each, begin_ms=bounds[0], end_ms=bounds[1])
            for each in tqdm(found, desc=f"importing {interval}", file=sys.stderr, disable=None)
        ]
    return results


def _table(results: list[Filled]) -> list[str]:
    head = ("symbol", "interval", "kept", "added", "gaps", "missing", "compared", "differ")
    return report.table([head, *([str(each) for each in asdict(result).values()] for result in results)])
