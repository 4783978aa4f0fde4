"""Candles of one symbol in all sixteen intervals, folded from public trades.

MarketData owns one KlineStore a symbol. Only the 1s candle sees trades; a longer candle is made from closed
shorter ones, so all intervals agree exactly. All figures are integers: prices and quote volumes in 1e-8,
volumes in 10**-volume_decimals. A closed candle is never changed again.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from trading.paper.market_sink import WarmRow

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
INTERVAL_MS = {
    "1s": SECOND, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE,
    "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR,
    "12h": 12 * HOUR, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 31 * DAY,
}  # fmt: skip
# child -> the intervals made directly from it; deeper ones first need their own child closed.
PARENTS: dict[str, tuple[str, ...]] = {
    "1s": ("1m",), "1m": ("3m", "5m"), "5m": ("15m",), "15m": ("30m",), "30m": ("1h",), "1h": ("2h",),
    "2h": ("4h", "6h"), "4h": ("8h",), "6h": ("12h",), "12h": ("1d",), "1d": ("3d", "1w", "1M"),
}  # fmt: skip
SPAN_NAMES = {span: name for name, span in INTERVAL_MS.items()}
CHILD = {parent: child for child, parents in PARENTS.items() for parent in parents}
WEEK_OFFSET = 4 * DAY  # 1970-01-01 was a Thursday, weeks open on Monday
FIELDS = 10  # stored per candle
CAPACITY = 1_000  # the most one request may ask for
LONG_CAPACITY = 1_500  # 1s and 1m: the rolling day needs 1,440 minutes
PAUSE_S = 3_600  # a longer silence of the process is filled by the minute


def open_of(interval: str, at_ms: int) -> int:
    """Give the open time of the candle that contains the moment; weeks open on Monday, months on the 1st."""
    if interval == "1w":
        return (at_ms - WEEK_OFFSET) // (7 * DAY) * 7 * DAY + WEEK_OFFSET
    if interval == "1M":
        moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1000
    span = INTERVAL_MS[interval]
    return at_ms // span * span


def end_of(interval: str, open_ms: int) -> int:
    """Give the first moment after the candle that opens at open_ms."""
    if interval != "1M":
        return open_ms + INTERVAL_MS[interval]
    moment = datetime.fromtimestamp(open_ms / 1000, tz=UTC)
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000


@dataclass(slots=True)
class Candle:
    """One candle; first_id and last_id are -1 where no trade is known by id."""

    open_ms: int
    end_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    quote_volume: int = 0
    trades: int = 0
    taker_volume: int = 0
    taker_quote_volume: int = 0
    first_id: int = -1
    last_id: int = -1

    def absorb(self, later: Candle) -> None:
        """Extend this candle by a later one; what carries no trade sets no price where another does."""
        if self.trades == 0 and later.trades > 0:
            self.open, self.high, self.low, self.close = later.open, later.high, later.low, later.close
        elif later.trades > 0:
            self.high = max(self.high, later.high)
            self.low = min(self.low, later.low)
            self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.trades += later.trades
        self.taker_volume += later.taker_volume
        self.taker_quote_volume += later.taker_quote_volume
        if later.first_id >= 0:
            self.first_id = later.first_id if self.first_id < 0 else self.first_id
            self.last_id = later.last_id

    def copy_at(self, open_ms: int, end_ms: int) -> Candle:
        """Give the same figures under another opening and end."""
        return Candle(
            open_ms, end_ms, self.open, self.high, self.low, self.close, self.volume, self.quote_volume,
            self.trades, self.taker_volume, self.taker_quote_volume, self.first_id, self.last_id,
        )  # fmt: skip


class Ring:
    """Closed candles of one interval, the oldest overwritten when full: 80 bytes a candle."""

    __slots__ = ("_capacity", "_data", "_head")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._data = array("q")
        self._head = 0

    def __len__(self) -> int:
        return len(self._data) // FIELDS

    def append(self, candle: Candle) -> None:
        """Store a closed candle."""
        row = array("q", (
            candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume,
            candle.quote_volume, candle.trades, candle.taker_volume, candle.taker_quote_volume,
        ))  # fmt: skip
        if len(self) < self._capacity:
            self._data.extend(row)
            return
        start = self._head * FIELDS
        self._data[start : start + FIELDS] = row
        self._head = (self._head + 1) % self._capacity

    def row(self, index: int) -> Sequence[int]:
        """Give the stored figures of a candle, 0 being the oldest."""
        start = (self._head + index) % len(self) * FIELDS
        return self._data[start : start + FIELDS]

    def first_at_or_after(self, open_ms: int) -> int:
        """Give the index of the first candle that opens at the moment or later."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.row(middle)[0] < open_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def summary(self, start_ms: int) -> Candle | None:
        """Merge the candles that open at the moment or later; None when there are none."""
        first = self.first_at_or_after(start_ms)
        if first >= len(self):
            return None
        oldest, newest = self.row(first), self.row(len(self) - 1)
        table = np.frombuffer(self._data, dtype=np.int64).reshape(-1, FIELDS)
        table = table[table[:, 0] >= start_ms]
        sums = table[:, 5:].sum(axis=0).tolist()
        high, low = int(table[:, 2].max()), int(table[:, 3].min())
        return Candle(oldest[0], newest[0], oldest[1], high, low, newest[4], *sums)

    def candles(self, interval: str, start: int, stop: int) -> Iterator[Candle]:
        """Give the candles of an index range."""
        for index in range(max(start, 0), min(stop, len(self))):
            open_ms, *figures = self.row(index)
            yield Candle(open_ms, end_of(interval, open_ms), *figures)


