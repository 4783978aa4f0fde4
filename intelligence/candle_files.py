"""Reads a folder of candle files, strictly: what is wrong is one line that names file and line.

Called by the commands of this application. A file is `SYMBOL-interval-….csv` or `.csv.gz` with the columns
open_time (milliseconds since 1970), open, high, low, close, volume. Files of one symbol and interval are
joined in time. A gap is allowed, since exchanges have downtime; everything else is refused. No other file
is read.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from trading.domain.market import INTERVAL_S
from trading.domain.signals import BoolArray, Candles, FloatArray
from trading.domain.values import to_ms

PRICES = ("open", "high", "low", "close")
COLUMNS = ("open_time", *PRICES, "volume")
MOST_DECIMALS = 8  # finer than any price or quantity of the venue
FIRST_LINE = 2  # line 1 is the header
EARLIEST_MS, LATEST_MS = (
    1_000_000_000_000,
    10_000_000_000_000,
)  # 2001 to 2286: seconds and microseconds are not
_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+)-(?P<interval>\d+[a-z])(-.*)?\.csv(\.gz)?")


class CandleFileError(Exception):
    """The data cannot be used; the text is one line that names file and line."""


class NoSuchCandles(CandleFileError):
    """What was asked for is not there."""


@dataclass(frozen=True, slots=True)
class CandleFile:
    """A file of candles by what its name says."""

    path: Path
    symbol: str
    interval: str


@dataclass(frozen=True, slots=True)
class History:
    """All candles of one symbol and interval, oldest first, with the steps its numbers are written in.

    `ticks_per_unit` and `steps_per_unit` are 1 / tick size and 1 / step size, read off the decimals.
    """

    symbol: str
    interval: str
    candles: Candles
    ticks_per_unit: float
    steps_per_unit: float

    @property
    def gaps(self) -> int:
        """Number of places where at least one candle is missing."""
        return int(np.count_nonzero(np.diff(self.candles.open_ms) != self.candles.interval_s * 1000))


def list_files(folder: Path) -> list[CandleFile]:
    """Give the candle files of a folder by symbol, interval and name.

    Raises:
        NoSuchCandles: No such folder, or no candle file in it.
    """
    if not folder.is_dir():
        raise NoSuchCandles(f"{folder}: no such folder")
    named = ((path, _NAME.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    found = [CandleFile(path, name["symbol"], name["interval"]) for path, name in named if name]
    found = [each for each in found if each.interval in INTERVAL_S]
    if not found:
        raise NoSuchCandles(f"{folder}: no file named like BTCUSDT-1m-20240101-20240201.csv.gz")
    return sorted(found, key=lambda each: (each.symbol, each.interval, each.path.name))


def choose_interval(files: Sequence[CandleFile]) -> str:
    """Give the shortest interval there is."""
    return min({each.interval for each in files}, key=lambda name: INTERVAL_S[name])


def read_histories(
    files: Sequence[CandleFile], *, interval: str, symbols: Collection[str] | None = None
) -> Iterator[History]:
    """Read one history after the other, by symbol.

    Args:
        files: From list_files.
        interval: The one to read.
        symbols: None for all.

    Raises:
        NoSuchCandles: A symbol has no file of the interval.
        CandleFileError: A file is wrong.
    """
    by_symbol: dict[str, list[CandleFile]] = {}
    for each in files:
        if each.interval == interval and (symbols is None or each.symbol in symbols):
            by_symbol.setdefault(each.symbol, []).append(each)
    missing = sorted(set(symbols or ()) - set(by_symbol))
    if missing or not by_symbol:
        folder = files[0].path.parent
        raise NoSuchCandles(f"{folder}: no {interval} candles of {', '.join(missing) or 'any symbol'}")
    for symbol in sorted(by_symbol):
        yield _join(symbol, interval, by_symbol[symbol])


def between(history: History, *, since: datetime | None, until: datetime | None) -> History:
    """Give the candles that open from `since` on and before `until`; None = no bound."""
    candles = history.candles
    start = 0 if since is None else int(np.searchsorted(candles.open_ms, to_ms(since)))
    end = len(candles) if until is None else int(np.searchsorted(candles.open_ms, to_ms(until)))
    return replace(history, candles=candles.part(start, max(start, end)))


def _join(symbol: str, interval: str, files: Sequence[CandleFile]) -> History:
    parts = sorted(((read_candles(each), each) for each in files), key=lambda part: int(part[0].open_ms[0]))
    for (before, first), (after, second) in pairwise(parts):
        if after.open_ms[0] <= before.open_ms[-1]:
            raise CandleFileError(
                f"{second.path}:{FIRST_LINE}: begins before {first.path.name} ends; "
                "files of one symbol and interval may not overlap"
            )
    joined = {
        name: np.concatenate([getattr(part, name) for part, _ in parts]) for name in (*PRICES, "volume")
    }
    open_ms = np.concatenate([part.open_ms for part, _ in parts])
    candles = Candles(open_ms, **joined, interval_s=INTERVAL_S[interval])
    return History(
        symbol,
        interval,
        candles,
        ticks_per_unit=10.0 ** max(_decimals(getattr(candles, name)) for name in PRICES),
        steps_per_unit=10.0 ** _decimals(candles.volume),
    )


def _decimals(values: FloatArray) -> int:
    """Give how many decimals the numbers are written with, at most MOST_DECIMALS."""
    for decimals in range(MOST_DECIMALS):
        for part in (values[:1000], values):
            scaled = part * 10.0**decimals
            if np.any(np.abs(scaled - np.rint(scaled)) > 1e-3):
                break
        else:
            return decimals
    return MOST_DECIMALS


def read_candles(file: CandleFile) -> Candles:
    """Read one file.

    Raises:
        CandleFileError: Not readable, a column is missing, or a row is wrong.
    """
    path = file.path
    kinds: dict[str, type] = {"open_time": np.int64, **dict.fromkeys((*PRICES, "volume"), np.float64)}
    try:
        frame = pd.read_csv(path, usecols=list(COLUMNS), dtype=kinds, na_filter=False, engine="c")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CandleFileError(f"{path}: cannot be read: {error}") from None
    except (ValueError, OverflowError) as error:  # pandas' own parser errors are ValueErrors
        raise CandleFileError(_find_bad_cell(path) or f"{path}: {_one_line(error)}") from None
    if frame.empty:
        raise CandleFileError(f"{path}:{FIRST_LINE}: no candle")
    columns = {name: np.ascontiguousarray(frame[name].to_numpy()) for name in (*PRICES, "volume")}
    candles = Candles(frame["open_time"].to_numpy(), **columns, interval_s=INTERVAL_S[file.interval])
    _check(path, candles)
    return candles


def _check(path: Path, candles: Candles) -> None:
    """Refuse what cannot be: in the order in which a reader would find it, the first row of each kind."""
    times, interval_ms = candles.open_ms, candles.interval_s * 1000
    steps = np.diff(times, prepend=times[0] - interval_ms)
    highest = np.maximum(candles.open, candles.close)
    lowest = np.minimum(candles.open, candles.close)
    numbers = np.isfinite(candles.open + candles.high + candles.low + candles.close + candles.volume)
    rules: Mapping[str, BoolArray] = {
        "every number must be finite": ~numbers,
        "open_time must be milliseconds since 1970": (times < EARLIEST_MS) | (times > LATEST_MS),
        "the same open_time as the line before; candles may not be duplicated": steps == 0,
        "earlier than the line before; candles must be sorted by open_time": steps < 0,
        f"open_time must be a multiple of {candles.interval_s} s": times % interval_ms != 0,
        "prices must be above 0": candles.low <= 0.0,
        "low may not be above, nor high below, open or close": (candles.high < highest)
        | (candles.low > lowest),
        "volume must be 0 or more": candles.volume < 0.0,
    }
    for complaint, is_wrong in rules.items():
        if is_wrong.any():
            raise CandleFileError(f"{path}:{int(np.argmax(is_wrong)) + FIRST_LINE}: {complaint}")


def _find_bad_cell(path: Path) -> str | None:
    """Read again line by line, slowly, to name the place that the fast reader tripped over."""
    with _open_text(path) as text:
        rows = csv.reader(text)
        header = next(rows, [])
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            return f"{path}:1: no column {missing[0]}; the header must be {','.join(COLUMNS)}"
        places = {name: header.index(name) for name in COLUMNS}
        for row in rows:
            complaint = _complain(row, places, len(header))
            if complaint:
                return f"{path}:{rows.line_num}: {complaint}"
    return None


def _complain(row: Sequence[str], places: Mapping[str, int], width: int) -> str | None:
    if len(row) != width:
        return f"{len(row)} columns instead of {width}"
    for name, place in places.items():
        if not row[place].strip():
            return f"{name} is missing"
        if not _is_number(row[place], whole=name == "open_time"):
            return f"{name} must be a {'whole ' if name == 'open_time' else ''}number, not {row[place]!r}"
    return None


def _is_number(text: str, *, whole: bool) -> bool:
    try:
        return math.isfinite(int(text) if whole else float(text))
    except ValueError:
        return False


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
