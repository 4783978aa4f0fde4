"""Stages: the tightest holds, nothing new escapes the first, and leaving one needs all of its evidence."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import NOON
from trading.domain.rollout import (
    DEFAULT_STAGES,
    TIME_SLICE_S,
    Evidence,
    Stage,
    lacking,
    limits_of,
    may_add,
    stage_of,
)

FIRST, MORE, FULL = DEFAULT_STAGES
GOOD = Evidence(hours=30, lowest_health=95, critical_alerts=0)


@given(st.sampled_from(DEFAULT_STAGES), st.lists(st.sampled_from(DEFAULT_STAGES)))
def test_no_combination_allows_more_than_its_tightest_stage(installation: Stage, others: list[Stage]) -> None:
    limits = limits_of(installation, others)

    for stage in (installation, *others):
        if stage.max_trade_notional is not None:
            assert limits.max_trade_notional is not None
            assert limits.max_trade_notional <= stage.max_trade_notional
    assert limits.max_workers == installation.max_workers


@given(st.text(), st.integers(0, 9))
def test_what_was_never_moved_is_in_the_first_stage(subject: str, number: int) -> None:
    assert stage_of(subject, DEFAULT_STAGES, {}) is FIRST
    assert stage_of(subject, DEFAULT_STAGES, {subject: number}).number <= max(number, FIRST.number)


@pytest.mark.parametrize(
    ("evidence", "hours", "said"),
    [
        (GOOD, 1.0, []),
        (GOOD, 0.5, ["0.50 healthy hours in stage first, 1 are needed"]),
        (Evidence(0.9, 95, 0), 5.0, ["0.90 healthy hours in stage first, 1 are needed"]),
        (Evidence(2, 79, 0), 5.0, ["health fell to 79, 80 is the least"]),
        (Evidence(2, 95, 1), 5.0, ["1 critical alerts, none is allowed"]),
    ],
)
def test_leaving_a_stage_needs_all_of_its_evidence(evidence: Evidence, hours: float, said: list[str]) -> None:
    entered_at = NOON - timedelta(hours=hours)

    assert lacking(FIRST, evidence, entered_at=entered_at, now=NOON) == said


def test_the_stages_are_those_of_the_deployment_guide() -> None:
    assert (FIRST.max_workers, FIRST.max_trade_notional, FIRST.min_hours) == (1, Decimal(10), 1.0)
    assert MORE.min_hours == 24.0
    assert (FULL.max_workers, FULL.max_trade_notional) == (None, None)


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=12, unique=True),
    st.integers(1, 4),
    st.integers(0, 10**8),
    st.sampled_from([1, 60, 300, 900, 3600]),
)
def test_every_active_worker_has_its_time_slice_whatever_its_candles_and_never_more_than_there_are_places(
    active: list[int], places: int, number: int, interval_s: int
) -> None:
    begin_s = number * TIME_SLICE_S // interval_s * interval_s
    waited = dict.fromkeys(active, 0)
    for each in range(10 * len(active) * max(TIME_SLICE_S // interval_s, 1)):
        now = datetime.fromtimestamp(begin_s + each * interval_s, tz=UTC)
        adding = [worker for worker in active if may_add(worker, active, places=places, now=now)]
        assert len(adding) <= places
        for worker in adding:
            waited.pop(worker, None)
    assert not waited
