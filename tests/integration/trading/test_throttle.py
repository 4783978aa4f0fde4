"""The shared budget: whoever comes first is served, whoever matters more is served longer."""

import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.desk import FixedClock
from trading.domain.ports import VenueRefused, VenueUnavailable
from trading.domain.values import to_ms
from trading.exchange import throttle as module
from trading.exchange.api_figures import read_statistics
from trading.exchange.throttle import CallClass, Throttle

EXIT, CANCEL, ENTRY, DATA = CallClass.EXIT, CallClass.CANCEL, CallClass.ENTRY, CallClass.DATA


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2024, 3, 1, 12, 0, 1, tzinfo=UTC))


def a_throttle(client: redis.Redis, clock: FixedClock, **limits: int) -> Throttle:
    return Throttle(client, clock=clock, **limits)


def count_until_refused(throttle: Throttle, call: CallClass, *, weight: int = 1, orders: int = 0) -> int:
    for number in range(10_000):
        try:
            throttle.reserve(call, weight=weight, orders=orders)
        except VenueUnavailable:
            return number
    raise AssertionError("never refused")


def answer(status: int = 200, **headers: str) -> SimpleNamespace:
    return SimpleNamespace(
        status_code=status, headers={name.replace("_", "-"): word for name, word in headers.items()}
    )


def test_each_class_is_refused_at_its_own_share(redis_client: redis.Redis, clock: FixedClock) -> None:
    throttle = a_throttle(redis_client, clock, requests_1m=100)

    served = [count_until_refused(throttle, call) for call in (DATA, ENTRY, CANCEL, EXIT)]

    assert served == [55, 20, 10, 15]


