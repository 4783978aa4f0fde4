"""Faults of market data, seen by who listens: wrong prices, broken candles, depth, bursts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from binance.client import Client

from tests.contract.paper.sockets import arm, disarm, fired, hear, listening
from tests.support.paper_venue import PaperServer, now_ms, wait_until

TICKER = "btcusdt@bookTicker"
SECONDS = "btcusdt@kline_1s"
ETHER = "ethusdt@kline_1s"  # for what arrives late: perhaps in the next test
DEPTH = "btcusdt@depth@100ms"


async def the_next(
    socket: ClientWebSocketResponse, is_meant: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Give the data of the next message that is meant."""
    async with asyncio.timeout(8):
        while True:
            data: dict[str, Any] = (await hear(socket))["data"]
            if is_meant(data):
                return data


async def closes(socket: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """Give the next candles that close."""
    return [(await the_next(socket, lambda data: data["k"]["x"]))["k"] for _ in range(count)]


def is_crossed(ticker: dict[str, Any]) -> bool:
    return Decimal(ticker["b"]) > Decimal(ticker["a"])


async def test_fault_56_crosses_frames_and_not_the_book(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, "wrong-prices", count=2, mode="crossed")

        for _ in range(2):
            await the_next(socket, is_crossed)
        await the_next(socket, lambda ticker: not is_crossed(ticker))
    client = venue.client()
    book = await asyncio.to_thread(client.get_orderbook_ticker, symbol="BTCUSDT")
    assert Decimal(book["bidPrice"]) < Decimal(book["askPrice"])


@pytest.mark.parametrize(("mode", "price", "qty"), [("zero-bid", "b", "B"), ("zero-ask", "a", "A")])
async def test_fault_56_tells_an_empty_side(venue: PaperServer, *, mode: str, price: str, qty: str) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, 56, mode=mode)

        ticker = await the_next(socket, lambda ticker: Decimal(ticker[price]) == 0)

    assert ticker[qty] == "0.00000000"


@pytest.mark.parametrize("percent", [50, -50])
async def test_fault_56_spikes_in_frames(venue: PaperServer, percent: int) -> None:
    async with listening(venue, TICKER) as socket:
        sane = Decimal((await hear(socket))["data"]["b"])
        await arm(venue, 56, mode="spike", percent=percent)

        spike = await the_next(socket, lambda ticker: abs(Decimal(ticker["b"]) / sane - 1) > Decimal("0.4"))
        await the_next(socket, lambda ticker: abs(Decimal(ticker["b"]) / sane - 1) < Decimal("0.1"))

    assert round(Decimal(spike["a"]) / sane, 1) == 1 + Decimal(percent) / 100


async def test_fault_56_lets_everything_be_late(venue: PaperServer) -> None:
    async with listening(venue, ETHER) as socket:
        await hear(socket)
        await arm(venue, 56, count=None, mode="late", delay_s=1.2, symbol="ETHUSDT")

        late = await the_next(socket, lambda data: now_ms() - data["E"] >= 1200)

    assert now_ms() - late["E"] < 3000


def test_fault_56_spikes_the_real_book_and_lets_go(venue: PaperServer, client: Client) -> None:
    def bid() -> Decimal:
        return Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["bidPrice"])

    wait_until(lambda: bid() > 0)
    sane = bid()
    venue.arm(56, count=None, mode="book", percent=-50, symbol="BTCUSDT", spike_s=0.3)

    sold = client.order_market_sell(symbol="BTCUSDT", quantity="0.001")

    assert Decimal(sold["fills"][0]["price"]) < sane * Decimal("0.6")
    wait_until(lambda: bid() > sane * Decimal("0.9"))


async def test_fault_57_loses_a_close_that_rest_still_knows(venue: PaperServer) -> None:
    async with listening(venue, SECONDS) as socket:
        [before] = await closes(socket, 1)
        await arm(venue, "broken-klines", mode="missing")
        [after] = await closes(socket, 1)

    client = venue.client()
    rows = await asyncio.to_thread(client.get_klines, symbol="BTCUSDT", interval="1s", limit=10)
    lost = range(before["t"] + 1000, after["t"], 1000)
    assert len(lost) == 1
    assert set(lost) <= {row[0] for row in rows}


