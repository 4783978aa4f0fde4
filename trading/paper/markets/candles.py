"""The candle market: stored candles played on the wall clock, all symbols on one timeline.

A candle is played as a path open, the nearer extreme, the other extreme, close (low first when it rises),
with several trades and a book around each; its open, high, low, close and volume come out exactly.
Times at which no symbol has a row are left out.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from trading.paper.klines import INTERVAL_MS
from trading.paper.market_sink import Clock, MarketDataError, MarketSink, WarmRow, to_units
from trading.paper.markets.candle_files import CandleFile, StoredCandle, find_files, read_candles
from trading.paper.markets.ladder import Ladder
from trading.paper.markets.synthetic import Facts

WARM_ROWS = 3_000
MIN_POINTS, MAX_POINTS = 4, 60
POINT_MS = 500
LEAD_MS = 500  # time to hand out history before the first candle opens
SHORT_SPAN_MS = 5_000  # such candles begin on the next boundary, longer ones on the present one


class Point(NamedTuple):
    """One trade on the path of a candle; `part` is how much of the candle has gone, 0 to below 1."""

    part: float
    price: Decimal
    qty: Decimal
    is_buy: bool


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What a ladder needs, with the price of the data instead of the listed one."""

    tick_size: Decimal
    step_size: Decimal
    start_price: Decimal
    spread_ticks: int


