"""The venue's clock: answers come late, clocks drift or are set; nothing signed is too old or too early."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.venue_clock import VenueClock

START = datetime(2026, 3, 1, tzinfo=UTC)
# The venue takes what is less than 1,000 ms ahead and, in our window, no more than 1,500 ms behind.
FAR_MS = 600.0


class World:
    """True time, a steady clock that drifts, a wall clock that somebody sets, and a venue."""

    def __init__(self, *, drift_ppm: float, ahead_ms: float = 0.0) -> None:
        self.true_s = 1000.0
        self.rate = 1 + drift_ppm / 1e6
        self.set_ms = ahead_ms
        self.venue_set_ms = 0.0
        self.clock = VenueClock(clock=self.wall, steady=self.steady)

    def steady(self) -> float:
        return self.true_s * self.rate

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.steady(), milliseconds=self.set_ms)

    def venue(self) -> datetime:
        at = START + timedelta(seconds=self.true_s, milliseconds=self.venue_set_ms)
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def measure(self, *, out_s: float = 0.01, back_s: float = 0.01) -> None:
        sent_s = self.clock.steady_s()
        self.true_s += out_s
        server_at = self.venue()
        self.true_s += back_s
        self.clock.add(server_at, sent_s=sent_s, received_s=self.clock.steady_s())

    def wrong_ms(self) -> float:
        """How far what we would sign is ahead of the venue's clock."""
        return (self.clock.venue_moment(self.wall()) - self.venue()).total_seconds() * 1000


legs = st.floats(0.0005, 0.5)


@settings(max_examples=60, deadline=None)
@given(
    drift_ppm=st.floats(-200, 200),
    ahead_ms=st.floats(-86_400_000, 86_400_000),
    rounds=st.lists(st.tuples(st.floats(1, 590), legs, legs), min_size=1, max_size=60),
)
def test_drift_and_lopsided_answers_never_lead_outside_the_bounds(
    drift_ppm: float, ahead_ms: float, rounds: list[tuple[float, float, float]]
) -> None:
    world = World(drift_ppm=drift_ppm, ahead_ms=ahead_ms)
    world.measure()

    for after_s, out_s, back_s in rounds:
        world.true_s += after_s
        assert abs(world.wrong_ms()) <= world.clock.read().error_ms + 2
        assert abs(world.wrong_ms()) < FAR_MS
        world.measure(out_s=out_s, back_s=back_s)
        assert abs(world.wrong_ms()) <= world.clock.read().error_ms + 2


@pytest.mark.parametrize("step_ms", [-1500.0, 1500.0])
def test_a_wall_clock_that_is_set_changes_nothing_and_is_noticed(step_ms: float) -> None:
    world = World(drift_ppm=200)
    world.measure()
    world.true_s += 20
    assert world.clock.is_sound(max_age_s=600)

    world.set_ms += step_ms

    assert abs(world.wrong_ms()) < 30
    assert not world.clock.is_sound(max_age_s=600)
    world.measure()
    assert world.clock.is_sound(max_age_s=600)


def test_a_venue_that_sets_its_clock_is_believed_at_once() -> None:
    world = World(drift_ppm=0)
    for _ in range(5):
        world.measure()
        world.true_s += 30

    world.venue_set_ms += 1500
    world.measure()

    assert abs(world.wrong_ms()) < 15


def test_the_drift_is_measured_and_applied() -> None:
    world = World(drift_ppm=200)
    for _ in range(30):
        world.measure(out_s=0.002, back_s=0.02)
        world.true_s += 30

    # Two hours without a word: undone, the drift would be 1,440 ms.
    assert world.clock.read().drift_ppm == pytest.approx(-200, abs=15)
    world.true_s += 7200
    assert abs(world.wrong_ms()) < 150


def test_nothing_is_sound_before_the_first_measurement_and_after_a_refused_moment() -> None:
    world = World(drift_ppm=0)
    assert not world.clock.is_sound(max_age_s=600)
    world.measure()
    assert world.clock.is_sound(max_age_s=600)

    world.clock.forget()

    assert not world.clock.is_sound(max_age_s=600)
    assert abs(world.wrong_ms()) < 15
