"""Hands for tests of sockets: the streams and the account as bare WebSockets, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.support.paper_venue import PaperServer, ws_request

LIMIT_S = 5.0
BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}


@asynccontextmanager
async def listening(
    venue: PaperServer, *streams: str, **options: Any
) -> AsyncIterator[ClientWebSocketResponse]:
    """Listen to market streams, combined."""
    url = f"{venue.ws_url}/stream?streams={'/'.join(streams)}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as socket:
        yield socket


@asynccontextmanager
async def subscribed(venue: PaperServer) -> AsyncIterator[ClientWebSocketResponse]:
    """Hear the account's events; `orders` and requests go over the same connection."""
    url = f"{venue.ws_url}/ws-api/v3"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str(ws_request("userDataStream.subscribe.signature", signed=True))
        await hear(socket)
        yield socket


async def arm(
    venue: PaperServer, fault: int | str, *, count: int | None = 1, **params: Any
) -> dict[str, Any]:
    """Arm a fault without holding up the test's sockets."""
    return await asyncio.to_thread(venue.arm, fault, count=count, **params)


async def disarm(venue: PaperServer) -> None:
    """Clear every fault."""
    await asyncio.to_thread(venue.disarm)


async def fired(venue: PaperServer, name: str) -> int:
    """Give how often a fault of this name has struck on this venue."""
    listing = await asyncio.to_thread(venue.paper, "faults")
    return int(listing["fired"].get(name, 0))


async def hear(socket: ClientWebSocketResponse, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Give the next message."""
    message: dict[str, Any] = orjson.loads(await socket.receive_str(timeout=limit_s))
    return message


async def tell(socket: ClientWebSocketResponse, method: str, **params: Any) -> list[dict[str, Any]]:
    """Send a signed call and give what came in up to its reply, the reply last."""
    await socket.send_str(ws_request(method, "told", signed=True, **params))
    seen = [await hear(socket)]
    while seen[-1].get("id") != "told":
        seen.append(await hear(socket))
    return seen


async def end_of(socket: ClientWebSocketResponse) -> int | None:
    """Read until the connection ends; give its close code."""
    async with asyncio.timeout(LIMIT_S):
        while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.PING):
            pass
    return socket.close_code


async def is_refused(venue: PaperServer, path: str = "/ws-api/v3") -> bool:
    """Tell whether a new connection is turned away."""
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(venue.ws_url + path):
            return False
    except aiohttp.ClientError:
        return True