def path_of(candle: StoredCandle, *, count: int, tick: Decimal, step: Decimal) -> list[Point]:
    """Give the trades of a candle in order; empty when its volume is zero.

    The first is at the open, the last at the close, high and low are touched exactly, the volumes sum up.
    """
    if candle.volume <= 0:
        return []
    rises = candle.close >= candle.open
    turns = [candle.open, *((candle.low, candle.high) if rises else (candle.high, candle.low)), candle.close]
    count = max(MIN_POINTS, count)
    corners = [0, round((count - 1) / 3), round((count - 1) * 2 / 3), count - 1]
    share = (candle.volume / count / step).to_integral_value(rounding="ROUND_FLOOR") * step
    if share <= 0:
        count, corners, share = MIN_POINTS, [0, 1, 2, 3], candle.volume / MIN_POINTS
    points: list[Point] = []
    for leg in range(3):
        start, stop, first, last = corners[leg], corners[leg + 1], turns[leg], turns[leg + 1]
        for index in range(start, stop):
            price = first + (last - first) * (index - start) / (stop - start)
            exact = first if index == start else min(max(price // tick * tick, candle.low), candle.high)
            points.append(Point(index / count, exact, share, last >= first))
    points.append(Point((count - 1) / count, candle.close, candle.volume - share * (count - 1), rises))
    return points


class CandleMarket:
    """A market that replays candle files.

    Args:
        speed: Plays that many times denser: at 60 a stored minute lasts a second.
        start: ISO date or moment (UTC) to begin at; None begins after the rows that serve as history.

    Raises:
        MarketDataError: The files cannot be used; one line with file and line.
    """

    def __init__(
        self,
        catalogue: Mapping[str, Facts],
        *,
        files: Mapping[str, list[CandleFile]],
        clock: Clock,
        speed: float,
        start: str | None = None,
    ) -> None:
        self.symbols = tuple(files)
        self._files = files
        self._specs = {symbol: catalogue[symbol] for symbol in files}
        self._clock = clock
        self.interval_ms = next(iter(files.values()))[0].interval_ms
        self.span_ms = self.interval_ms / speed
        self.start_ms = self._default_start() if start is None else _moment(start)
        self._base_ms: int | None = None
        self._warm: dict[str, list[StoredCandle]] = {}
        self._rest: dict[str, Iterator[StoredCandle]] = {}
        for symbol in files:
            self._split(symbol)
        self._ladders = {symbol: self._ladder(symbol) for symbol in files}

    async def prepare(self) -> None:
        """Have nothing to fetch."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Give the rows before the start as they would have been played."""
        rows = self._warm.get(symbol, [])
        base, span = self._base(), self.span_ms
        if span not in INTERVAL_MS.values():
            return self._resampled(symbol)
        return [
            _warm_row(row, base + round((row.open_ms - self.start_ms) / self.interval_ms * span), round(span))
            for row in rows
        ]

    async def run(self, sink: MarketSink) -> None:
        """Play the candles one after the other; ends after the last row."""
        base = self._base()
        for symbol in self.symbols:
            if self._warm[symbol]:
                self._show_book(sink, symbol, float(self._warm[symbol][-1].close))
                del self._warm[symbol][:-1]  # history was asked for before the start
        for number, group in enumerate(self._timeline()):
            await self._play(sink, group, base + number * self.span_ms)

    async def _play(self, sink: MarketSink, group: list[tuple[str, StoredCandle]], open_ms: float) -> None:
        """Play the candles of one time, all symbols interleaved."""
        count = int(min(max(self.span_ms / POINT_MS, MIN_POINTS), MAX_POINTS))
        plans: list[list[tuple[float, str, Point]]] = []
        for symbol, candle in group:
            spec = self._specs[symbol]
            points = path_of(candle, count=count, tick=spec.tick_size, step=spec.step_size)
            plans.append([(point.part, symbol, point) for point in points])
        for part, symbol, point in heapq.merge(*plans, key=lambda row: row[0]):
            wait_ms = open_ms + part * self.span_ms - self._clock()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            self._tell(sink, symbol, point)
        rest_ms = open_ms + self.span_ms - self._clock()
        await asyncio.sleep(max(0.0, rest_ms) / 1000)

    def _tell(self, sink: MarketSink, symbol: str, point: Point) -> None:
        half = float(self._specs[symbol].tick_size) * self._specs[symbol].spread_ticks / 2
        self._show_book(sink, symbol, float(point.price) + (-half if point.is_buy else half))
        sink.trade(
            symbol,
            price=point.price,
            qty=point.qty,
            buyer_is_maker=not point.is_buy,
            at_ms=self._clock(),
        )

    def _show_book(self, sink: MarketSink, symbol: str, mid: float) -> None:
        bids, asks = self._ladders[symbol].book(mid)
        sink.book(symbol, bids=bids, asks=asks, at_ms=self._clock())

    def _timeline(self) -> Iterator[list[tuple[str, StoredCandle]]]:
        streams = [_named(symbol, rows) for symbol, rows in self._rest.items()]
        merged = heapq.merge(*streams, key=lambda row: row[0])
        for _, rows in groupby(merged, key=lambda row: row[0]):
            yield [(symbol, candle) for _, symbol, candle in rows]

    def _base(self) -> int:
        """Fix the wall-clock moment at which the first candle opens."""
        if self._base_ms is None:
            now, span = self._clock(), max(1, round(self.span_ms))
            self._base_ms = now // span * span
            if span <= SHORT_SPAN_MS:
                self._base_ms = -(-(now + LEAD_MS) // span) * span
        return self._base_ms

    def _default_start(self) -> int:
        """Begin where every symbol has rows, after at most a third of the shortest history."""
        firsts, lengths = [], []
        for files in self._files.values():
            head = list(islice(read_candles(files), WARM_ROWS * 3))
            if not head:
                raise MarketDataError(f"{files[0].path.name}:1: no rows")
            firsts.append(head[0].open_ms)
            lengths.append(len(head))
        return max(firsts) + min(lengths) // 3 * self.interval_ms

    def _split(self, symbol: str) -> None:
        before: deque[StoredCandle] = deque(maxlen=WARM_ROWS)
        rows = read_candles(self._files[symbol])
        first = None
        for row in rows:
            if row.open_ms >= self.start_ms:
                first = row
                break
            before.append(row)
        self._warm[symbol] = list(before)
        self._rest[symbol] = rows if first is None else _chain(first, rows)

    def _ladder(self, symbol: str) -> Ladder:
        spec, warm = self._specs[symbol], self._warm[symbol]
        price = warm[-1].close if warm else spec.start_price
        facts = BookFacts(spec.tick_size, spec.step_size, price, spec.spread_ticks)
        return Ladder(facts, level_notional=spec.daily_quote_volume * 2e-5, seed=len(symbol))

    def _resampled(self, symbol: str) -> list[tuple[int, ...]]:
        """Cut history whose played length is no interval into seconds, by its path."""
        spec, base = self._specs[symbol], self._base()
        seconds: dict[int, StoredCandle] = {}
        for row in self._warm[symbol]:
            open_ms = base + (row.open_ms - self.start_ms) / self.interval_ms * self.span_ms
            count = int(min(max(self.span_ms / 1000, MIN_POINTS), MAX_POINTS))
            for point in path_of(row, count=count, tick=spec.tick_size, step=spec.step_size):
                at = int(open_ms + point.part * self.span_ms) // 1000 * 1000
                seconds[at] = _joined(seconds.get(at), at, point)
        return [_warm_row(row, at, 1000) for at, row in sorted(seconds.items()) if at < base]


def open_candle_market(
    catalogue: Mapping[str, Facts], *, folder: Path, clock: Clock, speed: float, start: str | None = None
) -> CandleMarket:
    """Play the files of a folder for the symbols of the catalogue that have any.

    Raises:
        MarketDataError: Nothing there can be played; one line.
    """
    known = [symbol for symbol in find_files_symbols(folder) if symbol in catalogue]
    if not known:
        raise MarketDataError(f"{folder}: no candle file for {', '.join(catalogue)}")
    return CandleMarket(catalogue, files=find_files(folder, known), clock=clock, speed=speed, start=start)


def find_files_symbols(folder: Path) -> list[str]:
    """Give the symbols a folder has candle files for."""
    names = sorted(path.name for path in folder.glob("*-*.csv*"))
    return list(dict.fromkeys(name.split("-")[0] for name in names))


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MarketDataError(f"start must be a date such as 2021-04-20, not {text!r}") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


def _named(symbol: str, rows: Iterator[StoredCandle]) -> Iterator[tuple[int, str, StoredCandle]]:
    for candle in rows:
        yield candle.open_ms, symbol, candle


def _chain(first: StoredCandle, rest: Iterator[StoredCandle]) -> Iterator[StoredCandle]:
    yield first
    yield from rest


def _joined(earlier: StoredCandle | None, at_ms: int, point: Point) -> StoredCandle:
    if earlier is None:
        return StoredCandle(at_ms, point.price, point.price, point.price, point.price, point.qty)
    high, low = max(earlier.high, point.price), min(earlier.low, point.price)
    return StoredCandle(at_ms, earlier.open, high, low, point.price, earlier.volume + point.qty)


def _warm_row(row: StoredCandle, open_ms: int, span_ms: int) -> WarmRow:
    volume, middle = to_units(row.volume), (row.high + row.low + row.close) / 3
    quote = to_units(row.volume * middle)
    count = 0 if volume == 0 else MIN_POINTS
    return WarmRow(
        open_ms,
        span_ms,
        to_units(row.open),
        to_units(row.high),
        to_units(row.low),
        to_units(row.close),
        volume,
        quote,
        count,
        volume // 2,
        quote // 2,
    )
