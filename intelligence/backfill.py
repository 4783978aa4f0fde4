"""Fills the archive of candles from the venue or from files, and holds it against what the feed heard.

Called by `manage.py backfill`. What is there is not asked for again, so a call that was broken off is simply
repeated. A stretch of which the venue has no candle was downtime: it stays a gap, and is named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from intelligence.archive import empty, merge, missing, months
from intelligence.candle_files import PRICES, History
from trading.domain.market import INTERVAL_S, Candle
from trading.domain.ports import VenueUnavailable
from trading.domain.signals import Candles
from trading.domain.values import from_ms

FetchPage = Callable[[str, str, datetime], Sequence[Candle]]
PATIENCE_S = 600.0  # for a budget that is spent, or a venue that is away
PAUSE_S = 2.0


@dataclass(slots=True)
class Filled:
    """What became of one symbol and interval; counts of candles, and of stretches the venue has none of."""

    symbol: str
    interval: str
    kept: int = 0
    added: int = 0
    gaps: int = 0
    missing: int = 0
    compared: int = 0
    differ: int = 0


def fill_from_venue(
    folder: Path,
    symbol: str,
    interval: str,
    *,
    begin_ms: int,
    end_ms: int,
    fetch: FetchPage,
    done: Callable[[int], object] = bool,
    pause: Callable[[float], object] = time.sleep,
) -> Filled:
    """Fetch what the archive has not of a stretch; each month is written when it is whole, or at a break-off.

    Args:
        end_ms: Not included; what is not closed yet is not fetched.
        done: Called with how many candles of the stretch were looked after.
        pause: Called with seconds while the budget is spent.

    Raises:
        VenueError: The venue refuses, or was away for PATIENCE_S; what was fetched is kept.
    """
    result = Filled(symbol, interval)
    step_ms = INTERVAL_S[interval] * 1000
    for month in months(folder, symbol, interval, begin_ms=begin_ms, end_ms=end_ms):
        begin, end = max(begin_ms, month.begin_ms), min(end_ms, month.end_ms)
        kept = month.read()
        spans = missing(kept.open_ms, begin_ms=begin, end_ms=end, step_ms=step_ms)
        absent = sum(stop - start for start, stop in spans) // step_ms
        result.kept += (end - begin) // step_ms - absent
        done((end - begin) // step_ms - absent)
        fetched: list[Candle] = []
        try:
            for start, stop in spans:
                for page in _pages(symbol, interval, start, stop, fetch=fetch, pause=pause, done=done):
                    fetched += page
        finally:
            whole, _ = merge(kept, to_arrays(fetched, interval))
            if fetched:
                month.write(whole)
            result.added += len(fetched)
        left = missing(whole.open_ms, begin_ms=begin, end_ms=end, step_ms=step_ms)
        result.gaps += len(left)
        result.missing += sum(stop - start for start, stop in left) // step_ms
    return result


def _pages(
    symbol: str,
    interval: str,
    start: int,
    stop: int,
    *,
    fetch: FetchPage,
    pause: Callable[[float], object],
    done: Callable[[int], object],
) -> Iterator[list[Candle]]:
    """Fetch a stretch; a page that begins later passes over downtime, an empty one ends the stretch."""
    place, step_ms = start, INTERVAL_S[interval] * 1000
    while place < stop:
        page = _ask(partial(fetch, symbol, interval, from_ms(place)), pause)
        yield [candle for candle in page if place <= candle.open_ms < stop]
        following = page[-1].open_ms + step_ms if page else stop
        done((min(following, stop) - place) // step_ms)
        place = following


def _ask(question: Callable[[], Sequence[Candle]], pause: Callable[[float], object]) -> Sequence[Candle]:
    waited_s = 0.0
    while True:
        try:
            return question()
        except VenueUnavailable:
            if waited_s >= PATIENCE_S:
                raise
        pause(PAUSE_S)
        waited_s += PAUSE_S


def to_arrays(candles: Sequence[Candle], interval: str) -> Candles:
    """Give candles as arrays, oldest first."""
    if not candles:
        return empty(interval)
    columns = {name: np.array([getattr(each, name) for each in candles]) for name in (*PRICES, "volume")}
    return Candles(np.array([each.open_ms for each in candles]), **columns, interval_s=INTERVAL_S[interval])


def fill_from_history(folder: Path, history: History, *, begin_ms: int | None, end_ms: int | None) -> Filled:
    """Take over candles of files; what is there already remains, and what differs from it is counted."""
    result = Filled(history.symbol, history.interval)
    candles = history.candles
    begin = int(candles.open_ms[0]) if begin_ms is None else begin_ms
    end = int(candles.open_ms[-1]) + 1 if end_ms is None else end_ms
    for month in months(folder, history.symbol, history.interval, begin_ms=begin, end_ms=end):
        bounds = max(begin, month.begin_ms), min(end, month.end_ms)
        first, last = (int(np.searchsorted(candles.open_ms, bound)) for bound in bounds)
        kept, part = month.read(), candles.part(first, last)
        whole, differ = merge(kept, part)
        if len(whole) > len(kept):
            month.write(whole)
        result.added += len(whole) - len(kept)
        result.kept += len(part) - (len(whole) - len(kept))
        result.compared += len(part) - (len(whole) - len(kept))
        result.differ += differ
        steps = np.diff(part.open_ms) // (part.interval_s * 1000)
        result.gaps += int(np.count_nonzero(steps > 1))
        result.missing += int((steps - 1)[steps > 1].sum())
    return result


def compare(folder: Path, result: Filled, heard: Candles | None) -> None:
    """Hold the archive against candles of the feed; both counts go into the result."""
    if heard is None or not len(heard):
        return
    bounds = {"begin_ms": int(heard.open_ms[0]), "end_ms": int(heard.open_ms[-1]) + 1}
    for month in months(folder, result.symbol, result.interval, **bounds):
        kept = month.read()
        _, differ = merge(kept, heard)
        result.compared += int(np.isin(heard.open_ms, kept.open_ms).sum())
        result.differ += differ


def whole_days(since: datetime | None, until: datetime | None, *, now: datetime) -> tuple[int, int]:
    """Give a stretch in ms: by default the 30 days before now."""
    end = min(until or now, now)
    begin = since or datetime.fromtimestamp(end.timestamp() - 30 * 86_400, tz=UTC)
    return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)
