"""Market streams: raw and combined, control messages, limits, heart-beat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.support.paper_venue import PaperServer


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def receive(socket: ClientWebSocketResponse) -> Any:
    return orjson.loads(await socket.receive_str(timeout=20))


async def ask(socket: ClientWebSocketResponse, **request: Any) -> Any:
    """Send a control message and give its answer, passing over market data."""
    await socket.send_str(orjson.dumps(request).decode())
    while True:
        message = await receive(socket)
        if "result" in message or "code" in message:
            return message


async def test_a_raw_stream_gives_bare_payloads(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as socket:
        message = await receive(socket)

    assert set(message) == {"u", "s", "b", "B", "a", "A"}


async def test_a_combined_stream_names_its_streams(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    names = {"btcusdt@bookTicker", "ethusdt@bookTicker"}
    async with web.ws_connect(f"{venue.ws_url}/stream?streams={'/'.join(names)}") as socket:
        seen = {(await receive(socket))["stream"] for _ in range(10)}

    assert seen == names


async def test_streams_are_subscribed_and_listed_and_left(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws") as socket:
        added = await ask(socket, method="SUBSCRIBE", params=["btcusdt@trade", "btcusdt@kline_1m"], id=1)
        listed = await ask(socket, method="LIST_SUBSCRIPTIONS", id=2)
        await ask(socket, method="UNSUBSCRIBE", params=["btcusdt@trade"], id=3)
        left = await ask(socket, method="LIST_SUBSCRIPTIONS", id=4)

    assert added == {"result": None, "id": 1}
    assert listed["result"] == ["btcusdt@trade", "btcusdt@kline_1m"]
    assert left["result"] == ["btcusdt@kline_1m"]


async def test_a_raw_connection_can_turn_combined(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as socket:
        await ask(socket, method="SET_PROPERTY", params=["combined", True], id=1)
        told = await ask(socket, method="GET_PROPERTY", params=["combined"], id=2)
        message = await receive(socket)

    assert told["result"] is True
    assert message["stream"] == "btcusdt@bookTicker"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("nonsense", 3, "Invalid JSON"),
        ('{"id":1}', 2, "missing field `method`"),
        ('{"method":"JOIN","id":1}', 2, "unknown variant `JOIN`"),
        ('{"method":"SUBSCRIBE","params":"x","id":1}', 2, "Invalid request"),
        ('{"method":"SUBSCRIBE","params":["btcusdt@nothing"],"id":1}', 2, "invalid stream name"),
        ('{"method":"SUBSCRIBE","params":[],"id":-1}', 2, "request ID must be an unsigned integer"),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1, "expected Boolean"),
        ('{"method":"GET_PROPERTY","params":["speed"],"id":1}', 0, "Unknown property"),
    ],
)
async def test_a_wrong_control_message_is_answered(
    venue: PaperServer, web: aiohttp.ClientSession, text: str, code: int, words: str
) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws") as socket:
        await socket.send_str(text)
        answer = await receive(socket)

    assert answer["code"] == code
    assert words in answer["msg"]


async def test_too_many_streams_are_refused(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    names = [f"s{number}usdt@trade" for number in range(1025)]
    async with web.ws_connect(f"{venue.ws_url}/ws") as socket:
        answer = await ask(socket, method="SUBSCRIBE", params=names, id=1)

    assert answer["code"] == 2


async def test_the_sixth_message_within_a_second_ends_the_connection(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws") as socket:
        for number in range(6):
            await socket.send_str(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        kinds = [(await socket.receive(timeout=20)).type for _ in range(6)]

    assert kinds == [WSMsgType.TEXT] * 5 + [WSMsgType.CLOSE]
    assert socket.close_code == 1008


async def test_a_client_ping_is_answered_with_its_payload(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    async with web.ws_connect(f"{venue.ws_url}/ws", autoping=False) as socket:
        await socket.ping(b"are you there")
        message = await socket.receive(timeout=20)

    assert (message.type, bytes(message.data)) == (WSMsgType.PONG, b"are you there")


async def test_the_venue_pings_and_cuts_who_never_answers(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    venue.control(rhythm={"ping_s": 0.1, "pong_s": 0.3})
    async with web.ws_connect(f"{venue.ws_url}/ws", autoping=False) as socket:
        first = await socket.receive(timeout=20)
        async with asyncio.timeout(5):
            last = first
            while last.type is WSMsgType.PING:
                last = await socket.receive()

    assert first.type is WSMsgType.PING
    assert (last.type, socket.close_code) == (WSMsgType.CLOSED, 1006)


async def test_a_client_that_answers_pings_is_kept(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    venue.control(rhythm={"ping_s": 0.25, "pong_s": 0.5})
    async with web.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as socket:
        for _ in range(5):  # one book every 200 ms, so for longer than a pong may take
            message = await receive(socket)

    assert message["s"] == "BTCUSDT"


async def test_a_connection_ends_with_its_life(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    venue.control(rhythm={"ping_s": 0.2, "life_s": 0.3})
    async with web.ws_connect(f"{venue.ws_url}/ws") as socket:
        message = await socket.receive(timeout=20)

    assert message.type is WSMsgType.CLOSE
    assert socket.close_code == 1001


async def test_too_many_connections_are_refused(venue: PaperServer, web: aiohttp.ClientSession) -> None:
    venue.control(limits={"connection_limit": 1})
    async with web.ws_connect(f"{venue.ws_url}/ws"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await web.ws_connect(f"{venue.ws_url}/ws")

    assert refusal.value.status == 429


async def test_a_closed_candle_leaves_right_after_its_end(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    names = [f"{symbol}@kline_1s" for symbol in ("btcusdt", "ethusdt", "bnbusdt")]
    closed: dict[str, int] = {}
    async with web.ws_connect(f"{venue.ws_url}/stream?streams={'/'.join(names)}") as socket:
        while len(closed) < 3:
            kline = (await receive(socket))["data"]
            if kline["k"]["x"]:
                closed[kline["s"]] = kline["E"] - kline["k"]["T"] - 1

    assert max(closed.values()) < 50


async def test_a_client_that_does_not_read_is_dropped_and_harms_nobody(
    venue: PaperServer, web: aiohttp.ClientSession
) -> None:
    name = "btcusdt@depth20"
    big = {"lastUpdateId": 1, "bids": [["1.00000000", "1.00000000"]] * 1000}

    async def flood() -> None:
        while len(venue.venue.stream_sockets.open) > 1:
            for _ in range(100):
                venue.venue.streams.publish(name, big)
            await asyncio.sleep(0)

    async with (
        web.ws_connect(f"{venue.ws_url}/ws/{name}"),  # never read from
        web.ws_connect(f"{venue.ws_url}/ws/btcusdt@bookTicker") as reader,
    ):
        flooding = asyncio.run_coroutine_threadsafe(flood(), venue.loop)
        await asyncio.wait_for(asyncio.wrap_future(flooding), 20)
        message = await receive(reader)

    assert message["s"] == "BTCUSDT"
