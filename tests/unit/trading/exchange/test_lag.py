"""How far a stream is behind: delays above the shortest one, and what becomes of it in time."""

from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.lag import WINDOW_MS, UsualDelay


def test_a_delay_counts_above_the_shortest_one() -> None:
    usual = UsualDelay()

    assert [usual.excess_ms(delay, now_ms=0) for delay in (40, 30, 5030, 30)] == [0, 0, 5000, 0]


def test_clocks_that_are_apart_are_no_delay() -> None:
    usual = UsualDelay()

    assert [usual.excess_ms(delay, now_ms=0) for delay in (-8000, -7990, -3000)] == [0, 10, 5000]


def test_the_shortest_one_is_remembered_over_the_turn_of_a_window() -> None:
    usual = UsualDelay()
    usual.excess_ms(30, now_ms=WINDOW_MS - 1)

    assert usual.excess_ms(2030, now_ms=WINDOW_MS) == 2000
    assert usual.excess_ms(2030, now_ms=2 * WINDOW_MS - 1) == 2000


def test_a_clock_that_was_set_becomes_usual_within_two_windows() -> None:
    usual = UsualDelay()
    usual.excess_ms(30, now_ms=0)
    usual.excess_ms(3030, now_ms=WINDOW_MS)

    assert usual.excess_ms(3030, now_ms=2 * WINDOW_MS) == 0


def test_what_was_usual_before_a_long_silence_is_forgotten() -> None:
    usual = UsualDelay()
    usual.excess_ms(30, now_ms=0)

    assert usual.excess_ms(900, now_ms=5 * WINDOW_MS) == 0


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.integers(0, 10_000)), min_size=1))
def test_an_excess_is_never_negative(steps: list[tuple[int, int]]) -> None:
    usual, now_ms = UsualDelay(), 0

    for delay_ms, passed_ms in steps:
        now_ms += passed_ms
        assert usual.excess_ms(delay_ms, now_ms=now_ms) >= 0
