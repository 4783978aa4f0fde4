"""The candle market: stored candles come out exactly, on one timeline, and bad files are named by line."""

from __future__ import annotations

import asyncio
import gzip
import time
from decimal import Decimal
from pathlib import Path

import pytest

from trading.paper.catalogue import default_catalogue
from trading.paper.market_data import MarketData
from trading.paper.market_sink import Levels, MarketDataError
from trading.paper.markets.candle_files import StoredCandle, find_files, read_candles
from trading.paper.markets.candles import CandleMarket, open_candle_market, path_of

START = 1_617_321_600_000
SHARED = Path(__file__).parents[5] / "shared" / "data" / "candles"
HEADER = "open_time,open,high,low,close,volume"


def wall() -> int:
    return time.time_ns() // 1_000_000


class Recorder:
    """A sink that keeps trades and the latest book by symbol."""

    def __init__(self) -> None:
        self.trades: dict[str, list[tuple[Decimal, Decimal]]] = {}
        self.books: dict[str, tuple[Levels, Levels]] = {}

    def book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        self.books[symbol] = (bids, asks)

    def trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int) -> None:
        bids, asks = self.books[symbol]
        assert price == (bids if buyer_is_maker else asks)[0][0]
        self.trades.setdefault(symbol, []).append((price, qty))


def write(folder: Path, symbol: str, lines: list[str], *, interval: str = "1m") -> Path:
    path = folder / f"{symbol}-{interval}-20210402-20210403.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *lines, ""]).encode()))
    return path


def rows(count: int, *, first: int = 100, skip: int | None = None) -> list[str]:
    return [
        f"{START + n * 60_000},{first + n},{first + n + 2}.5,{first + n - 1},{first + n + 1},12.345"
        for n in range(count)
        if n != skip
    ]


async def test_stored_candles_come_out_exactly(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", rows(9))
    write(tmp_path, "ETHUSDT", rows(9, first=50))
    catalogue = default_catalogue(["BTCUSDT", "ETHUSDT"])
    start = "2021-04-02T00:07:00"
    market = open_candle_market(catalogue, folder=tmp_path, clock=wall, speed=600, start=start)
    sink = Recorder()

    await asyncio.wait_for(market.run(sink), 5)

    for symbol, first in (("BTCUSDT", 100), ("ETHUSDT", 50)):
        played = sink.trades[symbol]
        for n, part in ((7, played[:4]), (8, played[4:])):
            prices = [price for price, _ in part]
            assert prices == [first + n, first + n - 1, first + n + Decimal("2.5"), first + n + 1]
            assert sum(qty for _, qty in part) == Decimal("12.345")


def test_history_has_the_played_density_and_ends_where_play_begins(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", rows(90))
    catalogue = default_catalogue(["BTCUSDT"])
    data = MarketData(catalogue=catalogue, clock=lambda: 0)

    market = open_candle_market(catalogue, folder=tmp_path, clock=lambda: START + 123, speed=60)
    data.warm("BTCUSDT", market.warm_klines("BTCUSDT"))

    kept = data.query("klines", {"symbol": "BTCUSDT", "interval": "1s", "limit": 1000})
    assert [row[0] for row in kept] == [START + 1000 * n for n in range(-29, 2)]  # the last one is open
    assert [Decimal(text) for text in kept[0][1:6]] == [100, Decimal("102.5"), 99, 101, Decimal("12.345")]


@pytest.mark.parametrize(("close", "second", "third"), [("103", "99", "105"), ("99.5", "105", "99")])
def test_path_dips_first_when_rising_and_peaks_first_when_falling(
    close: str, second: str, third: str
) -> None:
    candle = StoredCandle(0, *(Decimal(text) for text in ("100", "105", "99", close, "7.7")))

    path = path_of(candle, count=12, tick=Decimal("0.01"), step=Decimal("0.001"))

    prices = [point.price for point in path]
    assert 0 < prices.index(Decimal(second)) < prices.index(Decimal(third)) < len(prices)
    assert (prices[0], prices[-1]) == (candle.open, candle.close)
    assert (max(prices), min(prices)) == (candle.high, candle.low)
    assert sum(point.qty for point in path) == candle.volume


def test_symbol_with_a_gap_stays_on_the_common_timeline(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", rows(6))
    write(tmp_path, "ETHUSDT", rows(6, skip=4))
    catalogue = default_catalogue(["BTCUSDT", "ETHUSDT"])

    market = open_candle_market(catalogue, folder=tmp_path, clock=wall, speed=60)

    both = ["BTCUSDT", "ETHUSDT"]
    groups = [[symbol for symbol, _ in group] for group in market._timeline()]
    assert groups == [both, both, both, ["BTCUSDT"], both]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1617321660000,1,2,3", "4 columns"),
        ("1617321660000,1,x,1,1,1", "not a row of numbers"),
        ("1617321660000,5,4,3,4,1", "outside low..high"),
        ("1617321660000,1,1,1,1,-1", "negative volume"),
        ("1617321600000,1,1,1,1,1", "does not ascend"),
    ],
)
def test_wrong_row_is_named_with_file_and_line(tmp_path: Path, line: str, complaint: str) -> None:
    write(tmp_path, "BTCUSDT", [*rows(1), line])
    files = find_files(tmp_path, ["BTCUSDT"])["BTCUSDT"]

    with pytest.raises(MarketDataError, match=rf"^BTCUSDT-1m-20210402-20210403.csv.gz:3: .*{complaint}"):
        list(read_candles(files))


def test_damaged_or_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path, "BTCUSDT", rows(50))
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(MarketDataError, match=r"BTCUSDT.*cannot be read"):
        list(read_candles(find_files(tmp_path, None)["BTCUSDT"]))
    with pytest.raises(MarketDataError, match="no candle file for ETHUSDT"):
        find_files(tmp_path, ["ETHUSDT"])


def test_odd_speed_is_warmed_by_seconds(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", rows(30))
    catalogue = default_catalogue(["BTCUSDT"])

    market = open_candle_market(catalogue, folder=tmp_path, clock=wall, speed=7)

    history = market.warm_klines("BTCUSDT")
    assert {row[1] for row in history} == {1000}
    assert len(history) == 10 * 8


@pytest.mark.skipif(not SHARED.is_dir(), reason="the stored candles are not on this machine")
def test_real_files_open_at_a_chosen_date() -> None:
    catalogue = default_catalogue(["SOLUSDT", "BNBUSDT"])
    files = find_files(SHARED, ["SOLUSDT", "BNBUSDT"])

    market = CandleMarket(catalogue, files=files, clock=wall, speed=60, start="2021-04-04")

    group = next(iter(market._timeline()))
    assert [(symbol, candle.open_ms) for symbol, candle in group] == [
        ("SOLUSDT", market.start_ms),
        ("BNBUSDT", market.start_ms),
    ]
    assert len(market.warm_klines("SOLUSDT")) > 2000
