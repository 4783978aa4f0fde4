"""The order table under reports in any order, repeated, and interleaved with what we do ourselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trading.domain.orders import CLOSED, TRANSITIONS, ImpossibleTransition, OrderStatus, next_status

S = OrderStatus
ENDS = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED)
# How the venue may lead an order from its arrival to its end.
LIVES = [
    [S.FILLED],
    [S.EXPIRED],
    [S.ACCEPTED, S.FILLED],
    [S.ACCEPTED, S.CANCELED],
    [S.ACCEPTED, S.PARTIALLY_FILLED, S.PARTIALLY_FILLED, S.FILLED],
    [S.ACCEPTED, S.PARTIALLY_FILLED, S.CANCELED],
    [S.ACCEPTED, S.PARTIALLY_FILLED, S.EXPIRED],
    [S.PENDING, S.ACCEPTED, S.FILLED],
    [S.PENDING, S.ACCEPTED, S.PARTIALLY_FILLED, S.EXPIRED],
    [S.PENDING, S.CANCELED],
    [S.PENDING, S.EXPIRED],
    [S.PENDING, S.REJECTED],
]


@settings(max_examples=200)
@given(data=st.data(), life=st.sampled_from(LIVES))
def test_reports_in_any_order_and_repeated_end_in_the_same_status(
    data: st.DataObject, life: list[OrderStatus]
) -> None:
    told = data.draw(st.permutations(life + data.draw(st.lists(st.sampled_from(life), max_size=4))))

    status = S.SUBMITTED
    for reported in told:
        status = next_status(status, reported)

    assert status is life[-1]


class OneOrder(RuleBasedStateMachine):
    """Our row of one order beside the venue's: the venue goes on, its words arrive late, twice or never."""

    def __init__(self) -> None:
        super().__init__()
        self.row = S.INITIALIZED
        self.venue: OrderStatus | None = None
        self.given_up = False
        self.words: list[OrderStatus] = []

    @precondition(lambda self: self.row is S.INITIALIZED)
    @rule()
    def claim(self) -> None:
        """We claim it."""
        self.row = S.SUBMITTED

    @precondition(lambda self: self.row is not S.INITIALIZED and self.venue is None)
    @rule(first=st.sampled_from([life[0] for life in LIVES]))
    def arrive(self, first: OrderStatus) -> None:
        """The request reaches the venue."""
        self._go_on(first)

    @precondition(lambda self: self.row is S.SUBMITTED)
    @rule()
    def give_up(self) -> None:
        """We conclude that it never arrived."""
        self.row, self.given_up = S.EXPIRED, True

    @precondition(lambda self: self.venue is not None and self.venue not in ENDS)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """The venue moves it along the table."""
        assert self.venue is not None
        self._go_on(data.draw(st.sampled_from(sorted(TRANSITIONS[self.venue] & {*ENDS, S.ACCEPTED}))))

    @precondition(lambda self: bool(self.words))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """One of the venue's words arrives, any of them, perhaps again."""
        self._hear(data.draw(st.sampled_from(self.words)))

    def _hear(self, word: OrderStatus) -> None:
        before = self.row
        self.row = next_status(before, word, not_found=self.given_up)
        self.given_up = False  # whatever the word was: the venue knows the order
        assert self.row is before or self.row in TRANSITIONS[before]

    def _go_on(self, status: OrderStatus) -> None:
        self.venue = status
        self.words.append(status)

    @invariant()
    def an_end_of_the_venue_is_never_left(self) -> None:
        """What the venue ended and we heard of stays ended."""
        if self.venue in ENDS and self.row in ENDS and not self.given_up:
            assert self.row is self.venue

    def teardown(self) -> None:
        """When every word has arrived, both say the same."""
        for word in self.words:
            self._hear(word)
        if self.venue is not None:
            assert self.row is self.venue


OneOrder.TestCase.settings = settings(max_examples=100, stateful_step_count=12, deadline=None)
TestOneOrder = OneOrder.TestCase


@pytest.mark.parametrize("closed", sorted(CLOSED - {S.EXPIRED, S.CANCELED}))
def test_what_is_finally_closed_is_never_left(closed: OrderStatus) -> None:
    for reported in OrderStatus:
        try:
            after = next_status(closed, reported)
        except ImpossibleTransition:
            continue
        assert after is closed
