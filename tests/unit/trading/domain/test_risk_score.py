"""The risk score: bounded, named, rising with each of its parts, and what it leaves of a size."""

from __future__ import annotations

import math
from typing import Any

import numba
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
    risk_points,
    size_percent,
    tell_risk,
    total_score,
)

SCALES = (VOLATILITY, JUMP, SPREAD, DEPTH, CROWDING)
NOTHING = tuple(scale.low for scale in SCALES)
MEASURES = st.tuples(*(st.floats(0.0, 2.0 * scale.high) for scale in SCALES))
PERCENT = st.integers(0, 100)
_COMPILED: list[Any] = [numba.njit(each) for each in (hourly_volatility_bps, largest_jump_bps, comovement)]


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
    close = [100.0 * 1.001 ** (row % 2) for row in range(HISTORY)]

    by_minute = hourly_volatility_bps(close, HISTORY - 1, 60)

    assert by_minute == pytest.approx(10.0 * math.sqrt(60.0), rel=1e-3)
    assert hourly_volatility_bps(close, HISTORY - 1, 240) == pytest.approx(by_minute / 2.0)


def test_a_jump_between_close_and_next_candle_counts_and_an_older_one_does_not() -> None:
    close, high, low = [100.0] * (HISTORY + 1), [100.0] * (HISTORY + 1), [100.0] * (HISTORY + 1)
    high[2] = 150.0  # more than WINDOW steps ago
    low[-1] = high[-1] = close[-1] = 95.0

    assert largest_jump_bps(high, low, close, WINDOW + 2) == pytest.approx((100.0 / 95.0 - 1.0) * 1e4)


@given(st.integers(0, 50), st.integers(0, 50))
def test_comovement_is_symmetric_bounded_and_whole_with_itself(one: int, two: int) -> None:
    a, b = walk(HISTORY, seed=one).close.tolist(), walk(HISTORY, seed=two + 100).close.tolist()
    last = HISTORY - 1

    assert comovement(a, last, b, last) == pytest.approx(comovement(b, last, a, last), abs=1e-9)
    assert 0.0 <= comovement(a, last, b, last) <= 1.0
    assert comovement(a, last, a, last) == pytest.approx(1.0)
    assert comovement(a, last, [1.0 / price for price in a], last) == 0.0
    assert comovement(a, last, [1.0] * HISTORY, last) == 0.0


@given(st.integers(0, 1_000))
def test_what_the_back_tester_compiles_says_the_same(seed: int) -> None:
    candles, other = walk(HISTORY, seed=seed, size=1e-2), walk(HISTORY, seed=seed + 1, size=1e-2)
    last, columns = HISTORY - 1, [getattr(candles, name) for name in ("high", "low", "close")]
    lists = [column.tolist() for column in columns]

    assert _COMPILED[0](candles.close, last, 60) == pytest.approx(
        hourly_volatility_bps(lists[2], last, 60), rel=1e-12
    )
    assert _COMPILED[1](*columns, last) == largest_jump_bps(lists[0], lists[1], lists[2], last)
    assert _COMPILED[2](candles.close, last, other.close, last) == pytest.approx(
        comovement(lists[2], last, other.close.tolist(), last), abs=1e-9
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
