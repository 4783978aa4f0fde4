"""The synthetic market: reproducible by seed, warm at once, lively, and going on after a restart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from trading.paper.catalogue import Catalogue, default_catalogue
from trading.paper.market_data import MarketData
from trading.paper.market_sink import Levels
from trading.paper.markets.synthetic import SyntheticMarket

NOW = 1_704_067_200_123
SYMBOLS = ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "NEWUSDT"]


class Recorder:
    """A sink that keeps what it was told."""

    def __init__(self) -> None:
        self.books: list[tuple[str, Levels, Levels]] = []
        self.trades: list[tuple[str, Decimal, Decimal]] = []

    def book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        self.books.append((symbol, bids, asks))

    def trade(self, symbol: str, *, price: Decimal, qty: Decimal, **rest: Any) -> None:
        self.trades.append((symbol, price, qty))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return default_catalogue(SYMBOLS)


def play(catalogue: Catalogue, *, seed: int, steps: int, market: SyntheticMarket | None = None) -> Recorder:
    playing = market or SyntheticMarket(catalogue, symbols=SYMBOLS, clock=lambda: NOW, seed=seed)
    sink = Recorder()
    for _ in range(steps):
        playing.step(sink)
    return sink


def test_same_seed_gives_the_same_market(catalogue: Catalogue) -> None:
    first, second = play(catalogue, seed=3, steps=50), play(catalogue, seed=3, steps=50)
    other = play(catalogue, seed=4, steps=50)

    assert first.books == second.books
    assert first.trades == second.trades
    assert first.trades != other.trades


def test_books_keep_the_symbols_steps_and_never_cross(catalogue: Catalogue) -> None:
    for symbol, bids, asks in play(catalogue, seed=1, steps=40).books:
        spec = catalogue[symbol]
        prices = [price for price, _ in bids] + [price for price, _ in asks]
        assert bids[0][0] < asks[0][0]
        assert [price for price, _ in bids] == sorted((price for price, _ in bids), reverse=True)
        assert all(price % spec.tick_size == 0 for price in prices)
        assert all(qty > 0 and qty % spec.step_size == 0 for _, qty in (*bids, *asks))
        assert len(asks) == 20


def test_liquid_symbols_trade_several_times_a_second(catalogue: Catalogue) -> None:
    trades = play(catalogue, seed=1, steps=300).trades

    assert sum(symbol == "BTCUSDT" for symbol, _, _ in trades) > 120  # in 60 s
    assert all(qty % catalogue[symbol].step_size == 0 for symbol, _, qty in trades)


def test_prices_return_within_seconds_and_follow_bitcoin(catalogue: Catalogue) -> None:
    market = SyntheticMarket(catalogue, symbols=SYMBOLS[:2], clock=lambda: NOW, seed=5)
    sink, rows = Recorder(), []
    for _ in range(5_000):
        market.step(sink)
        rows.append(np.log(market.mids()))
    path = np.array(rows)
    second, minute = path[5:] - path[:-5], path[300:] - path[:-300]

    ratio = minute.var(axis=0) / (60 * second.var(axis=0))

    assert (ratio < 0.8).all()  # a random walk gives 1
    assert np.corrcoef(minute[:, 0], minute[:, 1])[0, 1] > 0.25


def test_history_is_warm_and_joins_the_first_price(catalogue: Catalogue) -> None:
    market = SyntheticMarket(catalogue, symbols=SYMBOLS, clock=lambda: NOW, seed=1)
    data = MarketData(catalogue=catalogue, clock=lambda: NOW)

    data.warm("ETHUSDT", market.warm_klines("ETHUSDT"))

    seconds = data.query("klines", {"symbol": "ETHUSDT", "interval": "1s", "limit": 1000})
    minutes = data.query("klines", {"symbol": "ETHUSDT", "interval": "1m", "limit": 1000})
    assert len(seconds) >= 600
    assert len(minutes) == 1000
    assert seconds[-2][6] < NOW <= seconds[-1][6]
    assert abs(float(seconds[-1][4]) / float(market.mids()[1]) - 1) < 1e-4


def test_restart_goes_on_from_the_last_price(catalogue: Catalogue) -> None:
    before = SyntheticMarket(catalogue, symbols=SYMBOLS, clock=lambda: NOW, seed=1)
    play(catalogue, seed=1, steps=200, market=before)

    after = SyntheticMarket(catalogue, symbols=SYMBOLS, clock=lambda: NOW, seed=1)
    after.restore(before.snapshot())

    np.testing.assert_allclose(after.mids(), before.mids(), rtol=1e-12)
    assert after.snapshot()["steps"] == 200
