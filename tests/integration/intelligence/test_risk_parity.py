"""Sizes by risk: the live services and the back-tester cut the same trades by the same part."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from intelligence import parity
from intelligence.backtest import CostModel, Market, Plan, join, run
from intelligence.plans import plan_of_strategy
from tests.support.markets import history, walk
from trading.replay.stage import private_database

ROWS = 230
LOOSE = {
    "reward_bps": 20,
    "z_entry": 1.2,
    "z_length": 10,
    "rsi_entry": 60,
    "trend_length": 20,
    "volume_ratio": 20,
    "trend_fall_bps": 2000,
}


def a_wild_market() -> Market:
    """Three symbols: the first two move alike, all far, with two hours of downtime in the third."""
    first, other = walk(ROWS, seed=1, size=9e-3), walk(ROWS, seed=3, size=9e-3)
    hole = np.where(np.arange(ROWS) >= 150, 7_200_000, 0)
    third = replace(other, open_ms=other.open_ms + hole)
    return join(
        [history(first, "AAAUSDT"), history(first, "BBBUSDT"), history(third, "CCCUSDT")],
    )


def a_plan(*, full_size_risk: int, max_risk: int) -> Plan:
    plan = plan_of_strategy("DIP_REVERSION", interval_s=60, costs=CostModel(), changes=LOOSE)
    terms = plan.terms._replace(max_hold_s=1800.0)
    return replace(
        plan,
        terms=terms,
        wallet=plan.wallet._replace(full_size_risk=full_size_risk, max_risk=max_risk, max_spread=20e-4),
    )


@pytest.mark.django_db
def test_live_and_back_test_cut_and_refuse_the_same_trades() -> None:
    plan, market = a_plan(full_size_risk=22, max_risk=30), a_wild_market()
    outcome = run(plan, market)
    tested = parity.tested_trades(market, outcome)
    with private_database():
        replayed = parity.replay(plan, market)

    assert outcome.denied["RISK_TOO_HIGH"] > 0
    sizes = {round(each.qty * each.entry_price / Decimal(10)) for each in tested}
    assert min(sizes) < 60  # of 100 units
    assert max(sizes) > 80
    assert parity.differences(tested, replayed) == []
    assert len(tested) >= 7


def test_a_plan_that_cuts_nothing_trades_as_it_did_before_there_was_a_score() -> None:
    plan, market = a_plan(full_size_risk=100, max_risk=100), a_wild_market()

    trips = run(plan, market).trips

    assert len(trips) > 0
    assert np.all(trips["qty"] * trips["entry_price"] > 990.0)
