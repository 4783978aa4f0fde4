"""Public market data: what streams say, what requests answer, and how bad requests are refused."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from trading.paper.catalogue import default_catalogue
from trading.paper.errors import VenueError
from trading.paper.market_data import MarketData

NOW = 1_704_067_200_000  # a Monday, 00:00 UTC


class Wall:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def data(wall: Wall) -> MarketData:
    return MarketData(catalogue=default_catalogue(["BTCUSDT", "ETHUSDT"]), clock=wall)


def levels(*rows: tuple[str, str]) -> Sequence[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(qty)) for price, qty in rows]


def trade(data: MarketData, price: str, qty: str = "1", *, at_ms: int = NOW, symbol: str = "BTCUSDT") -> None:
    data.on_trade(symbol, price=Decimal(price), qty=Decimal(qty), buyer_is_maker=False, at_ms=at_ms)


def book(data: MarketData, bid: str, ask: str, *, bid_qty: str = "1") -> None:
    data.on_book("BTCUSDT", bids=levels((bid, bid_qty)), asks=levels((ask, "2")), at_ms=NOW)


def test_book_ticker_speaks_once_for_several_books(data: MarketData) -> None:
    book(data, "100", "101")
    book(data, "100.5", "101")

    messages = data.drain_stream()

    expected = {"u": 2, "s": "BTCUSDT", "b": "100.50000000", "B": "1.00000000"}
    assert messages == [("btcusdt@bookTicker", {**expected, "a": "101.00000000", "A": "2.00000000"})]
    book(data, "100.5", "101")
    assert data.drain_stream() == []


def test_trades_of_one_moment_price_and_side_are_one_aggregate(data: MarketData) -> None:
    trade(data, "100", "1")
    trade(data, "100", "2")
    trade(data, "101", "1")

    messages = data.drain_stream()

    trades = [payload for name, payload in messages if name == "btcusdt@trade"]
    aggregates = [payload for name, payload in messages if name == "btcusdt@aggTrade"]
    assert [row["t"] for row in trades] == [1, 2, 3]
    assert [(row["a"], row["f"], row["l"], row["q"]) for row in aggregates] == [
        (1, 1, 2, "3.00000000"),
        (2, 3, 3, "1.00000000"),
    ]


def test_closed_candle_is_told_at_once_and_only_once(data: MarketData) -> None:
    trade(data, "100")
    data.due_stream(NOW + 900, {"btcusdt@kline_1s"})

    messages = data.due_stream(NOW + 1_000, {"btcusdt@kline_1s"})

    closed = [payload["k"] for _, payload in messages if payload["k"]["x"]]
    assert [(k["t"], k["T"], k["n"], k["c"], k["f"], k["L"]) for k in closed] == [
        (NOW, NOW + 999, 1, "100.00000000", 1, 1)
    ]
    later = data.due_stream(NOW + 1_100, {"btcusdt@kline_1s"})
    assert later == []


def test_only_wanted_streams_are_made(data: MarketData) -> None:
    trade(data, "100")
    book(data, "100", "101")

    names = {name for name, _ in data.drain_stream({"btcusdt@trade"})}
    names |= {name for name, _ in data.due_stream(NOW + 2000, {"btcusdt@miniTicker", "!miniTicker@arr"})}

    assert names == {"btcusdt@trade", "btcusdt@miniTicker", "!miniTicker@arr"}


def test_depth_differences_rebuild_the_book_from_any_snapshot(data: MarketData) -> None:
    wanted = {"btcusdt@depth@100ms"}
    book(data, "100", "101")
    data.due_stream(NOW + 100, wanted)
    book(data, "102", "103")
    snapshot = data.query("depth", {"symbol": "BTCUSDT"})
    book(data, "99", "103", bid_qty="7")

    ((_, diff),) = data.due_stream(NOW + 200, wanted)

    assert diff["U"] <= snapshot["lastUpdateId"] + 1 <= diff["u"] + 1
    bids = {**dict(snapshot["bids"]), **dict(diff["b"])}
    assert {price: qty for price, qty in bids.items() if qty != "0.00000000"} == {"99.00000000": "7.00000000"}


def test_klines_are_arrays_of_twelve_texts_and_numbers(data: MarketData, wall: Wall) -> None:
    trade(data, "100.5", "2")
    wall.now = NOW + 61_000

    rows = data.query("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "1", "startTime": str(NOW)})

    price, volume, quote = "100.50000000", "2.00000000", "201.00000000"
    assert rows == [
        [NOW, price, price, price, price, volume, NOW + 59_999, quote, 1, volume, quote, "0"],
    ]


def test_day_ticker_counts_change_volume_and_ids(data: MarketData, wall: Wall) -> None:
    trade(data, "100")
    trade(data, "110", at_ms=NOW + 120_000)
    book(data, "109", "110")
    wall.now = NOW + 120_500

    row = data.query("ticker.24hr", {"symbol": "BTCUSDT"})

    assert (row["priceChange"], row["priceChangePercent"]) == ("10.00000000", "10.000")
    assert (row["weightedAvgPrice"], row["volume"]) == ("105.00000000", "2.00000000")
    assert (row["firstId"], row["lastId"], row["count"], row["bidPrice"]) == (1, 2, 2, "109.00000000")


def test_tickers_answer_one_symbol_as_object_and_many_as_list(data: MarketData) -> None:
    trade(data, "100")

    one = data.query("ticker.price", {"symbol": "BTCUSDT"})
    many = data.query("ticker.price", {"symbols": '["BTCUSDT","ETHUSDT"]'})

    assert one == {"symbol": "BTCUSDT", "price": "100.00000000"}
    assert [row["symbol"] for row in many] == ["BTCUSDT", "ETHUSDT"]
    assert len(data.query("ticker.book", {})) == 2


def test_recent_trades_and_average_price_are_exact(data: MarketData) -> None:
    trade(data, "100", "1")
    trade(data, "103", "2")

    assert data.query("trades.recent", {"symbol": "BTCUSDT", "limit": 1})[0]["quoteQty"] == "206.00000000"
    assert data.query("trades.historical", {"symbol": "BTCUSDT", "fromId": "1"})[0]["id"] == 1
    assert data.query("avgPrice", {"symbol": "BTCUSDT"})["price"] == "102.00000000"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"symbol": "NOPE", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("depth", {"symbol": "BTCUSDT", "limit": "ten"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("ticker.24hr", {"symbol": "BTCUSDT", "type": "TINY"}, -1130),
        ("ticker.24hr", {"symbol": "BTCUSDT", "symbols": '["ETHUSDT"]'}, -1128),
        ("ticker.24hr", {"symbol": "BTCUSDT", "symbolStatus": "HALT"}, -1220),
        ("ticker", {}, -1102),
        ("ticker", {"symbol": "BTCUSDT", "windowSize": "60m"}, -1130),
        ("ticker.price", {"symbols": "BTCUSDT"}, -1100),
        ("ticker.price", {"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ("trades.aggregate", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
    ],
)
def test_bad_request_is_refused_in_the_venues_code(
    data: MarketData, method: str, params: dict[str, Any], code: int
) -> None:
    with pytest.raises(VenueError) as refusal:
        data.query(method, params)

    assert refusal.value.code == code
