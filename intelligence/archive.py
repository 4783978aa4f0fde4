"""The archive of candles: a compressed file per symbol, interval and month, as the back-tester reads them.

Called by intelligence.backfill. A file is replaced whole and at once, so it is never half written; what is
there already is kept, and only what is missing is asked for.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from intelligence.candle_files import COLUMNS, PRICES, CandleFile, read_candles
from trading.domain.market import INTERVAL_S
from trading.domain.signals import Candles, IntArray
from trading.domain.values import to_ms

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Month:
    """One file of the archive; begin and end in ms, the end not included."""

    folder: Path
    symbol: str
    interval: str
    year: int
    month: int

    @property
    def begin_ms(self) -> int:
        """First moment."""
        return to_ms(datetime(self.year, self.month, 1, tzinfo=UTC))

    @property
    def end_ms(self) -> int:
        """First moment of the next month."""
        years, month = divmod(self.month, 12)
        return to_ms(datetime(self.year + years, month + 1, 1, tzinfo=UTC))

    @property
    def file(self) -> CandleFile:
        """The file by its name."""
        name = f"{self.symbol}-{self.interval}-{self.year}{self.month:02d}.csv.gz"
        return CandleFile(self.folder / name, self.symbol, self.interval)

    def read(self) -> Candles:
        """Give what is kept; no rows where there is no file.

        Raises:
            CandleFileError: The file is wrong; nobody but the archive should write here.
        """
        return read_candles(self.file) if self.file.path.exists() else empty(self.interval)

    def write(self, candles: Candles) -> None:
        """Replace what is kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.file.path
        unfinished = path.with_suffix(".new")
        rows = zip(*(getattr(candles, name).tolist() for name in ("open_ms", *PRICES, "volume")), strict=True)
        with gzip.open(unfinished, "wt", encoding="utf-8", newline="") as text:
            text.write(",".join(COLUMNS) + "\n")
            for open_ms, *numbers in rows:
                text.write(f"{open_ms}," + ",".join(_plain(number) for number in numbers) + "\n")
        os.replace(unfinished, path)


def _plain(number: float) -> str:
    """Write a number with the decimals that it has: they tell tick and step."""
    return f"{number:.8f}".rstrip("0").rstrip(".")


def empty(interval: str) -> Candles:
    """Give no candles."""
    nothing = np.empty(0)
    return Candles(np.empty(0, dtype=np.int64), *(nothing,) * 5, interval_s=INTERVAL_S[interval])


def months(folder: Path, symbol: str, interval: str, *, begin_ms: int, end_ms: int) -> Iterator[Month]:
    """Give the months that a stretch touches, oldest first."""
    moment = datetime.fromtimestamp(begin_ms / 1000, tz=UTC)
    month = Month(folder, symbol, interval, moment.year, moment.month)
    while month.begin_ms < end_ms:
        yield month
        later = datetime.fromtimestamp(month.end_ms / 1000, tz=UTC)
        month = Month(folder, symbol, interval, later.year, later.month)


def missing(open_ms: IntArray, *, begin_ms: int, end_ms: int, step_ms: int) -> list[Span]:
    """Give the stretches of a grid of moments that are not there, oldest first; ends not included."""
    wanted = np.arange(-(-begin_ms // step_ms) * step_ms, end_ms, step_ms, dtype=np.int64)
    absent = wanted[~np.isin(wanted, open_ms)]
    if not len(absent):
        return []
    breaks = np.flatnonzero(np.diff(absent) > step_ms) + 1
    return [(int(part[0]), int(part[-1]) + step_ms) for part in np.split(absent, breaks)]


def merge(kept: Candles, added: Candles) -> tuple[Candles, int]:
    """Join candles by time; of two for one moment the kept one remains. Gives how many of those differ."""
    is_new = ~np.isin(added.open_ms, kept.open_ms)
    common = np.flatnonzero(~is_new)
    places = np.searchsorted(kept.open_ms, added.open_ms[common])
    differ = np.zeros(len(common), dtype=bool)
    for name in PRICES:
        differ |= getattr(kept, name)[places] != getattr(added, name)[common]
    order = np.argsort(np.concatenate((kept.open_ms, added.open_ms[is_new])), kind="stable")
    columns = {
        name: np.concatenate((getattr(kept, name), getattr(added, name)[is_new]))[order]
        for name in ("open_ms", *PRICES, "volume")
    }
    return Candles(**columns, interval_s=kept.interval_s), int(differ.sum())
