"""Leaving a position: each rule alone, and the worst order when several hit in one candle."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.exits import (
    MAX_HOLD,
    NONE,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING,
    ExitCode,
    ExitPolicy,
    ExitTerms,
    PriceRange,
    exit_step,
)

TERMS = ExitTerms(take_profit_bps=100.0, stop_loss_bps=50.0, trailing_bps=0.0, max_hold_s=600.0)
TRAIL = TERMS._replace(take_profit_bps=0.0, trailing_bps=30.0)


@pytest.mark.parametrize(
    ("terms", "highest", "prices", "held_s", "code", "price"),
    [
        (TERMS, 100.0, (100, 100.5, 99.9, 100.2), 60, NONE, 0.0),
        (TERMS, 100.0, (100, 101.2, 99.9, 101.1), 60, TAKE_PROFIT, 101.0),
        (TERMS, 100.0, (100, 100.1, 99.4, 99.6), 60, STOP_LOSS, 99.5),
        (TERMS, 100.0, (100, 101.5, 99.4, 101.5), 60, STOP_LOSS, 99.5),  # both: the stop first
        (TERMS, 100.0, (98.0, 98.5, 97.0, 98.1), 60, STOP_LOSS, 98.0),  # opened below the stop
        (TERMS, 100.0, (102.0, 103.0, 101.9, 102.5), 60, TAKE_PROFIT, 101.0),
        (TERMS, 100.0, (100, 100.5, 99.9, 100.2), 600, MAX_HOLD, 100.2),
        (TERMS._replace(max_hold_s=0.0), 100.0, (100, 100.5, 99.9, 100.2), 9e9, NONE, 0.0),
        (TRAIL, 110.0, (110, 110, 109.6, 109.7), 60, TRAILING, 109.67),
        (TRAIL, 100.0, (100, 100.1, 99.4, 99.6), 60, TRAILING, 99.7),
        (TRAIL, 100.0, (100, 105.0, 99.9, 104.0), 60, TRAILING, 104.685),
        (TRAIL, 100.0, (100, 105.0, 99.9, 104.9), 60, NONE, 0.0),
    ],
)
def test_step_ends_the_position_where_the_rule_says(
    terms: ExitTerms, highest: float, prices: tuple[float, ...], held_s: float, code: int, price: float
) -> None:
    step = exit_step(terms, 100.0, highest, PriceRange(*prices), held_s)

    assert step.code == code
    assert step.price == pytest.approx(price)
    assert step.highest_price == max(highest, prices[1])
    assert ExitCode(step.code).value == code


def test_last_price_alone_is_a_step() -> None:
    assert exit_step(TERMS, 100.0, 100.0, PriceRange(99.5, 99.5, 99.5, 99.5), 1.0).code == STOP_LOSS


@given(
    st.floats(1, 500),
    st.floats(1, 500),
    st.floats(0, 500),
    st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=20),
)
def test_position_never_loses_more_than_stop_or_gap(
    target: float, stop: float, trailing: float, moves: list[float]
) -> None:
    terms, highest, price = ExitTerms(target, stop, trailing, 0.0), 100.0, 100.0
    for move in moves:
        opened, price = price, price * (1 + move)
        prices = PriceRange(opened, max(opened, price), min(opened, price), price)
        step = exit_step(terms, 100.0, highest, prices, 1.0)
        if step.code != NONE:
            assert prices.low <= step.price <= prices.high + 1e-9
            assert step.price >= 100.0 * (1 - stop / 1e4) - 1e-9
            return
        highest = step.highest_price
    assert price > 100.0 * (1 - stop / 1e4)


def test_policy_gives_exact_prices_and_the_same_terms() -> None:
    policy = ExitPolicy(Decimal(80), Decimal(40), trailing_bps=Decimal(25), max_hold_s=900)

    assert policy.take_profit_price(Decimal("0.07")) == Decimal("0.070560")
    assert policy.stop_price(Decimal("0.07")) == Decimal("0.06972")
    assert policy.terms() == ExitTerms(80.0, 40.0, 25.0, 900.0)
    assert ExitPolicy(Decimal(0), Decimal(40), max_hold_s=60).take_profit_price(Decimal(1)) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"stop_loss_bps": Decimal(0)}, "stop_loss_bps must be from 1 to 9000, not 0"),
        ({"take_profit_bps": Decimal(-1)}, "take_profit_bps must be from 0"),
        ({"trailing_bps": Decimal("NaN")}, "trailing_bps"),
        ({"max_hold_s": -5}, "max_hold_s"),
        ({"take_profit_bps": Decimal(0)}, "needs take_profit_bps, trailing_bps or max_hold_s"),
    ],
)
def test_policy_that_cannot_be_kept_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ExitPolicy(**{"take_profit_bps": Decimal(80), "stop_loss_bps": Decimal(40), **change})