async def test_fault_57_may_lose_it_everywhere_until_cleared(venue: PaperServer) -> None:
    client = venue.client()

    def known() -> set[int]:
        return {row[0] for row in client.get_klines(symbol="BTCUSDT", interval="1s", limit=10)}

    async with listening(venue, SECONDS) as socket:
        [before] = await closes(socket, 1)
        await arm(venue, 57, mode="missing", in_rest=True)
        [after] = await closes(socket, 1)
    lost = before["t"] + 1000

    assert after["t"] == lost + 1000
    assert lost not in await asyncio.to_thread(known)
    await disarm(venue)
    assert lost in await asyncio.to_thread(known)


async def test_fault_57_repeats_a_close_with_another_price(venue: PaperServer) -> None:
    async with listening(venue, SECONDS) as socket:
        await arm(venue, 57, count=None, mode="repeated")
        candles = await closes(socket, 5)

    moments = [candle["t"] for candle in candles]
    assert len(set(moments)) < len(moments)
    assert all(candle["l"] <= candle["c"] <= candle["h"] for candle in candles)


async def test_fault_57_closes_late(venue: PaperServer) -> None:
    async with listening(venue, ETHER) as socket:
        await hear(socket)
        await arm(venue, 57, mode="late", delay_s=1.5, symbol="ETHUSDT")
        await the_next(socket, lambda data: data["k"]["x"] and now_ms() - data["k"]["T"] >= 1500)

    assert await fired(venue, "broken-klines") >= 1


async def test_fault_57_tells_of_no_trade(venue: PaperServer) -> None:
    async with listening(venue, SECONDS) as socket:
        await arm(venue, 57, mode="zero-volume")
        still = await the_next(socket, lambda data: data["k"]["x"] and data["k"]["n"] == 0)

    candle = still["k"]
    assert (candle["v"], candle["q"]) == ("0.00000000", "0.00000000")
    assert candle["o"] == candle["h"] == candle["l"] == candle["c"]


async def reports(socket: ClientWebSocketResponse, count: int) -> list[tuple[int, int]]:
    """Give U and u of depth reports."""
    datas = [(await hear(socket))["data"] for _ in range(count)]
    return [(data["U"], data["u"]) for data in datas]


async def test_fault_54_leaves_a_gap_in_the_depth(venue: PaperServer) -> None:
    async with listening(venue, DEPTH) as socket:
        told = await reports(socket, 1)
        await arm(venue, "depth-disorder", mode="gap")
        told += await reports(socket, 6)

    steps = [later[0] - former[1] for former, later in pairwise(told)]
    assert min(steps) == 1
    assert max(steps) > 1


async def test_fault_54_tells_depth_twice(venue: PaperServer) -> None:
    async with listening(venue, DEPTH) as socket:
        await arm(venue, 54, count=None, mode="duplicate")
        await reports(socket, 1)
        told = await reports(socket, 4)

    assert len(set(told)) < len(told)


async def test_fault_54_tells_depth_out_of_order(venue: PaperServer) -> None:
    async with listening(venue, DEPTH) as socket:
        await reports(socket, 1)
        await arm(venue, 54, mode="out-of-order")
        told = await reports(socket, 6)

    assert told != sorted(told)


def test_fault_54_gives_a_snapshot_of_long_ago(venue: PaperServer, client: Client) -> None:
    wait_until(lambda: client.get_order_book(symbol="BTCUSDT")["lastUpdateId"] > 5)
    venue.arm(54, mode="stale-snapshot", behind=3)

    stale = client.get_order_book(symbol="BTCUSDT")["lastUpdateId"]
    fresh = client.get_order_book(symbol="BTCUSDT")["lastUpdateId"]

    assert stale <= fresh - 3


async def test_fault_55_pours_tickers_for_a_while(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, "ticker-burst", count=None, per_s=2000, duration_s=0.5)
        for _ in range(520):  # the market's own tickers are among them
            await hear(socket)

    poured = await fired(venue, "ticker-burst")
    assert 500 <= poured <= 1100
    await asyncio.to_thread(wait_until, lambda: venue.paper("faults")["armed"] == [])


async def test_fault_77_brings_back_an_old_ticker(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, "stale-ticks", age_s=0.5)
        ids = [(await hear(socket))["data"]["u"]]
        async with asyncio.timeout(8):
            while ids[-1] >= max(ids):
                ids.append((await hear(socket))["data"]["u"])

    assert ids[:-1] == sorted(ids[:-1])
