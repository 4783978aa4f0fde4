"""Reading candle files `SYMBOL-interval-from-to.csv.gz` for the candle market, one row at a time.

Rows are `open_time,open,high,low,close,volume` with open_time in ms. A file that is not so gives one line
that names file and line. Nothing is held in memory beyond the row at hand.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from trading.paper.klines import INTERVAL_MS
from trading.paper.market_sink import MarketDataError

COLUMNS = ("open_time", "open", "high", "low", "close", "volume")
_NAME = re.compile(r"^([A-Z0-9]{2,20})-([0-9]{1,2}[smhdw])-([0-9]{8})-([0-9]{8})\.csv(\.gz)?$")


@dataclass(frozen=True, slots=True)
class StoredCandle:
    """One row; prices exactly as written."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, order=True)
class CandleFile:
    """One file, known by its name."""

    symbol: str
    interval_ms: int
    first_day: str
    path: Path


def find_files(folder: Path, symbols: Sequence[str] | None) -> dict[str, list[CandleFile]]:
    """Give the files to play by symbol, oldest first: the finest interval that every symbol has.

    Raises:
        MarketDataError: A symbol has no file, or the symbols share no interval.
    """
    found: list[CandleFile] = []
    for path in sorted(folder.iterdir()):
        match = _NAME.match(path.name)
        if match is not None and match.group(2) in INTERVAL_MS:
            found.append(CandleFile(match.group(1), INTERVAL_MS[match.group(2)], match.group(3), path))
    chosen = tuple(symbols) if symbols else tuple(dict.fromkeys(file.symbol for file in found))
    if not chosen:
        raise MarketDataError(f"{folder}: no file named SYMBOL-interval-from-to.csv.gz")
    intervals = {name: {file.interval_ms for file in found if file.symbol == name} for name in chosen}
    missing = next((name for name in chosen if not intervals[name]), None)
    if missing is not None:
        raise MarketDataError(f"{folder}: no candle file for {missing}")
    shared = set.intersection(*intervals.values())
    if not shared:
        raise MarketDataError(f"{folder}: {', '.join(chosen)} have no interval in common")
    finest = min(shared)
    return {
        name: sorted(file for file in found if file.symbol == name and file.interval_ms == finest)
        for name in chosen
    }


def read_candles(files: Sequence[CandleFile]) -> Iterator[StoredCandle]:
    """Give the rows of one symbol's files in order; a row that repeats an earlier file's time is left out.

    Raises:
        MarketDataError: One line with file and line number.
    """
    newest = -1
    for file in files:
        last_in_file = -1
        for number, line in enumerate(_lines(file.path), start=1):
            if number == 1 and line.startswith(COLUMNS[0]):
                continue
            candle = _parse(line, where=f"{file.path.name}:{number}")
            if candle.open_ms <= last_in_file:
                raise MarketDataError(f"{file.path.name}:{number}: open_time does not ascend")
            last_in_file = candle.open_ms
            if candle.open_ms > newest:
                newest = candle.open_ms
                yield candle


def _lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):  # noqa: B007 -- names the line of a damaged file
                yield line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise MarketDataError(f"{path.name}:{number + 1}: cannot be read ({error})") from error


def _parse(line: str, *, where: str) -> StoredCandle:
    fields = line.split(",")
    if len(fields) != len(COLUMNS):
        raise MarketDataError(f"{where}: {len(fields)} columns instead of {','.join(COLUMNS)}")
    try:
        figures = [Decimal(text) for text in fields[1:]]
        candle = StoredCandle(int(fields[0]), *figures)
    except (ValueError, InvalidOperation):
        raise MarketDataError(f"{where}: not a row of numbers: {line[:80]}") from None
    if not all(figure.is_finite() for figure in figures) or candle.low <= 0 or candle.volume < 0:
        raise MarketDataError(f"{where}: a price that is not positive or a negative volume")
    inside = candle.low <= min(candle.open, candle.close) and max(candle.open, candle.close) <= candle.high
    if not inside:
        raise MarketDataError(f"{where}: open or close outside low..high")
    return candle
