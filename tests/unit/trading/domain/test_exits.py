"""Leaving a position: each rule alone, and the worst order when several hit in one candle."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import an_instrument
from trading.domain.entries import EntryTerms, exit_prices
from trading.domain.exits import (
    MAX_HOLD,
    NONE,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING,
    ExitCode,
    ExitLevels,
    ExitTerms,
    PriceRange,
    exit_levels,
    exit_step,
    tick_down,
    tick_up,
)

LEVELS = ExitLevels(take_profit=101.0, stop=99.5, trailing_bps=0.0, max_hold_s=600.0, ticks_per_unit=100.0)
TRAIL = ExitLevels(take_profit=150.0, stop=99.7, trailing_bps=30.0, max_hold_s=600.0, ticks_per_unit=100.0)


@pytest.mark.parametrize(
    ("levels", "highest", "prices", "held_s", "code", "price"),
    [
        (LEVELS, 100.0, (100, 100.5, 99.9, 100.2), 60, NONE, 0.0),
        (LEVELS, 100.0, (100, 101.2, 99.9, 101.1), 60, TAKE_PROFIT, 101.0),
        (LEVELS, 100.0, (100, 100.1, 99.4, 99.6), 60, STOP_LOSS, 99.5),
        (LEVELS, 100.0, (100, 101.5, 99.4, 101.5), 60, STOP_LOSS, 99.5),  # both: the stop first
        (LEVELS, 100.0, (98.0, 98.5, 97.0, 98.1), 60, STOP_LOSS, 98.0),  # opened below the stop
        (LEVELS, 100.0, (102.0, 103.0, 101.9, 102.5), 60, TAKE_PROFIT, 101.0),
        (LEVELS, 100.0, (100, 100.5, 99.9, 100.2), 600, MAX_HOLD, 100.2),
        (LEVELS._replace(max_hold_s=0.0), 100.0, (100, 100.5, 99.9, 100.2), 9e9, NONE, 0.0),
        (TRAIL, 110.0, (110, 110, 109.6, 109.7), 60, TRAILING, 109.67),
        (TRAIL, 100.0, (100, 100.1, 99.4, 99.6), 60, TRAILING, 99.7),
        (TRAIL, 100.0, (100, 105.0, 99.9, 104.0), 60, TRAILING, 104.68),
        (TRAIL, 100.0, (100, 105.0, 99.9, 104.9), 60, NONE, 0.0),
    ],
)
def test_step_ends_the_position_where_the_rule_says(
    levels: ExitLevels, highest: float, prices: tuple[float, ...], held_s: float, code: int, price: float
) -> None:
    step = exit_step(levels, highest, PriceRange(*prices), held_s)

    assert step.code == code
    assert step.price == pytest.approx(price)
    assert step.highest_price == max(highest, prices[1])
    assert ExitCode(step.code).value == code


def test_last_price_alone_is_a_step() -> None:
    assert exit_step(LEVELS, 100.0, PriceRange(99.5, 99.5, 99.5, 99.5), 1.0).code == STOP_LOSS


@given(
    st.decimals("0.001", "90000", places=3),
    st.integers(5, 5_000),
    st.integers(10, 5_000),
    st.integers(0, 2_000),
    st.integers(0, 3),
)
def test_levels_are_to_the_tick_those_that_live_orders_get(
    ask: Decimal, target: int, stop: int, trailing: int, decimals: int
) -> None:
    instrument = replace(an_instrument(), tick_size=Decimal(10) ** -decimals, trailing_allowed=True)
    trailing = min(trailing, stop)
    terms = EntryTerms(Decimal(100), 10, target, stop, trailing, Decimal(0))

    live = exit_prices(ask, terms, instrument)
    levels = exit_levels(ExitTerms(target, stop, trailing, 0.0), float(ask), 10.0**decimals)

    assert levels.take_profit == float(live.take_profit)
    assert levels.stop == float(live.stop)


@given(st.integers(1, 10**9), st.integers(0, 8))
def test_a_price_on_the_tick_stays_where_it_is(ticks: int, decimals: int) -> None:
    price, per_unit = float(Decimal(ticks).scaleb(-decimals)), 10.0**decimals

    assert tick_up(price, per_unit) == price == tick_down(price, per_unit)


@given(
    st.floats(1, 500),
    st.floats(1, 500),
    st.floats(0, 500),
    st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=20),
)
def test_position_never_loses_more_than_stop_or_gap(
    target: float, stop: float, trailing: float, moves: list[float]
) -> None:
    levels = exit_levels(ExitTerms(target, stop, min(trailing, stop), 0.0), 100.0, 1e8)
    highest, price = 100.0, 100.0
    for move in moves:
        opened, price = price, price * (1 + move)
        prices = PriceRange(opened, max(opened, price), min(opened, price), price)
        step = exit_step(levels, highest, prices, 1.0)
        if step.code != NONE:
            assert prices.low <= step.price <= prices.high + 1e-7
            assert step.price >= 100.0 * (1 - stop / 1e4) - 1e-7
            return
        highest = step.highest_price
    assert price > levels.stop