def test_the_budget_is_shared_and_begins_anew_with_the_minute(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    one, other = (a_throttle(redis_client, clock, requests_1m=10) for _ in range(2))

    assert count_until_refused(one, EXIT) == 10
    assert count_until_refused(other, EXIT) == 0
    clock.advance(60)
    assert count_until_refused(other, EXIT) == 10


def test_weight_is_counted_below_the_venues_limit(redis_client: redis.Redis, clock: FixedClock) -> None:
    throttle = a_throttle(redis_client, clock, weight_1m=1000, requests_1m=10_000)

    assert count_until_refused(throttle, EXIT, weight=80) == 12


def test_orders_are_counted_by_ten_seconds(redis_client: redis.Redis, clock: FixedClock) -> None:
    throttle = a_throttle(redis_client, clock, orders_10s=10)

    assert count_until_refused(throttle, EXIT, orders=3) == 3
    throttle.reserve(CANCEL, weight=1)
    clock.advance(10)
    throttle.reserve(EXIT, weight=1, orders=3)


def test_the_venues_own_count_wins_where_it_is_higher(redis_client: redis.Redis, clock: FixedClock) -> None:
    throttle = a_throttle(redis_client, clock, weight_1m=1000, requests_1m=10_000)
    reserved = throttle.reserve(DATA, weight=10)
    throttle.settle(answer(X_MBX_USED_WEIGHT_1M="920"), reserved=reserved, latency_ms=1.0)

    assert count_until_refused(throttle, EXIT, weight=10) == 5
    assert read_statistics(redis_client, now=clock()).weight_1m == 970


@pytest.mark.parametrize(("status", "code"), [(429, -1003), (418, -1003)])
def test_a_retry_after_holds_everybody_back(
    redis_client: redis.Redis, clock: FixedClock, *, status: int, code: int
) -> None:
    one, other = (a_throttle(redis_client, clock) for _ in range(2))

    one.settle(
        answer(status, Retry_After="7"), latency_ms=1.0, fault=VenueUnavailable("slow down", code=code)
    )

    with pytest.raises(VenueUnavailable, match="RETRY_AFTER"):
        other.reserve(EXIT, weight=1)
    assert 6 < read_statistics(redis_client, now=clock()).blocked_s <= 7


def test_a_spent_order_count_leaves_cancels_and_queries_free(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    throttle = a_throttle(redis_client, clock)

    throttle.settle(answer(429, Retry_After="7"), latency_ms=1.0, fault=VenueUnavailable("", code=-1015))

    throttle.reserve(CANCEL, weight=1)
    with pytest.raises(VenueUnavailable, match="ORDERS_RETRY_AFTER"):
        throttle.reserve(EXIT, weight=1, orders=1)


def test_figures_are_of_the_last_minute(
    redis_client: redis.Redis, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_AFTER_S", -1.0)
    throttle = a_throttle(redis_client, clock)
    for fault in (None, None, None, VenueRefused("", code=-2010)):
        throttle.reserve(DATA, weight=2)
        throttle.settle(answer(), latency_ms=4.0, fault=fault)

    now = read_statistics(redis_client, now=clock())
    later = read_statistics(redis_client, now=clock() + timedelta(seconds=89))

    assert (now.requests_1m, now.errors_1m, now.weight_1m) == (4, 1, 8)
    assert (now.errors_ratio, now.latency_ms_mean) == (0.25, 4.0)
    assert later.requests_1m == 2
    assert later.weight_1m == 0


def test_nothing_known_is_not_zero(redis_client: redis.Redis, clock: FixedClock) -> None:
    figures = read_statistics(redis_client, now=clock())

    assert (figures.errors_ratio, figures.latency_ms_mean) == (None, None)


def test_without_redis_exits_leave_and_entries_wait(clock: FixedClock) -> None:
    nowhere = redis.Redis(unix_socket_path="/nowhere.sock", retry=Retry(NoBackoff(), 0))
    throttle = a_throttle(nowhere, clock)

    throttle.reserve(EXIT, weight=1, orders=2)
    throttle.reserve(CANCEL, weight=1)
    throttle.settle(answer(429), latency_ms=1.0, fault=VenueUnavailable("", code=-1003))
    for call in (ENTRY, DATA):
        with pytest.raises(VenueUnavailable):
            throttle.reserve(call, weight=1)


def test_what_cost_nothing_is_given_back_with_the_header(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    throttle = a_throttle(redis_client, clock)
    reserved = [throttle.reserve(EXIT, weight=1, orders=1) for _ in range(3)]
    unanswered = reserved.pop()

    for each in reserved:
        told = answer(X_MBX_USED_WEIGHT_1M="0", X_MBX_ORDER_COUNT_10S="0", X_MBX_ORDER_COUNT_1D="7")
        throttle.settle(told, reserved=each, latency_ms=1.0)
    throttle.reserve(DATA, weight=1)
    left = read_statistics(redis_client, now=clock()).headroom["EXIT"]

    # The answered ones cost nothing, the one without an answer and the newest may have.
    assert unanswered is not None
    assert left == {"requests_1m": 596, "weight_1m": 5818, "orders_10s": 99, "orders_1d": 160_000 - 8}


def test_a_refused_order_uses_no_order_count_and_what_never_left_nothing_at_all(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    throttle = a_throttle(redis_client, clock)
    refused, lost = (throttle.reserve(ENTRY, weight=1, orders=3) for _ in range(2))

    throttle.settle(answer(400), reserved=refused, latency_ms=1.0, fault=VenueRefused("", code=-2010))
    throttle.settle(None, reserved=lost, latency_ms=1.0, fault=VenueUnavailable("refused"), was_sent=False)
    throttle.reserve(DATA, weight=0)
    left = read_statistics(redis_client, now=clock()).headroom["EXIT"]

    assert left == {"requests_1m": 598, "weight_1m": 5819, "orders_10s": 100, "orders_1d": 160_000}


def test_a_header_from_around_a_boundary_is_not_believed(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    throttle = a_throttle(redis_client, clock)
    clock.advance(58.9)  # 100 ms before the minute turns
    reserved = throttle.reserve(DATA, weight=10)
    clock.advance(0.2)
    throttle.settle(answer(X_MBX_USED_WEIGHT_1M="5000"), reserved=reserved, latency_ms=200.0)
    clock.advance(1)
    throttle.reserve(DATA, weight=1)

    assert read_statistics(redis_client, now=clock()).weight_1m == 11  # counted in both minutes


@pytest.mark.parametrize("apart_ms", [-400, -50, 50, 400])
def test_clocks_that_differ_do_not_overspend_at_a_boundary(
    redis_client: redis.Redis, clock: FixedClock, apart_ms: int
) -> None:
    other_clock = FixedClock(clock() + timedelta(milliseconds=apart_ms))
    throttles = [a_throttle(redis_client, each, requests_1m=100) for each in (clock, other_clock)]
    arrived: list[int] = []

    for _ in range(600):  # the venue's clock is the first; the wishes of both reach from minute to minute
        for throttle in throttles:
            with contextlib.suppress(VenueUnavailable):
                throttle.reserve(EXIT, weight=1)
                arrived.append(int(clock().timestamp()) // 60)
        for each in (clock, other_clock):
            each.advance(0.2)

    assert max(Counter(arrived).values()) == 100
    assert len(set(arrived)) == 3


def test_the_venues_limits_hold_for_everybody_once_one_has_read_them(
    redis_client: redis.Redis, clock: FixedClock
) -> None:
    one, other = (a_throttle(redis_client, clock) for _ in range(2))

    one.announce({"weight_1m": 100, "orders_10s": 5, "orders_1d": 6})

    assert count_until_refused(other, EXIT, weight=10) == 9
    clock.advance(60)
    assert count_until_refused(other, EXIT, weight=1, orders=1) == 5
    clock.advance(10)
    with pytest.raises(VenueUnavailable, match="ORDERS_1D"):
        other.reserve(EXIT, weight=1, orders=2)
    assert read_statistics(redis_client, now=clock()).weight_limit == 100


def test_windows_are_those_of_the_venues_clock(redis_client: redis.Redis, clock: FixedClock) -> None:
    throttle = a_throttle(redis_client, clock, requests_1m=10)
    assert count_until_refused(throttle, EXIT) == 10

    throttle.follow(lambda: to_ms(clock()) + 60_000)

    assert count_until_refused(throttle, EXIT) == 10
