"""Faults of connections and of user events, seen from the client's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.support.paper_venue import PaperServer, ws_request

BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}


@pytest.fixture
async def ticker(venue: PaperServer) -> AsyncIterator[ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as socket,
    ):
        yield socket


@pytest.fixture
async def user(venue: PaperServer) -> AsyncIterator[ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.ws_url}/ws-api/v3") as socket,
    ):
        await socket.send_str(ws_request("userDataStream.subscribe.signature", signed=True))
        await socket.receive(timeout=20)
        yield socket


async def arm(venue: PaperServer, fault: int | str, *, count: int | None = 1, **params: Any) -> None:
    await asyncio.to_thread(venue.arm, fault, count=count, **params)


async def end_of(socket: ClientWebSocketResponse) -> int | None:
    """Read until the connection ends; give its close code."""
    async with asyncio.timeout(5):
        while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.PING):
            pass
    return socket.close_code


@pytest.mark.parametrize("code", [1000, 1001, 1006])
async def test_fault_46_drops_every_socket(
    venue: PaperServer, ticker: ClientWebSocketResponse, user: ClientWebSocketResponse, code: int
) -> None:
    await arm(venue, "server-drop", code=code)

    assert [await end_of(ticker), await end_of(user)] == [code, code]


async def test_fault_46_may_spare_the_other_kind(
    venue: PaperServer, ticker: ClientWebSocketResponse, user: ClientWebSocketResponse
) -> None:
    await arm(venue, 46, which="user")

    assert await end_of(user) == 1006
    assert (await ticker.receive(timeout=20)).type is WSMsgType.TEXT


async def test_fault_48_falls_silent_and_still_answers_pings(venue: PaperServer) -> None:
    await arm(venue, "silent-connection", count=None)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker", autoping=False) as socket,
    ):
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.6)  # three books of the market
        await socket.ping(b"x")
        message = await socket.receive(timeout=20)

    assert message.type is WSMsgType.PONG


async def test_fault_48_ends_when_cleared(venue: PaperServer, ticker: ClientWebSocketResponse) -> None:
    await arm(venue, "silent-connection", count=None)
    await asyncio.to_thread(venue.disarm)

    assert (await ticker.receive(timeout=20)).type is WSMsgType.TEXT


async def place(socket: ClientWebSocketResponse) -> list[str]:
    """Place an order and give what came in, events by type and the reply, until the reply."""
    await socket.send_str(ws_request("order.place", "o", signed=True, **BUY))
    seen: list[str] = []
    while "reply" not in seen:
        message = orjson.loads(await socket.receive_str(timeout=20))
        seen.append(message["event"]["e"] if "event" in message else "reply")
    return seen


async def test_events_come_before_the_reply_by_nature(
    venue: PaperServer, user: ClientWebSocketResponse
) -> None:
    assert await place(user) == ["executionReport", "executionReport", "outboundAccountPosition", "reply"]


async def test_fault_58_suppresses_chosen_events(venue: PaperServer, user: ClientWebSocketResponse) -> None:
    await arm(venue, 58, count=None, events=["executionReport"])

    assert await place(user) == ["outboundAccountPosition", "reply"]


async def test_fault_58_may_delay_events_past_the_reply(
    venue: PaperServer, user: ClientWebSocketResponse
) -> None:
    await arm(venue, "user-event-timing", count=None, mode="late", delay_s=0.1)

    seen = await place(user)
    late = orjson.loads(await user.receive_str(timeout=20))

    assert seen == ["reply"]
    assert late["event"]["x"] == "NEW"


async def test_fault_47_announces_the_end(
    venue: PaperServer, ticker: ClientWebSocketResponse, user: ClientWebSocketResponse
) -> None:
    await arm(venue, "server-shutdown", after_s=0.05)

    told = orjson.loads(await user.receive_str(timeout=20))

    assert told["event"]["e"] == "serverShutdown"
    assert [await end_of(user), await end_of(ticker)] == [1001, 1001]


async def test_fault_59_tells_executions_twice(venue: PaperServer, user: ClientWebSocketResponse) -> None:
    await arm(venue, 59, count=None)

    seen = await place(user)

    assert seen == ["executionReport"] * 4 + ["outboundAccountPosition", "reply"]


async def test_fault_59_may_turn_the_order_around(venue: PaperServer, user: ClientWebSocketResponse) -> None:
    await arm(venue, 59, count=None, mode="reversed")
    await place(user)

    reports = [orjson.loads(await user.receive_str(timeout=20))["event"] for _ in range(2)]

    assert [report["X"] for report in reports] == ["FILLED", "NEW"]


async def test_fault_62_ends_the_subscription(venue: PaperServer, user: ClientWebSocketResponse) -> None:
    await arm(venue, "event-stream-terminated")

    told = orjson.loads(await user.receive_str(timeout=20))

    assert told["event"]["e"] == "eventStreamTerminated"
    assert await place(user) == ["reply"]
