"""Attempts to connect: at once after a cut, one prober for many, never more than the share."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.pacing import (
    FIRST_PROBE_S,
    MARKET_SHARE,
    PART_WHEN_HEARD,
    PART_WHEN_UNHEARD,
    PROBE_S,
    SETTLED_S,
    USER_SHARE,
    WINDOW_S,
    ConnectionPace,
)

LIMIT = 300


def a_pace(share: int = MARKET_SHARE) -> ConnectionPace:
    return ConnectionPace(share, jitter=lambda: 1.0)


def test_both_processes_together_stay_below_the_limit_of_the_venue() -> None:
    assert MARKET_SHARE + USER_SHARE < LIMIT


def test_a_cut_connection_is_tried_again_at_once() -> None:
    assert a_pace().wait_s(10.0, is_first=True) == 0


def test_one_probes_while_the_venue_is_away_and_all_follow_when_it_stands() -> None:
    pace = a_pace()
    pace.failed(0.0, was_reached=True)

    assert pace.wait_s(FIRST_PROBE_S / 2, is_first=False) > 0
    assert pace.wait_s(FIRST_PROBE_S, is_first=False) == 0
    assert all(pace.wait_s(1.5 * FIRST_PROBE_S, is_first=False) > 0 for _ in range(5))
    pace.stands(1.6 * FIRST_PROBE_S)
    assert all(pace.wait_s(1.7 * FIRST_PROBE_S, is_first=False) == 0 for _ in range(5))


@pytest.mark.parametrize(("was_reached", "part"), [(True, PART_WHEN_HEARD), (False, PART_WHEN_UNHEARD)])
def test_an_outage_is_found_over_within_a_part_of_its_length(*, was_reached: bool, part: float) -> None:
    pace, now_s = a_pace(), 50.0
    pace.stands(0.0)
    pace.failed(now_s, was_reached=was_reached)
    while now_s < 80.0:
        wait_s = pace.wait_s(now_s, is_first=False)
        assert wait_s <= min(max((now_s - 50.0) * part, FIRST_PROBE_S), PROBE_S) + 1e-9
        now_s += wait_s
        if wait_s == 0:
            pace.failed(now_s, was_reached=was_reached)


def test_a_connection_that_never_lasts_is_tried_once_a_second() -> None:
    pace, now_s, tried = a_pace(), 100.0, []
    while now_s < 130.0:
        if pace.wait_s(now_s, is_first=False) <= 0:
            tried.append(now_s)
            pace.stands(now_s)
            pace.failed(now_s + SETTLED_S / 10, was_reached=True)
        now_s += 0.01

    assert min(late - early for early, late in pairwise(tried)) >= PROBE_S


def test_a_venue_that_says_wait_is_left_alone() -> None:
    pace = a_pace()
    pace.hold(60.0)

    assert pace.wait_s(20.0, is_first=True) == 40.0
    assert pace.wait_s(60.0, is_first=True) == 0


def test_what_reached_nobody_is_tried_every_second_for_ever() -> None:
    pace, now_s = a_pace(), 0.0
    for _ in range(1000):
        wait_s = pace.wait_s(now_s, is_first=False)
        now_s += wait_s
        assert wait_s <= PROBE_S
        assert pace.wait_s(now_s, is_first=False) == 0 or wait_s == 0
        pace.failed(now_s, was_reached=False)

    assert pace.used == 0


@given(
    share=st.integers(4, 40),
    steps=st.lists(
        st.tuples(st.floats(0, 30), st.sampled_from(["reached", "unreached", "stands"]), st.booleans()),
        max_size=200,
    ),
)
def test_no_five_minutes_see_more_than_the_share(share: int, steps: list[tuple[float, str, bool]]) -> None:
    pace, now_s, reached = a_pace(share), 0.0, []
    for passed_s, outcome, is_first in steps:
        now_s += passed_s
        if pace.wait_s(now_s, is_first=is_first) > 0:
            continue
        if outcome == "stands":
            pace.stands(now_s)
        else:
            pace.failed(now_s, was_reached=outcome == "reached")
        reached += [] if outcome == "unreached" else [now_s]

    assert all(sum(begun <= each < begun + WINDOW_S for each in reached) <= share for begun in reached)


def test_the_share_lasts_through_an_outage_of_an_hour() -> None:
    pace, now_s, longest_s, last_s = a_pace(), 0.0, 0.0, 0.0
    while now_s < 3600:
        if pace.wait_s(now_s, is_first=False) <= 0:
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
            pace.failed(now_s, was_reached=True)
        now_s += 0.1

    assert longest_s < 5 * WINDOW_S / MARKET_SHARE
