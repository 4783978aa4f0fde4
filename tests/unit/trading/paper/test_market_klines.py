"""Candles folded from trades: exact in every interval, closed on the boundary, never reopened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trading.paper.klines import CAPACITY, INTERVAL_MS, LONG_CAPACITY, KlineStore, end_of, open_of
from trading.paper.market_sink import UNITS, WarmRow

MONDAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1000


def trade(store: KlineStore, at_ms: int, price: int, qty: int = 1, *, taker_buys: bool = True) -> None:
    number = store.since(0)
    store.trade(
        at_ms,
        price=price * UNITS,
        qty=qty * UNITS,
        taker_buys=taker_buys,
        trade_id=1 + (number.trades if number else 0),
    )


def test_trades_fold_into_exact_figures() -> None:
    store = KlineStore()

    for at_ms, price, qty in ((0, 100, 2), (300, 110, 1), (700, 90, 3)):
        trade(store, MONDAY + at_ms, price, qty, taker_buys=price != 90)

    candle = store.open_candle("1m")
    assert candle is not None
    assert [candle.open, candle.high, candle.low, candle.close] == [n * UNITS for n in (100, 110, 90, 90)]
    assert (candle.volume, candle.quote_volume, candle.trades) == (6 * UNITS, 580 * UNITS, 3)
    assert (candle.taker_volume, candle.taker_quote_volume) == (3 * UNITS, 310 * UNITS)


def test_candle_closes_on_its_boundary_without_trades() -> None:
    store = KlineStore()
    trade(store, MONDAY + 500, 100)

    store.roll(MONDAY + 3_000)

    rows = store.select("1s", start_ms=MONDAY, end_ms=None, limit=10)
    assert [(row.open_ms - MONDAY, row.trades) for row in rows] == [(0, 1), (1000, 0), (2000, 0), (3000, 0)]
    assert rows[2].open == rows[2].high == rows[2].low == rows[2].close == 100 * UNITS


def test_late_trade_does_not_reopen_a_closed_candle() -> None:
    store = KlineStore()
    trade(store, MONDAY + 500, 100)
    trade(store, MONDAY + 1_500, 101)

    trade(store, MONDAY + 900, 105)

    first, second = store.select("1s", start_ms=MONDAY, end_ms=None, limit=10)
    assert (first.high, first.trades) == (100 * UNITS, 1)
    assert (second.high, second.trades) == (105 * UNITS, 2)


def test_long_candle_opens_at_its_first_trade_not_at_the_close_before() -> None:
    store = KlineStore()
    trade(store, MONDAY + 500, 100)

    trade(store, MONDAY + 65_000, 120)

    candle = store.select("1m", start_ms=MONDAY + 60_000, end_ms=None, limit=1)[0]
    assert (candle.open, candle.low) == (120 * UNITS, 120 * UNITS)


@pytest.mark.parametrize("interval", list(INTERVAL_MS))
def test_every_interval_holds_the_same_totals(interval: str) -> None:
    store = KlineStore()
    for step in range(40):
        trade(store, MONDAY + step * 700_001, 100 + step % 7)

    rows = store.select(interval, start_ms=None, end_ms=None, limit=100_000)

    assert all(row.end_ms == end_of(interval, row.open_ms) for row in rows)
    assert all(row.open_ms == open_of(interval, row.open_ms) for row in rows)
    if interval != "1s":  # the seconds keep less than the whole time
        assert sum(row.trades for row in rows) == 40
        assert sum(row.volume for row in rows) == 40 * UNITS


def test_weeks_open_on_monday_and_months_on_the_first() -> None:
    moment = int(datetime(2024, 2, 29, 13, tzinfo=UTC).timestamp()) * 1000

    assert open_of("1w", moment) == int(datetime(2024, 2, 26, tzinfo=UTC).timestamp()) * 1000
    assert open_of("1M", moment) == int(datetime(2024, 2, 1, tzinfo=UTC).timestamp()) * 1000
    assert end_of("1M", open_of("1M", moment)) == int(datetime(2024, 3, 1, tzinfo=UTC).timestamp()) * 1000


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    store = KlineStore()
    trade(store, MONDAY, 100)

    for minute in range(0, 181, 30):
        store.roll(MONDAY + minute * 60_000)

    assert store.closed_count("1s") == LONG_CAPACITY
    assert store.closed_count("3m") <= CAPACITY
    rows = store.select("1s", start_ms=None, end_ms=None, limit=5)
    assert rows[-1].open_ms == MONDAY + 3 * 3_600_000


def test_long_silence_is_filled_by_the_minute() -> None:
    store = KlineStore()
    trade(store, MONDAY + 10_000, 100)

    store.roll(MONDAY + 10 * 3_600_000 + 5_500)

    minutes = store.select("1m", start_ms=None, end_ms=None, limit=601)
    assert [row.open_ms for row in minutes] == [MONDAY + n * 60_000 for n in range(601)]
    assert store.select("1s", start_ms=None, end_ms=None, limit=1)[0].open_ms == MONDAY + 36_005_000


def test_history_of_minutes_and_seconds_joins_into_one_row_of_candles() -> None:
    store = KlineStore()
    price = 50 * UNITS
    minute = WarmRow(MONDAY, 60_000, price, price, price, price, 600, 0, 60, 0, 0)
    second = WarmRow(MONDAY, 1000, price, price, price, price, 10, 0, 1, 0, 0)
    minutes = [minute._replace(open_ms=MONDAY + n * 60_000) for n in range(10)]
    seconds = [second._replace(open_ms=MONDAY + 600_000 + n * 1000) for n in range(90)]

    store.seed([*minutes, *seconds])

    rows = store.select("1m", start_ms=None, end_ms=None, limit=100)
    assert [row.volume for row in rows] == [600] * 11 + [300]
    assert store.select("5m", start_ms=MONDAY, end_ms=None, limit=1)[0].trades == 300


def test_select_goes_forward_from_a_start_and_backward_without() -> None:
    store = KlineStore()
    for second in range(10):
        trade(store, MONDAY + second * 1000, 100 + second)

    forward = store.select("1s", start_ms=MONDAY + 2000, end_ms=None, limit=3)
    newest = store.select("1s", start_ms=None, end_ms=MONDAY + 5000, limit=2)

    assert [row.close // UNITS for row in forward] == [102, 103, 104]
    assert [row.close // UNITS for row in newest] == [104, 105]
