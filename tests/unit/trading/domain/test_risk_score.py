"""The risk score: bounded, named, rising with each of its parts, and what it leaves of a size."""

from __future__ import annotations

import math
from statistics import correlation
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.markets import walk
from trading.domain.risk_score import (
    CROWDING,
    DEPTH,
    HISTORY,
    JUMP,
    LEAST_SIZE_PERCENT,
    SPREAD,
    VOLATILITY,
    WINDOW,
    RiskPoints,
    RiskScore,
    comovement,
    hourly_volatility_bps,
    largest_jump_bps,
    pattern,
    risk_points,
    size_percent,
    tell_risk,
    total_score,
)

SCALES = (VOLATILITY, JUMP, SPREAD, DEPTH, CROWDING)
NOTHING = tuple(scale.low for scale in SCALES)
MEASURES = st.tuples(*(st.floats(0.0, 2.0 * scale.high) for scale in SCALES))
PERCENT = st.integers(0, 100)
LAST = HISTORY - 1
_COMPILED: list[Any] = [
    numba.njit(each) for each in (hourly_volatility_bps, largest_jump_bps, pattern, comovement)
]


@given(MEASURES)
def test_a_score_lies_between_0_and_100_and_is_the_sum_of_named_parts(measures: tuple[float, ...]) -> None:
    points = risk_points(*measures)

    assert all(0.0 <= part <= scale.points for part, scale in zip(points, SCALES, strict=True))
    assert 0 <= total_score(points) <= 100
    assert total_score(points) == pytest.approx(sum(points), abs=0.51)


@given(MEASURES, st.integers(0, 4), st.floats(0.0, 5_000.0))
def test_more_of_anything_is_never_less_risk(measures: tuple[float, ...], which: int, more: float) -> None:
    riskier = [value + more if place == which else value for place, value in enumerate(measures)]

    assert total_score(risk_points(*riskier)) >= total_score(risk_points(*measures))


@pytest.mark.parametrize("which", range(5))
def test_what_is_not_known_counts_in_full(which: int) -> None:
    unknown = [math.nan if place == which else value for place, value in enumerate(NOTHING)]

    assert total_score(risk_points(*NOTHING)) == 0
    assert total_score(risk_points(*unknown)) == SCALES[which].points
    assert total_score(risk_points(*[math.nan] * 5)) == 100


@given(PERCENT, PERCENT, PERCENT, PERCENT)
def test_size_falls_with_risk_from_all_to_the_least_and_then_to_nothing(
    score: int, other: int, one: int, two: int
) -> None:
    full, most = sorted((one, two))
    percent = size_percent(score, full, most)

    assert percent == 100 if score <= full else percent in (0, *range(LEAST_SIZE_PERCENT, 100))
    assert (percent == 0) == (score > most)
    assert size_percent(max(score, other), full, most) <= size_percent(min(score, other), full, most)
    assert size_percent(score, 100, 100) == 100


def test_least_size_is_reached_at_the_highest_risk() -> None:
    sizes = [size_percent(score, 40, 80) for score in (40, 41, 60, 80, 81)]

    assert sizes == [100, 99, 63, LEAST_SIZE_PERCENT, 0]


def test_volatility_is_the_same_by_the_hour_whatever_the_candles_last() -> None:
    close = [100.1 if row % 2 else 100.0 for row in range(HISTORY)]

    by_minute = hourly_volatility_bps(close, LAST, 60)

    assert by_minute == pytest.approx(10.0 * math.sqrt(60.0), rel=1e-3)
    assert hourly_volatility_bps(close, LAST, 240) == pytest.approx(by_minute / 2.0)


def test_a_jump_between_close_and_next_candle_counts_and_an_older_one_does_not() -> None:
    close, high, low = ([100.0] * (HISTORY + 1) for _ in range(3))
    high[2] = 150.0  # more than WINDOW steps ago
    low[-1] = high[-1] = close[-1] = 95.0

    assert largest_jump_bps(high, low, close, HISTORY) == pytest.approx((100.0 / 95.0 - 1.0) * 1e4)


@given(st.integers(0, 50), st.integers(0, 50))
def test_comovement_is_symmetric_bounded_and_that_of_a_correlation(one: int, two: int) -> None:
    closes = walk(HISTORY, seed=one).close, walk(HISTORY, seed=two + 100).close
    a, b = (pattern(close, LAST) for close in closes)
    one_steps, other_steps = ((close[1:] / close[:-1] - 1.0)[-WINDOW:].tolist() for close in closes)

    assert comovement(a, b) == comovement(b, a)
    assert comovement(a, b) == pytest.approx(max(correlation(one_steps, other_steps), 0.0), abs=1e-9)
    assert comovement(a, a) == pytest.approx(1.0)
    assert comovement(a, -a) == 0.0


@pytest.mark.parametrize("step", [1.0, 1.0001])
def test_what_stands_still_or_moves_like_a_clock_moves_with_nobody(step: float) -> None:
    close = np.array([100.0 * step**row for row in range(HISTORY)])

    assert comovement(pattern(close, LAST), pattern(walk(HISTORY, seed=1).close, LAST)) == 0.0


@given(st.integers(0, 1_000))
def test_what_the_back_tester_compiles_says_the_same(seed: int) -> None:
    candles, other = walk(HISTORY, seed=seed, size=1e-2), walk(HISTORY, seed=seed + 1, size=1e-2)
    columns = candles.high, candles.low, candles.close
    high, low, plain = (column.tolist() for column in columns)
    close, (volatility, jump, patterned, together) = candles.close, _COMPILED

    assert volatility(close, LAST, 60) == pytest.approx(hourly_volatility_bps(plain, LAST, 60), rel=1e-12)
    assert jump(*columns, LAST) == largest_jump_bps(high, low, plain, LAST)
    assert together(patterned(close, LAST), patterned(other.close, LAST)) == pytest.approx(
        comovement(pattern(close, LAST), pattern(other.close, LAST)), abs=1e-9
    )


def test_a_score_names_its_parts_the_largest_first() -> None:
    points = RiskPoints(volatility=12.2, jump=0.0, spread=20.6, depth=0.3, crowding=6.9)

    assert str(RiskScore(40, points)) == "40 (spread 21, volatility 12, crowding 7)"
    assert (
        tell_risk(40, points._asdict(), 63)
        == "risk 40 (spread 21, volatility 12, crowding 7); 63 % of its size"
    )
    assert tell_risk(0, {}, 100) == "risk 0; 100 % of its size"
    assert tell_risk(None, {}, 100) == ""
