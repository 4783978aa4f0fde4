"""Faults of the venue's life: what is gone meanwhile, what is there again afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
from aiohttp import ClientWebSocketResponse
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.contract.paper.sockets import arm, disarm, end_of, fired, is_refused, listening, subscribed
from tests.support.paper_venue import PaperServer, wait_until

TICKER = "btcusdt@bookTicker"


@pytest.fixture
def running_venue() -> Iterator[PaperServer]:
    """A venue of its own for each test: what is forgotten here would be missing elsewhere."""
    with PaperServer() as server:
        yield server


def is_reachable(venue: PaperServer) -> bool:
    try:
        return requests.get(f"{venue.url}/api/v3/ping", timeout=20).status_code == 200
    except requests.ConnectionError:
        return False


async def listen(socket: ClientWebSocketResponse) -> None:
    """Hear what was on its way, until nothing comes for the time of three books."""
    while True:
        await socket.receive(timeout=0.6)


def rest(client: Client, *, price: str = "20000") -> int:
    """Send an order that rests."""
    order = client.order_limit_buy(symbol="BTCUSDT", quantity="0.001", price=price)
    return int(order["orderId"])


async def test_fault_50_shuts_every_door_but_the_control_port(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as ticker, subscribed(venue) as user:
        await arm(venue, "outage", count=None)

        assert [await end_of(ticker), await end_of(user)] == [1006, 1006]
    assert not await asyncio.to_thread(is_reachable, venue)
    assert await is_refused(venue)
    assert await is_refused(venue, f"/ws/{TICKER}")
    assert await fired(venue, "outage") >= 3  # a client may knock twice
    await disarm(venue)
    assert await asyncio.to_thread(is_reachable, venue)


def test_fault_50_ends_by_itself(venue: PaperServer) -> None:
    venue.arm("outage", count=None, duration_s=0.3)

    assert not is_reachable(venue)
    wait_until(lambda: is_reachable(venue))
    wait_until(lambda: venue.paper("faults")["armed"] == [])


def test_fault_50_does_not_stop_matching(venue: PaperServer, client: Client) -> None:
    price = Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["askPrice"])
    stop = (price * Decimal("0.9")).quantize(Decimal("0.01"))
    terms = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.001", "stopPrice": str(stop)}
    client.create_order(symbol="BTCUSDT", **terms)
    venue.arm("outage", count=None)
    venue.arm("wrong-prices", count=None, mode="book", percent=-20)

    wait_until(lambda: venue.paper("ledger")["orders"][-1]["status"] == "FILLED")


@pytest.mark.parametrize(("which", "refused"), [("rest", False), ("ws-api", True), ("sockets", True)])
async def test_fault_50_may_shut_some_doors(venue: PaperServer, *, which: str, refused: bool) -> None:
    await arm(venue, 50, count=None, which=which)

    assert await is_refused(venue) is refused
    assert await asyncio.to_thread(is_reachable, venue) is (which != "rest")


def test_fault_50_may_answer_with_a_page(venue: PaperServer, client: Client) -> None:
    venue.arm(50, how="gateway")

    with pytest.raises(BinanceAPIException) as refusal:
        client.get_account()

    assert (refusal.value.status_code, refusal.value.code) == (503, 0)


async def test_fault_50_may_hang_silently(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as ticker:
        await ticker.receive(timeout=20)
        await arm(venue, 50, count=None, how="silent")

        with pytest.raises(requests.ReadTimeout):
            await asyncio.to_thread(requests.get, f"{venue.url}/api/v3/ping", timeout=0.3)
        with pytest.raises(TimeoutError):
            await listen(ticker)
        await disarm(venue)
        assert await end_of(ticker) == 1006


async def test_fault_67_keeps_orders_and_ids_over_a_restart(venue: PaperServer) -> None:
    client = venue.client()
    kept = await asyncio.to_thread(rest, client)
    async with subscribed(venue) as user:
        await arm(venue, "venue-restart", restart_s=0.3)

        assert await end_of(user) == 1006
    assert not await asyncio.to_thread(is_reachable, venue)
    await asyncio.to_thread(wait_until, lambda: is_reachable(venue))
    assert [order["orderId"] for order in await asyncio.to_thread(client.get_open_orders)] == [kept]
    assert await asyncio.to_thread(rest, client) == kept + 1


async def test_fault_67_may_be_announced(venue: PaperServer) -> None:
    async with subscribed(venue) as user:
        await arm(venue, 67, restart_s=0.1, announced=True)

        assert "serverShutdown" in await user.receive_str(timeout=20)
        assert await end_of(user) == 1001


def test_fault_67_matches_nothing_while_down(venue: PaperServer) -> None:
    client = venue.client()
    wait_until(lambda: Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["askPrice"]) > 0)
    books = venue.venue.market_data.market("BTCUSDT").book
    venue.arm("venue-restart", restart_s=0.5)
    before = books.update_id

    wait_until(lambda: is_reachable(venue))

    assert books.update_id - before <= 1  # at most the one that was set while the test looked


@pytest.mark.parametrize(("ids", "next_id"), [("anew", 1), ("continue", 3)])
def test_fault_68_forgets_everything(venue: PaperServer, client: Client, *, ids: str, next_id: int) -> None:
    first = venue.paper("ledger")["balances"]
    rest(client)
    client.order_market_buy(symbol="BTCUSDT", quantity="0.001")
    venue.arm("monthly-reset", restart_s=0.1, ids=ids)
    wait_until(lambda: is_reachable(venue))

    ledger = venue.paper("ledger")

    assert (ledger["orders"], ledger["fills"], ledger["balances"]) == ([], [], first)
    assert client.get_my_trades(symbol="BTCUSDT") == []
    assert rest(client) == next_id