class KlineStore:
    """All intervals of one symbol.

    Args:
        volume_decimals: Decimals kept of volumes; fewer where quantities are counted in billions, so that
            a month of volume fits 64 bits.
    """

    def __init__(self, *, volume_decimals: int = 8) -> None:
        self.volume_decimals = volume_decimals
        self.last_price: int | None = None
        self.closed: deque[tuple[str, Candle]] = deque(maxlen=256)
        self._rings = {
            name: Ring(LONG_CAPACITY if name in ("1s", "1m") else CAPACITY) for name in INTERVAL_MS
        }
        self._open: dict[str, Candle | None] = dict.fromkeys(INTERVAL_MS)
        self.minutes_closed = 0

    def seed(self, rows: Iterable[Sequence[int]]) -> None:
        """Take history as WarmRow, oldest first, before the first trade; what overlaps is left out."""
        newest = -1
        cut = 10 ** (8 - self.volume_decimals)
        for row in map(WarmRow._make, rows):
            if row.open_ms < newest or row.close <= 0:
                continue
            newest = row.open_ms + row.span_ms
            candle = Candle(row.open_ms, newest, row.open, row.high, row.low, row.close)
            candle.volume, candle.taker_volume = row.volume // cut, row.taker_volume // cut
            candle.quote_volume, candle.taker_quote_volume = row.quote_volume, row.taker_quote_volume
            candle.trades = row.trades
            self.last_price = row.close
            self._close(SPAN_NAMES.get(row.span_ms, "1s"), candle)
        if newest >= 0 and self.last_price is not None:
            self._open["1s"] = self._flat("1s", newest)
        self.closed.clear()

    def trade(self, at_ms: int, *, price: int, qty: int, taker_buys: bool, trade_id: int) -> None:
        """Fold one trade. A late one joins the open candle: what is closed stays closed."""
        current = self._open["1s"]
        if current is None:
            self.last_price = price
            current = self._flat("1s", open_of("1s", at_ms))
            self._open["1s"] = current
        elif at_ms >= current.end_ms:
            self.roll(at_ms)
            current = self._open["1s"] or current
        quote = price * qty // 10**self.volume_decimals
        if current.trades == 0:
            current.open = current.high = current.low = price
            current.first_id = trade_id
        current.high = max(current.high, price)
        current.low = min(current.low, price)
        current.close = self.last_price = price
        current.volume += qty
        current.quote_volume += quote
        current.trades += 1
        current.last_id = trade_id
        if taker_buys:
            current.taker_volume += qty
            current.taker_quote_volume += quote

    def roll(self, now_ms: int) -> None:
        """Close every candle whose end has come, flat ones included."""
        current = self._open["1s"]
        if current is None or now_ms < current.end_ms:
            return
        if now_ms - current.end_ms > PAUSE_S * SECOND:
            current = self._skip(current, now_ms)
        while now_ms >= current.end_ms:
            self._close("1s", current)
            current = self._flat("1s", current.end_ms)
        self._open["1s"] = current

    def open_candle(self, interval: str) -> Candle | None:
        """Give the candle that is still open, with the trades so far; None before the first trade."""
        current = self._open["1s"]
        if current is None or interval == "1s":
            return current
        merged = None
        level: str | None = interval
        while level is not None:
            part = self._open[level]
            if part is not None and merged is None:
                open_ms = open_of(interval, part.open_ms)
                merged = part.copy_at(open_ms, end_of(interval, open_ms))
            elif part is not None and merged is not None:
                merged.absorb(part)
            level = CHILD.get(level)
        return merged

    def select(self, interval: str, *, start_ms: int | None, end_ms: int | None, limit: int) -> list[Candle]:
        """Give candles by open time, oldest first, the open one too; the newest without a start."""
        ring = self._rings[interval]
        first = 0 if start_ms is None else ring.first_at_or_after(start_ms)
        stop = len(ring) if end_ms is None else ring.first_at_or_after(end_ms + 1)
        current = self.open_candle(interval)
        with_open = (
            current is not None
            and (start_ms is None or current.open_ms >= start_ms)
            and (end_ms is None or current.open_ms <= end_ms)
        )
        if start_ms is None:
            first = max(first, stop - limit + int(with_open))
        rows = list(ring.candles(interval, first, min(stop, first + limit)))
        if with_open and current is not None and len(rows) < limit:
            rows.append(current)
        return rows

    def since(self, start_ms: int, interval: str = "1m") -> Candle | None:
        """Merge all candles that open at the moment or later, the open one too, into one."""
        whole = self._rings[interval].summary(start_ms)
        current = self.open_candle(interval)
        if whole is None or current is None:
            return current
        whole.end_ms = current.end_ms
        whole.absorb(current)
        return whole

    def closed_since(self, start_ms: int) -> Candle | None:
        """Merge the closed minutes that open at the moment or later into one candle."""
        return self._rings["1m"].summary(start_ms)

    def closed_count(self, interval: str) -> int:
        """Give how many closed candles are kept."""
        return len(self._rings[interval])

    def _flat(self, interval: str, open_ms: int) -> Candle:
        price = self.last_price or 0
        return Candle(open_ms, end_of(interval, open_ms), price, price, price, price)

    def _close(self, interval: str, candle: Candle) -> None:
        self._rings[interval].append(candle)
        self.closed.append((interval, candle))
        if interval == "1m":
            self.minutes_closed += 1
        for parent in PARENTS.get(interval, ()):
            whole = self._open[parent]
            if whole is not None and candle.open_ms >= whole.end_ms:  # a hole in the history
                self._close(parent, whole)
                whole = None
            if whole is None:
                open_ms = open_of(parent, candle.open_ms)
                whole = candle.copy_at(open_ms, end_of(parent, open_ms))
            else:
                whole.absorb(candle)
            self._open[parent] = whole
            if candle.end_ms >= whole.end_ms:
                self._open[parent] = None
                self._close(parent, whole)

    def _skip(self, current: Candle, now_ms: int) -> Candle:
        """Fill a long silence: seconds to the full minute, then minutes, and go on in the present one."""
        while current.end_ms % MINUTE:
            self._close("1s", current)
            current = self._flat("1s", current.end_ms)
        self._close("1s", current)
        open_ms = current.end_ms
        while open_ms + MINUTE <= now_ms:
            self._close("1m", self._flat("1m", open_ms))
            open_ms += MINUTE
        return self._flat("1s", open_ms)
