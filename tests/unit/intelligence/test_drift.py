"""Drift: what moved far is found, what did not is left alone, and few signals say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intelligence.drift import BINS, LARGE, LEAST_HOURS, Drift, compare, reference_of
from trading.domain.signals import FloatArray

NAMES = tuple(f"feature {number}" for number in range(12))


def sample(count: int, *, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (count, len(NAMES)))


def seen(recent: FloatArray, *, trained: int = 400, an_hour: int = 1) -> Drift:
    """Compare with examples of which each had its own hour; the recent ones come in bunches."""
    reference = reference_of(NAMES, sample(trained, seed=0), np.arange(trained) * 3_600)
    begin_s = np.arange(len(recent)) // an_hour * 3_600
    return compare(reference, NAMES, recent, begin_s)


def test_the_same_distribution_is_hardly_ever_said_to_have_drifted() -> None:
    false_alarms = sum(bool(seen(sample(60, seed=seed)).drifted) for seed in range(1, 301))

    assert false_alarms <= 9  # of 300, at one in a hundred


@pytest.mark.parametrize(("shift", "scale"), [(1.5, 1.0), (0.0, 4.0)])
def test_a_feature_that_moved_is_named(shift: float, scale: float) -> None:
    recent = sample(120, seed=5)
    recent[:, 3] = recent[:, 3] * scale + shift

    drift = seen(recent)

    assert [each.feature for each in drift.drifted] == ["feature 3"]
    assert "drifted beyond" in str(drift)
    assert "feature 3" in str(drift)


@given(st.integers(1, 200), st.integers(1, 5), st.floats(-3.0, 3.0))
def test_shifts_are_never_negative_sorted_and_limited_from_below(
    count: int, an_hour: int, moved: float
) -> None:
    drift = seen(sample(count, seed=count) + moved, an_hour=an_hour)

    indexes = [each.index for each in drift.shifts]
    assert indexes == sorted(indexes, reverse=True)
    assert min(indexes) >= 0.0
    assert drift.limit >= LARGE
    assert drift.hours == -(-count // an_hour)
    assert drift.is_known == (drift.hours >= LEAST_HOURS)


def test_few_signals_or_many_of_one_hour_say_nothing_however_far_they_moved() -> None:
    for drift in (seen(sample(LEAST_HOURS - 1, seed=1) + 9.0), seen(sample(95, seed=1) + 9.0, an_hour=5)):
        assert drift.drifted == ()
        assert str(drift).startswith("unknown: ")


def test_no_signal_at_all_is_unknown() -> None:
    drift = seen(sample(0, seed=1))

    assert (drift.signals, drift.hours, drift.is_known) == (0, 0, False)


def test_shares_of_a_feature_with_few_values_are_those_it_had() -> None:
    table = np.tile(np.repeat([0.0, 1.0], 50)[:, np.newaxis], (1, len(NAMES)))

    reference = reference_of(NAMES, table, np.arange(100) * 3_600)

    assert sum(reference["shares"]["feature 0"]) == pytest.approx(1.0)
    assert len(reference["shares"]["feature 0"]) == BINS
    assert compare(reference, NAMES, table, np.arange(100) * 3_600).shifts[0].index == pytest.approx(0.0)
