"""Counting windows and bans by a clock in the hand."""

from __future__ import annotations

import pytest

from trading.paper.errors import VenueError
from trading.paper.limits import FIRST_BAN_MS, LONGEST_BAN_MS, MINUTE_MS, Limits

START_MS = 1_700_000_040_000  # a full minute


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def refusal_of(limits: Limits, weight: int = 1) -> VenueError:
    with pytest.raises(VenueError) as refusal:
        limits.admit("a", weight)
    return refusal.value


def test_windows_turn_with_the_clock_and_do_not_slide() -> None:
    clock = HandClock()
    limits = Limits(clock)
    clock.now_ms += 59_000
    limits.charge("a", 5000)

    clock.now_ms += 1000

    assert limits.used_weight("a") == 0


def test_retry_after_reaches_to_the_turn_of_the_minute() -> None:
    clock = HandClock()
    limits = Limits(clock, weight_limit=10)
    clock.now_ms += 12_300

    refusal = refusal_of(limits, 11)

    assert refusal.headers == {"Retry-After": "48"}
    assert refusal.data == {"serverTime": clock.now_ms, "retryAfter": clock.now_ms + 48_000}


def test_addresses_are_counted_apart() -> None:
    limits = Limits(HandClock(), weight_limit=10)
    limits.charge("a", 10)

    limits.admit("b", 10)

    assert limits.used_weight("b") == 0


def test_the_order_count_never_falls_below_zero() -> None:
    limits = Limits(HandClock())
    limits.count_orders(1)

    limits.count_orders(-5)

    assert [row["count"] for row in limits.order_rows()] == [0, 0]


def test_each_ban_is_twice_as_long_up_to_three_days() -> None:
    clock = HandClock()
    told: list[str] = []
    limits = Limits(clock, weight_limit=0, on_ban=told.append)
    lengths: list[int] = []
    while not lengths or lengths[-1] < LONGEST_BAN_MS:
        while (refusal := refusal_of(limits)).status != 418:
            clock.now_ms += 1000
        assert refusal.data is not None
        lengths.append(refusal.data["retryAfter"] - clock.now_ms)
        clock.now_ms = refusal.data["retryAfter"] + MINUTE_MS

    assert lengths[:3] == [FIRST_BAN_MS, 2 * FIRST_BAN_MS, 4 * FIRST_BAN_MS]
    assert told == ["a"] * len(lengths)


def test_violations_of_long_ago_are_forgiven() -> None:
    clock = HandClock()
    limits = Limits(clock, weight_limit=0)

    statuses = []
    for _ in range(20):
        statuses.append(refusal_of(limits).status)
        clock.now_ms += MINUTE_MS + 1

    assert set(statuses) == {429}
