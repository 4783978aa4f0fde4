"""Silence is found by what a stream usually does; a quiet market is not taken for a dead one all the time."""

import math

from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.silence import LONGEST_S, MAX_LIMIT_S, MIN_LIMIT_S, SEEN_ENOUGH_S, TIMES, ExpectedPause

FOUND_WITHIN_S = 20.0


def a_stream(pause_s: float, *, rounds: int = 200) -> tuple[ExpectedPause, float]:
    """Give what was learned from a stream with this pause, and the moment of its last word."""
    expected, now_s = ExpectedPause(10.0), 100.0
    expected.begin(now_s)
    for _ in range(rounds):
        now_s += pause_s
        expected.heard(now_s)
    return expected, now_s


def alarms(expected: ExpectedPause, begin_s: float, *, seconds: float) -> list[float]:
    """Give after how many seconds of silence the alarms come."""
    looks = (number / 2 for number in range(1, int(seconds * 2)))
    return [passed_s for passed_s in looks if expected.is_silent(begin_s + passed_s)]


def test_a_busy_stream_that_stops_is_noticed_within_seconds() -> None:
    expected, last_s = a_stream(0.2)

    assert alarms(expected, last_s, seconds=10)[0] <= MIN_LIMIT_S + 1


def test_what_a_listener_missed_by_standing_still_teaches_nothing() -> None:
    expected, last_s = a_stream(0.2)
    before_s = expected.limit_s()

    expected.heard(last_s + 3.0, is_example=False)

    assert expected.limit_s() == before_s


def test_a_stream_known_to_make_long_pauses_alarms_nobody() -> None:
    expected, last_s = a_stream(8.0)

    assert math.isinf(expected.limit_s())
    assert alarms(expected, last_s, seconds=3600) == []


def test_a_new_stream_is_given_its_first_limit() -> None:
    expected = ExpectedPause(10.0)
    expected.begin(5.0)

    assert alarms(expected, 5.0, seconds=12)[0] == 10.5


def test_a_market_that_stands_still_causes_no_storm() -> None:
    expected, last_s = a_stream(0.5)

    assert len(alarms(expected, last_s, seconds=300)) <= 300 / LONGEST_S + 4


@given(pause_s=st.floats(0.01, MAX_LIMIT_S / TIMES - 0.01))
def test_what_should_have_spoken_is_found_in_time(pause_s: float) -> None:
    expected, last_s = a_stream(pause_s, rounds=int(SEEN_ENOUGH_S / pause_s) + 2)

    assert alarms(expected, last_s, seconds=30)[0] < FOUND_WITHIN_S
