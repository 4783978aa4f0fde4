"""Backfill: nothing is asked twice, downtime stays a gap, a break-off loses nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from intelligence.archive import Month, missing
from intelligence.backfill import PATIENCE_S, Filled, compare, fill_from_history, fill_from_venue
from intelligence.candle_files import list_files, read_histories
from tests.support.markets import history, walk
from trading.domain.market import Candle
from trading.domain.ports import VenueUnavailable
from trading.domain.signals import Candles
from trading.domain.values import to_ms

PAGE = 1_000


class Klines:
    """A venue that has these candles, and is away after so many answers for so many questions."""

    def __init__(self, candles: Candles) -> None:
        self.rows = [
            Candle("AAAUSDT", "1m", *row)
            for row in zip(
                *(getattr(candles, name).tolist() for name in ("open_ms", "open", "high", "low", "close")),
                candles.volume.tolist(),
                strict=True,
            )
        ]
        self.times = candles.open_ms.tolist()
        self.asked: list[int] = []
        self.away = 0

    def __call__(self, symbol: str, interval: str, since: datetime) -> Sequence[Candle]:
        if self.away:
            self.away -= 1
            raise VenueUnavailable("no budget")
        self.asked.append(to_ms(since))
        first = bisect_left(self.times, to_ms(since))
        return self.rows[first : first + PAGE]


def fill(folder: Path, venue: Klines, data: Candles) -> Filled:
    begin, end = int(data.open_ms[0]), int(data.open_ms[-1]) + 60_000
    return fill_from_venue(
        folder, "AAAUSDT", "1m", begin_ms=begin, end_ms=end, fetch=venue, pause=lambda seconds: None
    )


def kept(folder: Path) -> Candles:
    return next(read_histories(list_files(folder), interval="1m")).candles


def test_what_was_fetched_is_read_back_exactly_and_not_asked_for_again(tmp_path: Path) -> None:
    data = walk(30_000, seed=1)  # over the end of a month
    venue = Klines(data)

    first, again = fill(tmp_path, venue, data), fill(tmp_path, venue, data)

    assert (first.added, first.gaps, again.added, again.kept) == (30_000, 0, 0, 30_000)
    assert len(list_files(tmp_path)) == 2
    for name in ("open_ms", "open", "high", "low", "close", "volume"):
        assert getattr(kept(tmp_path), name).tolist() == getattr(data, name).tolist()
    assert len(venue.asked) <= 32


def test_downtime_stays_a_gap_that_is_named(tmp_path: Path) -> None:
    data = walk(3_000, seed=2)
    holed = replace(data, open_ms=data.open_ms + np.where(np.arange(3_000) >= 1_500, 7_200_000, 0))

    result = fill(tmp_path, Klines(holed), holed)

    assert (result.added, result.gaps, result.missing) == (3_000, 1, 120)
    assert kept(tmp_path).open_ms.tolist() == holed.open_ms.tolist()


def test_spent_budget_is_waited_for_and_a_break_off_keeps_what_came(tmp_path: Path) -> None:
    data = walk(4_000, seed=3)
    venue = Klines(data)
    venue.away = 5
    assert fill(tmp_path / "patient", venue, data).added == 4_000

    broken = Klines(data)

    def until_two(symbol: str, interval: str, since: datetime) -> Sequence[Candle]:
        if len(broken.asked) == 2:
            raise VenueUnavailable("away")
        return broken(symbol, interval, since)

    begin, end = int(data.open_ms[0]), int(data.open_ms[-1]) + 60_000
    waited: list[float] = []
    with pytest.raises(VenueUnavailable):
        fill_from_venue(
            tmp_path, "AAAUSDT", "1m", begin_ms=begin, end_ms=end, fetch=until_two, pause=waited.append
        )
    assert sum(waited) >= PATIENCE_S
    assert len(kept(tmp_path)) == 2 * PAGE


def test_files_are_taken_over_once_and_what_differs_is_counted(tmp_path: Path) -> None:
    data = walk(2_000, seed=4)
    changed = replace(data, close=data.close + np.where(np.arange(2_000) == 7, 0.01, 0.0))

    first = fill_from_history(tmp_path, history(data), begin_ms=None, end_ms=None)
    again = fill_from_history(tmp_path, history(changed), begin_ms=None, end_ms=None)

    assert (first.added, first.differ, again.added, again.differ) == (2_000, 0, 0, 1)
    assert kept(tmp_path).close.tolist() == data.close.tolist()


def test_candles_of_the_feed_are_compared(tmp_path: Path) -> None:
    data = walk(2_000, seed=5)
    result = fill_from_history(tmp_path, history(data), begin_ms=None, end_ms=None)
    heard = data.part(1_500, 2_000)

    compare(tmp_path, result, replace(heard, high=heard.high + (np.arange(500) < 3)))

    assert (result.compared, result.differ) == (500, 3)


def test_missing_stretches_lie_on_the_grid() -> None:
    have = np.array([60, 120, 300], dtype=np.int64)

    assert missing(have, begin_ms=1, end_ms=420, step_ms=60) == [(180, 300), (360, 420)]
    assert missing(have, begin_ms=60, end_ms=180, step_ms=60) == []


def test_months_end_where_the_next_begins(tmp_path: Path) -> None:
    december, january = (Month(tmp_path, "A", "1m", year, month) for year, month in ((2023, 12), (2024, 1)))

    assert december.end_ms == january.begin_ms
