"""Impossible prices and candles are never believed; a far jump is, once it stays."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.market import Candle
from trading.market.plausible import (
    CANDLE_JUMP,
    CANDLE_MISPLACED,
    CANDLE_SHAPE,
    CONFIRMED_AFTER_MS,
    CROSSED,
    JUMP,
    ZERO_PRICE,
    PriceGuard,
    candle_refusal,
)

MINUTE = 60_000
GOOD = Candle("BTCUSDT", "1m", 10 * MINUTE, 100.0, 110.0, 90.0, 105.0, 3.0)


def told(guard: PriceGuard, price: float, at_ms: int) -> str | None:
    return guard.refusal("BTCUSDT", bid=f"{price:.4f}", ask=f"{price * 1.0001:.4f}", now_ms=at_ms)


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [("0", "1", ZERO_PRICE), ("1", "0.0", ZERO_PRICE), ("2", "1", CROSSED), ("1", "1", None)],
)
def test_an_empty_or_crossed_book_is_refused(bid: str, ask: str, reason: str | None) -> None:
    assert PriceGuard().refusal("BTCUSDT", bid=bid, ask=ask, now_ms=0) == reason


@given(
    price=st.floats(1.0, 1e5),
    factor=st.one_of(st.floats(0.01, 0.66), st.floats(1.51, 50.0)),
    step_ms=st.integers(10, 1000),
)
def test_a_jump_that_stays_is_believed_and_not_at_once(price: float, factor: float, step_ms: int) -> None:
    guard = PriceGuard()
    told(guard, price, 0)
    answers = [
        told(guard, price * factor, moment) for moment in range(1, 2 * CONFIRMED_AFTER_MS + 4000, step_ms)
    ]

    doubted = answers.index(None)
    assert set(answers[:doubted]) == {JUMP}
    assert doubted * step_ms >= CONFIRMED_AFTER_MS
    assert set(answers[doubted:]) == {None}


@given(factors=st.lists(st.one_of(st.floats(0.01, 0.6), st.floats(1.6, 50.0)), min_size=1, max_size=40))
def test_spikes_with_the_old_price_between_are_never_believed(factors: list[float]) -> None:
    guard = PriceGuard()
    told(guard, 1000.0, 0)

    for number, factor in enumerate(factors, start=1):
        assert told(guard, 1000.0 * factor, number * 2000) == JUMP
        assert told(guard, 1000.0, number * 2000 + 1000) is None


@given(moves=st.lists(st.floats(0.7, 1.4), max_size=60))
def test_a_market_that_moves_in_steps_is_always_believed(moves: list[float]) -> None:
    guard, price = PriceGuard(), 1e6
    for number, move in enumerate(moves):
        price = max(price * move, 1.0)
        assert told(guard, price, number) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"high": 80.0}, CANDLE_SHAPE),
        ({"close": 111.0}, CANDLE_SHAPE),
        ({"open": 89.0}, CANDLE_SHAPE),
        ({"volume": -1.0}, CANDLE_SHAPE),
        ({"low": 0.0}, CANDLE_SHAPE),
        ({"close": math.nan}, CANDLE_SHAPE),
        ({"open_ms": 10 * MINUTE + 1}, CANDLE_MISPLACED),
        ({"open_ms": 12 * MINUTE}, CANDLE_MISPLACED),
        ({"open": 205.0, "high": 210.0, "close": 205.0}, CANDLE_JUMP),
    ],
)
def test_a_candle_that_cannot_be_is_refused(change: dict[str, float], reason: str | None) -> None:
    candle = replace(GOOD, **change)  # type: ignore[arg-type]  # names and numbers of one dataclass

    assert candle_refusal(candle, last_close=100.0, now_ms=11 * MINUTE) == reason
