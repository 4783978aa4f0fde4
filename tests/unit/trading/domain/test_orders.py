"""The order table: what may follow what, what is stale, and what cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.orders import CLOSED, TRANSITIONS, ImpossibleTransition, OrderStatus, next_status

S = OrderStatus
REPORTABLE = [S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED]


def test_a_report_that_repeats_changes_nothing() -> None:
    assert next_status(S.ACCEPTED, S.ACCEPTED) is S.ACCEPTED


@pytest.mark.parametrize("late", [S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED])
def test_an_older_report_after_the_end_is_stale(late: OrderStatus) -> None:
    assert next_status(S.FILLED, late) is S.FILLED


def test_a_fill_that_raced_with_a_cancel_wins() -> None:
    assert next_status(S.CANCELED, S.FILLED) is S.FILLED


def test_an_order_that_we_gave_up_lives_again_when_the_venue_says_so() -> None:
    assert next_status(S.EXPIRED, S.ACCEPTED, not_found=True) is S.ACCEPTED


def test_an_order_that_the_venue_expired_stays_expired() -> None:
    assert next_status(S.EXPIRED, S.ACCEPTED) is S.EXPIRED


def test_an_order_never_sent_cannot_be_filled() -> None:
    with pytest.raises(ImpossibleTransition, match="INITIALIZED cannot become FILLED"):
        next_status(S.INITIALIZED, S.FILLED)


@given(st.lists(st.sampled_from(REPORTABLE), max_size=12))
def test_a_closed_state_is_left_by_a_late_fill_only(reports: list[OrderStatus]) -> None:
    status = S.SUBMITTED
    for reported in reports:
        try:
            after = next_status(status, reported)
        except ImpossibleTransition:
            continue
        if status in CLOSED and after is not status:
            assert after is S.FILLED
        status = after


def test_every_status_has_a_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)
