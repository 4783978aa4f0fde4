"""Faults of single sockets: heart-beats, refusals, cuts in a fill, odd frames, mixed-up subscriptions."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.contract.paper.sockets import (
    BUY,
    LIMIT_S,
    arm,
    disarm,
    end_of,
    fired,
    hear,
    is_refused,
    listening,
    subscribed,
    tell,
)
from tests.support.paper_venue import PaperServer, ws_request

TICKER = "btcusdt@bookTicker"


async def test_fault_49_answers_no_ping(venue: PaperServer) -> None:
    await arm(venue, "pings-unanswered", mode="client")
    async with listening(venue, TICKER, autoping=False) as socket:
        await socket.ping(b"unheard")
        await socket.ping(b"heard")
        async with asyncio.timeout(LIMIT_S):
            while (message := await socket.receive()).type is not WSMsgType.PONG:
                pass

    assert message.data == b"heard"
    assert await fired(venue, "pings-unanswered") >= 1


async def test_fault_49_cuts_who_answered_every_ping(venue: PaperServer) -> None:
    await arm(venue, 49, count=None, ping_s=0.1, pong_s=0.2)
    async with listening(venue, TICKER) as socket:
        assert await end_of(socket) == 1006
    await disarm(venue)

    assert venue.venue.rhythm.ping_s == 20
    assert venue.venue.rhythm.hears_pong()


async def test_fault_51_refuses_connections(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, "connections-refused", count=1)
        assert await end_of(socket) == 1006
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with listening(venue, TICKER):
                pass

    assert refusal.value.status == 429
    assert not await is_refused(venue)


async def test_fault_51_may_spare_what_is_open(venue: PaperServer) -> None:
    async with listening(venue, TICKER) as socket:
        await arm(venue, 51, count=None, which="ws-api", cuts=False)

        assert await is_refused(venue)
        assert not await is_refused(venue, f"/ws/{TICKER}")
        await hear(socket)


async def test_fault_52_cuts_the_next_subscribe(venue: PaperServer) -> None:
    await arm(venue, "control-flood")
    for code in (1008, None):
        async with listening(venue, TICKER) as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": ["ethusdt@bookTicker"], "id": 1})
            if code is not None:
                assert await end_of(socket) == code
            else:
                async with asyncio.timeout(LIMIT_S):
                    while (await hear(socket)).get("id") != 1:
                        pass


async def test_fault_60_breaks_the_stream_in_a_fill_and_replays_nothing(venue: PaperServer) -> None:
    await arm(venue, "user-stream-lost-in-fill")
    async with subscribed(venue) as listener, subscribed(venue) as other:
        await asyncio.to_thread(venue.signed, "POST", "order", BUY)

        assert await end_of(listener) == await end_of(other) == 1006
    assert venue.paper("ledger")["orders"][-1]["status"] == "FILLED"
    async with subscribed(venue) as again:
        with pytest.raises(TimeoutError):
            await hear(again, limit_s=0.3)


async def test_fault_60_may_keep_the_door_shut(venue: PaperServer) -> None:
    await arm(venue, 60, down_s=0.5)
    await asyncio.to_thread(venue.signed, "POST", "order", BUY)

    assert await is_refused(venue)
    async with asyncio.timeout(LIMIT_S):
        while await is_refused(venue):
            pass
    assert await fired(venue, "user-stream-lost-in-fill") >= 1


@pytest.mark.parametrize(("mode", "executed"), [("late-error", 0), ("late-reply", 1)])
async def test_fault_63_answers_late(venue: PaperServer, *, mode: str, executed: int) -> None:
    async with subscribed(venue) as user:
        orders = len(venue.paper("ledger")["orders"])
        await arm(venue, "ws-api-oddity", mode=mode, delay_s=0.5)
        await user.send_str(ws_request("order.place", "late", signed=True, **BUY))
        [pong] = (await tell_ping(user))[-1:]
        async with asyncio.timeout(LIMIT_S):
            while (late := await hear(user)).get("id") != "late":
                pass

    assert pong["status"] == 200
    assert ("error" in late) == (executed == 0)
    assert len(venue.paper("ledger")["orders"]) == orders + executed


async def tell_ping(user: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Ask for a ping beside whatever is under way; give all up to its answer."""
    await user.send_str(ws_request("ping", "ping"))
    seen = [await hear(user)]
    while seen[-1].get("id") != "ping":
        seen.append(await hear(user))
    return seen


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("null-id-401", {"id": None, "status": 401}),
        ("unknown-id", {"status": 200, "result": {}}),
        ("big-frame", {"status": 200}),
    ],
)
async def test_fault_63_speaks_out_of_turn(
    venue: PaperServer, *, mode: str, expected: dict[str, Any]
) -> None:
    async with subscribed(venue) as user:
        await arm(venue, 63, mode=mode, big_bytes=2_000_000)
        odd = await hear(user)

    assert expected.items() <= odd.items()
    assert (len(str(odd)) > 2_000_000) == (mode == "big-frame")
    assert await fired(venue, "ws-api-oddity") >= 1


async def test_fault_63_waits_for_who_speaks_first(venue: PaperServer) -> None:
    await arm(venue, 63, mode="unknown-id")
    url = f"{venue.ws_url}/ws-api/v3"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as user:
        seen = await tell_ping(user)

    assert [frame["id"].split("-")[0] for frame in seen] == ["nobody", "ping"]


@pytest.mark.parametrize(
    ("mode", "method", "code"),
    [
        ("already-subscribed", "userDataStream.subscribe.signature", -2035),
        ("not-subscribed", "userDataStream.unsubscribe", -2036),
    ],
)
async def test_fault_63_denies_the_subscription(
    venue: PaperServer, *, mode: str, method: str, code: int
) -> None:
    await arm(venue, 63, mode=mode)
    url = f"{venue.ws_url}/ws-api/v3"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as user:
        [reply] = await tell(user, method)

    assert reply["error"]["code"] == code


@pytest.mark.parametrize(("mode", "ids"), [("wrong-id", [1]), ("twice", [0, 1]), ("foreign", [0, 1])])
async def test_fault_65_belies_the_subscription(venue: PaperServer, *, mode: str, ids: list[int]) -> None:
    async with subscribed(venue) as user:
        await arm(venue, "subscription-mixup", mode=mode)
        seen = await tell(user, "order.place", **BUY)

    first = seen[: len(ids)]
    assert [frame["subscriptionId"] for frame in first] == ids
    is_foreign = first[0]["event"]["i"] != first[-1]["event"]["i"]
    assert is_foreign == (mode == "foreign")
    assert {frame["subscriptionId"] for frame in seen[len(ids) : -1]} == {0}
