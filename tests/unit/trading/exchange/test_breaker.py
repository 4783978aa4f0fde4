"""Breakers: open on failures or slowness, one try at a time, closed again by a good one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.breaker import TERMS, Breaker, BreakerOpen, BreakerState, BreakerTerms, Endpoints

TERMS_OF_TEST = BreakerTerms(min_calls=4, window_s=10.0, pause_s=1.0, max_pause_s=4.0)


# Quarters of a second are exact in floats, and so are their sums.
quarters = st.integers(0, 12).map(lambda number: number / 4)


def an_open_breaker(terms: BreakerTerms = TERMS_OF_TEST) -> Breaker:
    breaker = Breaker(terms)
    for _ in range(terms.min_calls):
        call(breaker, 0.0, is_failure=True)
    return breaker


def call(breaker: Breaker, at_s: float, *, is_failure: bool = False, latency_s: float = 0.01) -> bool:
    turn = breaker.admit(at_s)
    return breaker.ended(turn, at_s, is_failure=is_failure, latency_s=latency_s)


def test_it_opens_when_half_of_the_calls_fail() -> None:
    breaker = Breaker(TERMS_OF_TEST)

    opened = [call(breaker, 0.1 * n, is_failure=n % 2 == 1) for n in range(4)]

    assert opened == [False, False, False, True]
    with pytest.raises(BreakerOpen, match=r"2 of 4 calls failed within 10 s; next try in 1\.0 s"):
        breaker.admit(0.3)


def test_it_opens_when_the_calls_are_slow() -> None:
    breaker = Breaker(TERMS_OF_TEST)

    opened = [call(breaker, 0.1 * n, latency_s=2.5) for n in range(4)]

    assert opened[-1]
    assert "took longer than 2 s" in breaker.reason


def test_what_is_older_than_the_window_says_nothing() -> None:
    breaker = Breaker(TERMS_OF_TEST)
    for _ in range(3):
        call(breaker, 0.0, is_failure=True)

    opened = [call(breaker, 10.0, is_failure=True) for _ in range(3)]

    assert opened == [False, False, False]


def test_one_call_tries_and_the_others_wait_for_it() -> None:
    breaker = an_open_breaker()

    turn = breaker.admit(1.0)
    with pytest.raises(BreakerOpen):
        breaker.admit(1.0)
    breaker.ended(turn, 1.1, is_failure=False, latency_s=0.1)

    breaker.admit(1.1)
    assert breaker.state is BreakerState.CLOSED


def test_a_try_that_was_withdrawn_leaves_its_place_to_another() -> None:
    breaker = an_open_breaker()

    breaker.withdrawn(breaker.admit(1.0))

    breaker.admit(1.0)


def test_a_call_from_before_says_nothing_about_the_one_that_tries() -> None:
    breaker = Breaker(TERMS_OF_TEST)
    late = breaker.admit(0.0)
    for _ in range(4):
        call(breaker, 0.0, is_failure=True)
    breaker.admit(1.0)

    assert not breaker.ended(late, 1.0, is_failure=False, latency_s=1.0)
    breaker.withdrawn(late)

    with pytest.raises(BreakerOpen):
        breaker.admit(1.0)


def test_the_pause_doubles_up_to_its_limit() -> None:
    breaker = an_open_breaker()
    at_s, pauses = 0.0, []

    for _ in range(4):
        at_s = breaker.until_s
        call(breaker, at_s, is_failure=True)
        pauses.append(breaker.until_s - at_s)

    assert pauses == [2.0, 4.0, 4.0, 4.0]


def test_what_protects_money_is_tried_every_second() -> None:
    for endpoints in (Endpoints.EXITS, Endpoints.CANCELS):
        breaker = an_open_breaker(TERMS[endpoints])
        for _ in range(3):
            at_s = breaker.until_s
            call(breaker, at_s, is_failure=True)
            assert breaker.until_s - at_s == 1.0


@given(st.lists(st.tuples(quarters, st.booleans(), st.floats(0.0, 5.0)), max_size=80))
def test_it_never_stays_shut_for_longer_than_its_longest_pause(
    calls: list[tuple[float, bool, float]],
) -> None:
    breaker, at_s = Breaker(TERMS_OF_TEST), 0.0

    for after_s, is_failure, latency_s in calls:
        at_s += after_s
        try:
            call(breaker, at_s, is_failure=is_failure, latency_s=latency_s)
        except BreakerOpen:
            assert breaker.until_s - at_s <= TERMS_OF_TEST.max_pause_s

    breaker.admit(at_s + TERMS_OF_TEST.max_pause_s)


@given(st.lists(st.booleans(), max_size=60))
def test_it_opens_only_on_the_ratio_that_its_terms_name(failures: list[bool]) -> None:
    breaker, seen = Breaker(TERMS_OF_TEST), []

    for number, is_failure in enumerate(failures):
        seen.append(is_failure)
        opened = call(breaker, number * 0.01, is_failure=is_failure)
        assert opened == (len(seen) >= 4 and sum(seen) * 2 >= len(seen))
        if opened:
            break
