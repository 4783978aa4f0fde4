"""The WS API: calls, sessions, and user data, raw and through python-binance's user socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import ClientWebSocketResponse
from binance import AsyncClient, BinanceSocketManager

from tests.support.paper_venue import PaperServer, ws_request

BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}


@pytest.fixture
async def socket(venue: PaperServer) -> AsyncIterator[ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.ws_url}/ws-api/v3") as opened,
    ):
        yield opened


async def call(socket: ClientWebSocketResponse, method: str, *, signed: bool = False, **params: Any) -> Any:
    """Send a request and give its answer, passing over events."""
    await socket.send_str(ws_request(method, "q", signed=signed, **params))
    while True:
        message = orjson.loads(await socket.receive_str(timeout=20))
        if "subscriptionId" not in message:
            return message


async def event(socket: ClientWebSocketResponse) -> Any:
    return orjson.loads(await socket.receive_str(timeout=20))


async def test_a_call_answers_with_id_status_and_limits(socket: ClientWebSocketResponse) -> None:
    answer = await call(socket, "time")

    assert (answer["id"], answer["status"]) == ("q", 200)
    assert answer["result"]["serverTime"] > 0
    assert [row["rateLimitType"] for row in answer["rateLimits"]] == ["REQUEST_WEIGHT"]


async def test_limits_are_left_out_on_request(socket: ClientWebSocketResponse) -> None:
    assert "rateLimits" not in await call(socket, "ping", returnRateLimits=False)


async def test_an_order_is_placed_with_a_signature(socket: ClientWebSocketResponse) -> None:
    answer = await call(socket, "order.place", signed=True, **BUY)

    assert answer["result"]["status"] == "FILLED"
    assert [row["rateLimitType"] for row in answer["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]


async def test_a_wrong_signature_is_refused(socket: ClientWebSocketResponse) -> None:
    request = orjson.loads(ws_request("order.place", signed=True, **BUY))
    request["params"]["quantity"] = "1"
    await socket.send_str(orjson.dumps(request).decode())

    answer = await event(socket)

    assert (answer["status"], answer["error"]["code"]) == (400, -1022)


@pytest.mark.parametrize(
    ("text", "code"), [("nonsense", -1135), ('{"id":1}', -1102), ('{"id":1,"method":"fly"}', -1020)]
)
async def test_an_unusable_request_is_answered(socket: ClientWebSocketResponse, text: str, code: int) -> None:
    await socket.send_str(text)

    answer = await event(socket)

    assert (answer["status"], answer["error"]["code"]) == (400, code)


async def test_market_data_answers_as_rest_does(socket: ClientWebSocketResponse) -> None:
    answer = await call(socket, "klines", symbol="BTCUSDT", interval="1m", limit=3)

    assert [len(row) for row in answer["result"]] == [12, 12, 12]


async def test_user_events_follow_a_subscription_by_signature(socket: ClientWebSocketResponse) -> None:
    subscribed = await call(socket, "userDataStream.subscribe.signature", signed=True)
    await socket.send_str(ws_request("order.place", "o", signed=True, **BUY))

    frames = [await event(socket) for _ in range(4)]

    events = [frame["event"] for frame in frames if "event" in frame]
    assert subscribed["result"] == {"subscriptionId": 0}
    assert [(row["e"], row.get("x")) for row in events] == [
        ("executionReport", "NEW"),
        ("executionReport", "TRADE"),
        ("outboundAccountPosition", None),
    ]


async def test_a_second_subscription_is_refused(socket: ClientWebSocketResponse) -> None:
    await call(socket, "userDataStream.subscribe.signature", signed=True)

    answer = await call(socket, "userDataStream.subscribe.signature", signed=True)

    assert answer["error"]["code"] == -2035


async def test_unsubscribing_ends_the_events(socket: ClientWebSocketResponse) -> None:
    await call(socket, "userDataStream.subscribe.signature", signed=True)
    await socket.send_str(ws_request("userDataStream.unsubscribe", "u", subscriptionId=0))
    terminated, answer = await event(socket), await event(socket)
    listed = await call(socket, "session.subscriptions")

    assert terminated["event"]["e"] == "eventStreamTerminated"
    assert (answer["status"], listed["result"]) == (200, [])


async def test_ending_an_unknown_subscription_is_refused(socket: ClientWebSocketResponse) -> None:
    answer = await call(socket, "userDataStream.unsubscribe", subscriptionId=7)

    assert answer["error"]["code"] == -2036


async def test_a_session_needs_an_ed25519_key(socket: ClientWebSocketResponse) -> None:
    answer = await call(socket, "session.logon", signed=True)
    subscribed = await call(socket, "userDataStream.subscribe")

    assert answer["error"]["code"] == -4056
    assert subscribed["status"] == 401


async def test_a_deposit_is_told(venue: PaperServer, socket: ClientWebSocketResponse) -> None:
    await call(socket, "userDataStream.subscribe.signature", signed=True)
    await asyncio.to_thread(venue.control, deposit={"asset": "USDT", "amount": "5"})

    told = (await event(socket))["event"]

    assert (told["e"], told["a"], told["d"]) == ("balanceUpdate", "USDT", "5.00000000")


async def test_a_ban_cuts_open_connections(venue: PaperServer, socket: ClientWebSocketResponse) -> None:
    await call(socket, "ping")
    await asyncio.to_thread(venue.control, ban_s=60)

    await socket.receive(timeout=20)

    assert socket.closed


async def test_python_binance_hears_its_own_order(venue: PaperServer) -> None:
    urls = {"API_URL": f"{venue.url}/api", "WS_API_URL": f"{venue.ws_url}/ws-api/v3"}
    kind: Any = type("PaperAsyncClient", (AsyncClient,), urls)
    client = await kind.create("paper", "paper")
    client.ws_api.TIMEOUT = 0.3  # closing waits this long for one more message
    try:
        async with BinanceSocketManager(client).user_socket() as stream:
            await client.create_order(**BUY)
            told = await asyncio.wait_for(stream.recv(), 5)
    finally:
        await client.close_connection()

    assert (told["e"], told["x"]) == ("executionReport", "NEW")
