"""The walk of the whole loop: it learns from the past alone, asks what was proven, and bars who loses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bench.promotion import a_market
from intelligence.backtest import CostModel, Market, Plan, join
from intelligence.bar_walk import Barrier
from intelligence.candle_files import between
from intelligence.evaluation import BLACKLISTED, Walk, walk
from intelligence.plans import plan_of_strategy
from intelligence.screening import ABNORMAL_MOVE, CANDLE_GAPS, LOSES
from intelligence.trade_kernel import ROUND_TRIP, TripArray
from tests.support import markets

DAY_S = 86_400


def a_plan() -> Plan:
    return plan_of_strategy("CAPITULATION", interval_s=900, costs=CostModel())


def cut(market: Market, day: int) -> Market:
    until = datetime.fromtimestamp(int(market.arrays.open_s[0]) + day * DAY_S, tz=UTC)
    return join([between(each, since=None, until=until) for each in market.histories])


@pytest.fixture(scope="module")
def hinted() -> Market:
    return a_market(3, kind="hinted")


@pytest.fixture(scope="module")
def walked(hinted: Market) -> Walk:
    return walk(a_plan(), hinted)


def test_model_is_trained_proven_and_then_asked(hinted: Market, walked: Walk) -> None:
    begun = next(each for each in walked.models if each.is_asked)
    trips = walked.outcome.trips
    late = trips["entry_s"] > begun.at.timestamp()
    bps = trips["pnl"] / (trips["qty"] * trips["entry_price"]) * 1e4

    assert begun.judgement is not None
    assert begun.judgement.is_proven
    assert bps[late].mean() > 50.0 > bps[~late].mean()
    assert late.sum() >= 20


def test_later_candles_change_nothing_that_was_done_before(hinted: Market, walked: Walk) -> None:
    early = walk(a_plan(), cut(hinted, 200))

    end_s = int(hinted.arrays.open_s[0]) + 199 * DAY_S
    parts = [each.outcome.trips[each.outcome.trips["exit_s"] < end_s] for each in (walked, early)]
    for column in ("entry_s", "exit_s", "pnl", "qty"):
        np.testing.assert_array_equal(parts[0][column], parts[1][column])
    assert [each for each in walked.models if each.at.timestamp() < end_s] == list(early.models)
    assert [each for each in walked.bars if each.since.timestamp() < end_s] == [
        each for each in early.bars if each.since.timestamp() < end_s
    ]


def test_wild_hours_and_missing_candles_bar_a_symbol_for_a_day() -> None:
    calm = markets.walk(3_000, seed=1, size=3e-4)
    wild = replace(calm, high=calm.high.copy())
    wild.high[1_500] *= 1.2
    holed = calm.open_ms + np.where(np.arange(3_000) >= 1_000, 3_600_000, 0)

    barrier = Barrier(
        join(
            [
                markets.history(calm, "AUSDT"),
                markets.history(replace(calm, open_ms=holed), "BUSDT"),
                markets.history(wild, "CUSDT"),
            ]
        )
    )

    told = {each.finding.symbol: each for each in barrier.bars}
    assert {name: each.finding.reason for name, each in told.items()} == {
        "BUSDT": CANDLE_GAPS,
        "CUSDT": ABNORMAL_MOVE,
    }
    begin_s = int(calm.open_ms[0]) // 1000
    since_s = int(told["CUSDT"].since.timestamp())
    assert begin_s + 1_501 * 60 <= since_s < begin_s + 1_501 * 60 + 3_600
    asked = np.array([since_s - 60, since_s, since_s + DAY_S - 60, since_s + DAY_S])
    assert barrier.is_free(np.full(4, 2), asked).tolist() == [True, False, False, True]


def losing_trips(symbols: int, *, each: int, begin_s: int) -> TripArray:
    """Trades that gain a little on all symbols but the last, which loses each time."""
    trips = np.zeros(symbols * each, ROUND_TRIP)
    place = np.arange(symbols * each)
    trips["symbol"] = place % symbols
    trips["exit_s"] = begin_s + (place + 1) * 3_600
    trips["qty"], trips["entry_price"] = 1.0, 100.0
    luck = np.random.default_rng(1).normal(0.0, 1.0, symbols * each)
    trips["pnl"] = np.where(trips["symbol"] == symbols - 1, -2.0, 0.5) + luck
    return trips


def test_symbol_that_loses_is_barred_and_barred_for_longer_the_second_time() -> None:
    market = join(
        [markets.history(markets.walk(50, seed=seed), f"{name}USDT") for seed, name in enumerate("ABC")]
    )
    begin_s = int(market.arrays.open_s[0])
    trips, barrier = losing_trips(3, each=400, begin_s=begin_s), Barrier(market)

    for day in range(60):
        barrier.look(trips, begin_s + day * DAY_S)

    found = [each for each in barrier.bars if each.finding.reason == LOSES]
    assert {each.finding.symbol for each in found} == {"CUSDT"}
    assert [(each.until - each.since).days for each in found[:2]] == [7, 14]
    assert found[1].since >= found[0].until


def test_signals_of_barred_symbols_are_counted_and_not_traded(walked: Walk) -> None:
    outcome = walked.outcome
    for bar in walked.bars:
        number = ("AUSDT", "BUSDT", "CUSDT").index(bar.finding.symbol)
        entry_s = outcome.trips["entry_s"][outcome.trips["symbol"] == number]
        assert not ((entry_s >= bar.since.timestamp()) & (entry_s < bar.until.timestamp())).any()
    assert outcome.signals == len(outcome.trips) + sum(outcome.denied.values())
    assert outcome.denied[BLACKLISTED] > 0
