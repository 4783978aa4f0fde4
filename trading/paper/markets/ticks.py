"""The tick market: captured stream frames played on the wall clock, several files merged by receive time.

A line is `<recv> <json>`; recv is in ns (19 digits) or us (16 digits), the JSON a combined-stream frame, or
the reply of GET /depth in a file whose name begins with the symbol.
Prices are exact; long silences of the capture are left out. A bad line is named with file and number.
"""

from __future__ import annotations

import asyncio
import gzip
import heapq
import re
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from trading.paper.market_sink import Clock, MarketDataError, MarketSink
from trading.paper.markets.frames import FrameReader

LONGEST_SILENCE_MS = 60_000.0
SHORT_SILENCE_MS = 1_000.0
GRAIN_MS = 5.0  # frames closer together are told in one go
KINDS = ("trade", "bookTicker", "depth")
_FILE = re.compile(r"\.(ndjson|jsonl)(\.gz)?$")

Frame = tuple[float, str, dict[str, Any]]


def tick_files(folder: Path) -> list[Path]:
    """Give the capture files of a folder.

    Raises:
        MarketDataError: There are none.
    """
    paths = sorted(path for path in folder.iterdir() if _FILE.search(path.name))
    if not paths:
        raise MarketDataError(f"{folder}: no capture named *.ndjson or *.ndjson.gz")
    return paths


def symbols_of(paths: Sequence[Path], *, lines: int = 400) -> list[str]:
    """Give the symbols that the first lines of the files speak of."""
    found: dict[str, None] = {}
    for path in paths:
        for (_, stream, _), _ in zip(read_frames(path), range(lines), strict=False):
            found[stream.partition("@")[0].upper()] = None
    return list(found)


def read_frames(path: Path) -> Iterator[Frame]:
    """Give receive time in ms, stream name and payload of every frame of a file.

    Raises:
        MarketDataError: One line with file and line number.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield _parse(line, where=f"{path.name}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise MarketDataError(f"{path.name}:{number + 1}: cannot be read ({error})") from error


class TickMarket:
    """A market that replays captures.

    Args:
        speed: Plays that many times denser.
    """

    def __init__(
        self, paths: Sequence[Path], *, symbols: Collection[str], clock: Clock, speed: float = 1.0
    ) -> None:
        self.symbols = tuple(symbols)
        self._paths = tuple(paths)
        self._clock = clock
        self._speed = speed

    async def prepare(self) -> None:
        """Have nothing to fetch."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Give nothing: a capture has no history before its first frame."""
        return []

    async def run(self, sink: MarketSink) -> None:
        """Play every frame in order; ends after the last one."""
        reader = FrameReader(sink, symbols=frozenset(self.symbols))
        merged = heapq.merge(*(read_frames(path) for path in self._paths), key=lambda frame: frame[0])
        start, previous, played = float(self._clock()), None, 0.0
        for received, stream, data in merged:
            silence = 0.0 if previous is None else max(0.0, received - previous)
            previous = received
            played += (SHORT_SILENCE_MS if silence > LONGEST_SILENCE_MS else silence) / self._speed
            wait_ms = start + played - self._clock()
            if wait_ms > GRAIN_MS:
                reader.flush(self._clock())
                await asyncio.sleep(wait_ms / 1000)
            reader.feed(stream, data, at_ms=self._clock())
        reader.flush(self._clock())


def open_tick_market(
    catalogue: Collection[str], *, folder: Path, clock: Clock, speed: float = 1.0
) -> TickMarket:
    """Play the captures of a folder for the symbols of the catalogue.

    Raises:
        MarketDataError: The folder has no capture; one line.
    """
    return TickMarket(tick_files(folder), symbols=tuple(catalogue), clock=clock, speed=speed)


def _parse(line: bytes, *, where: str) -> Frame:
    stamp, _, text = line.partition(b" ")
    if not stamp.isdigit() or len(stamp) not in (13, 16, 19):
        raise MarketDataError(f"{where}: the line must begin with a receive time in us or ns")
    try:
        frame = orjson.loads(text)
        if "lastUpdateId" in frame:
            frame = {"stream": f"{where.partition('-')[0].lower()}@depth", "data": frame}
        stream, data = frame["stream"], frame["data"]
        _check(stream.partition("@")[2], data)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise MarketDataError(f"{where}: not a combined-stream frame ({error})") from None
    return int(stamp) / 10 ** (len(stamp) - 13), str(stream), data


def _check(kind: str, data: Mapping[str, Any]) -> None:
    """Touch what the reader will need, so that a lack is named with its line."""
    needed = {"trade": "pqm", "bookTicker": "bBaA"}.get(kind, "")
    for name in needed:
        data[name]
