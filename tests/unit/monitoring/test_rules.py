"""The health score: documented, capped by its worst input, each lost point named, unknown said."""

from dataclasses import replace
from typing import Any

import pytest

from monitoring.rules import HealthInputs, HouseInputs, ReconcileInputs, judge

CLEAN = ReconcileInputs(age_s=30.0, different_assets=(), unknown_orders=0, missing_symbols=())
HOUSE = HouseInputs(
    queue_lag_s=0.0,
    queue_length=0,
    clock_skew_ms=-3.0,
    memory_mb=200.0,
    memory_growth_mb_h=0.5,
    disk_free_mb=50_000.0,
    database_writes=True,
    drawdown=0.001,
    exceptions=0,
    restarts=0,
)
FINE = HealthInputs(
    is_reading=True,
    feed_is_connected=True,
    price_age_s=0.2,
    user_stream_is_connected=True,
    user_stream_age_s=1.0,
    unprotected_symbols=(),
    weight_ratio=0.1,
    error_ratio=0.0,
    processes=frozenset({"feed", "executions", "trader", "beat", "web"}),
    reconcile=CLEAN,
    house=HOUSE,
)


def test_nothing_wrong_is_100() -> None:
    assert judge(FINE).score == 100
    assert judge(FINE).losses == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price_age_s": 10.0}, "PRICE_AGE"),
        ({"feed_is_connected": False}, "FEED_DOWN"),
        ({"user_stream_is_connected": False}, "USER_STREAM_DOWN"),
        ({"user_stream_age_s": 25.0}, "USER_STREAM_AGE"),
        ({"weight_ratio": 0.95}, "WEIGHT_USED"),
        ({"error_ratio": 0.05}, "ERROR_RATIO"),
        ({"processes": FINE.processes - {"trader"}}, "PROCESS_MISSING"),
        ({"unprotected_symbols": ("BTCUSDT",)}, "POSITION_UNPROTECTED"),
        ({"is_reading": False}, "REDIS_SILENT"),
        ({"reconcile": replace(CLEAN, age_s=200.0)}, "RECONCILE_AGE"),
        ({"reconcile": replace(CLEAN, different_assets=("BTC",))}, "LEDGER_DIFFERS"),
        ({"reconcile": replace(CLEAN, unknown_orders=1)}, "ORDERS_UNKNOWN"),
        ({"reconcile": replace(CLEAN, missing_symbols=("BTCUSDT",))}, "POSITION_MISSING"),
        ({"house": replace(HOUSE, queue_lag_s=9.0)}, "QUEUE_LAG"),
        ({"house": replace(HOUSE, clock_skew_ms=-700.0)}, "CLOCK_SKEW"),
        ({"house": replace(HOUSE, memory_mb=450.0)}, "MEMORY_USED"),
        ({"house": replace(HOUSE, memory_growth_mb_h=30.0)}, "MEMORY_GROWTH"),
        ({"house": replace(HOUSE, disk_free_mb=900.0)}, "DISK_FREE"),
        ({"house": replace(HOUSE, database_writes=False)}, "DATABASE_READ_ONLY"),
        ({"house": replace(HOUSE, drawdown=0.05)}, "DRAWDOWN"),
        ({"house": replace(HOUSE, exceptions=1)}, "EXCEPTIONS"),
        ({"house": replace(HOUSE, restarts=2)}, "RESTARTS"),
        ({"house": None}, "WATCH_SILENT"),
        ({"is_stored": False}, "DATABASE_SILENT"),
        ({"blocked_s": 30.0}, "VENUE_BLOCKED"),
        ({"breakers": ("ENTRY",)}, "BREAKER_OPEN"),
    ],
)
def test_each_fault_lowers_the_score_and_is_named(changes: dict[str, Any], code: str) -> None:
    health = judge(replace(FINE, **changes))

    assert health.score < 100
    assert [loss.code for loss in health.losses] == [code]
    assert health.losses[0].points > 0


def test_a_clock_without_a_trader_is_one_loss() -> None:
    health = judge(replace(FINE, processes=FINE.processes - {"trader", "beat"}))

    assert [loss.subject for loss in health.losses] == ["trader"]


def test_less_is_worse_where_the_scale_falls() -> None:
    scores = [judge(replace(FINE, house=replace(HOUSE, disk_free_mb=free))).score for free in (5000, 1100, 1)]

    assert scores == [100, 80, 60]


def test_an_unprotected_position_caps_at_40() -> None:
    health = judge(replace(FINE, unprotected_symbols=("BTCUSDT", "ETHUSDT")))

    assert health.score == 40
    assert "BTCUSDT, ETHUSDT" in health.losses[0].text


def test_the_score_never_leaves_0_to_100() -> None:
    worst = replace(
        FINE,
        price_age_s=1e6,
        feed_is_connected=False,
        error_ratio=1.0,
        weight_ratio=2.0,
        unprotected_symbols=("A",),
        processes=frozenset(),
    )

    assert judge(worst).score == 0


def test_what_nobody_knows_is_said_and_is_not_fine() -> None:
    health = judge(replace(FINE, feed_is_connected=None, price_age_s=None))

    assert health.unknown == ("FEED", "PRICE_AGE")
    assert health.score <= 60


def test_without_a_reconcile_nobody_knows_whether_the_ledger_agrees() -> None:
    health = judge(replace(FINE, reconcile=None))

    assert (health.score, health.unknown) == (60, ("RECONCILE_AGE",))
    assert [loss.code for loss in health.losses] == ["RECONCILE_AGE"]


def test_an_error_ratio_that_is_not_known_yet_takes_nothing() -> None:
    assert judge(replace(FINE, error_ratio=None)).score == 100


def test_worse_is_never_better() -> None:
    scores = [judge(replace(FINE, price_age_s=age / 2)).score for age in range(60)]

    assert scores == sorted(scores, reverse=True)
