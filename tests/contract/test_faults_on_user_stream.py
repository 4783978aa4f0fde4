"""The product's user stream under the faults of streams: it comes back, and asks for what it missed."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import redis
from binance.client import Client

from tests.contract.test_faults_on_streams import arm, strikes
from tests.contract.test_streams_on_paper import Ear, running, until, user_stream
from tests.support.paper_venue import PaperServer
from tests.support.wire import SYMBOL, a_resting_sale, an_account


@pytest.fixture
def server() -> Iterator[PaperServer]:
    """A venue of its own for each test, because tests break its connections."""
    with PaperServer() as server:
        yield server


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        (49, {"ping_s": 0.1, "pong_s": 0.2, "duration_s": 1}),
        (50, {"duration_s": 0.8}),
        (50, {"how": "silent", "duration_s": 0.8}),
        (51, {"duration_s": 0.8}),
        (63, {"count": 1, "mode": "null-id-401"}),
        (67, {"restart_s": 0.8}),
    ],
)
async def test_events_come_back_and_a_reconcile_is_asked_for_after(
    server: PaperServer, redis_client: redis.Redis, fault: int, params: dict[str, Any]
) -> None:
    ear, venue = Ear(), an_account(server, redis_client)
    async with running(user_stream(server, ear, ping_every_s=0.2).run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, fault, **params)
        await until(lambda: len(ear.resyncs) >= 2, limit_s=15)
        await asyncio.to_thread(server.disarm)
        asked = len(ear.resyncs)
        await asyncio.to_thread(venue.submit_order, a_resting_sale(server))
        await until(lambda: bool(ear.reports) or len(ear.resyncs) > asked)
    venue.close()

    assert await strikes(server, fault) >= 1


def buy(client: Client) -> None:
    """Buy as somebody does who shares the account."""
    client.order_market_buy(symbol=SYMBOL, quantity="0.001")


async def test_a_stream_lost_in_a_fill_asks_for_what_it_missed(server: PaperServer) -> None:
    ear, client = Ear(), server.client()
    async with running(user_stream(server, ear).run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 60, count=1, down_s=0.3)
        await asyncio.to_thread(buy, client)
        await until(lambda: len(ear.resyncs) == 2)

    assert not is_filled(ear)


@pytest.mark.parametrize("mode", ["unknown-id", "big-frame"])
async def test_frames_that_nobody_asked_for_harm_nothing(server: PaperServer, mode: str) -> None:
    ear, client = Ear(), server.client()
    stream = user_stream(server, ear)
    async with running(stream.run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 63, count=1, mode=mode)
        await asyncio.to_thread(buy, client)
        await until(lambda: is_filled(ear))

    assert stream.unknown == {"answer to nobody": 1}
    assert stream.status()["reconnects"] == 0


async def test_a_subscription_said_to_be_there_already_is_begun_anew(server: PaperServer) -> None:
    ear = Ear()
    stream = user_stream(server, ear)
    await arm(server, 63, count=1, mode="already-subscribed")

    async with running(stream.run()):
        await until(lambda: len(ear.resyncs) == 1)

    assert stream.status()["reconnects"] == 1


async def test_a_late_answer_to_a_ping_renews_the_stream(
    server: PaperServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.exchange.user_stream.ANSWER_S", 0.3)
    ear = Ear()
    async with running(user_stream(server, ear, ping_every_s=0.1).run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 63, count=1, mode="late-error", delay_s=0.6)
        await until(lambda: len(ear.resyncs) == 2)


def is_filled(ear: Ear) -> bool:
    return any(report.fills for report in ear.reports)


@pytest.mark.parametrize(("mode", "fills"), [("foreign", 1), ("twice", 1), ("wrong-id", 0)])
async def test_nothing_of_a_strange_subscription_is_handed_on(
    server: PaperServer, *, mode: str, fills: int
) -> None:
    ear, client = Ear(), server.client()
    stream = user_stream(server, ear)
    async with running(stream.run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 65, mode=mode)
        await asyncio.to_thread(buy, client)
        await until(lambda: stream.unknown["foreign subscription"] >= 2)
        await until(lambda: len(ear.resyncs) == 2)

    assert sum(len(report.fills) for report in ear.reports) == fills
    assert ear.resyncs[1:] == ["USER_STREAM_FOREIGN"]


@pytest.mark.parametrize("mode", ["stripped", "long", "scientific", "number"])
async def test_numbers_written_otherwise_are_the_same_or_asked_for(server: PaperServer, mode: str) -> None:
    ear, client = Ear(), server.client()
    async with running(user_stream(server, ear).run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 76, mode=mode)
        await asyncio.to_thread(buy, client)
        await until(lambda: is_filled(ear) or len(ear.resyncs) == 2)

    bought = [fill.qty for report in ear.reports for fill in report.fills]
    assert bought == [Decimal("0.001")] or ear.resyncs[1] == "USER_STREAM_UNREADABLE"


async def test_events_that_cannot_be_read_are_asked_for_together(
    server: PaperServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.exchange.user_stream.ASK_FOR_MISSED_EVERY_S", 0.5)
    ear, client = Ear(), server.client()
    stream = user_stream(server, ear)
    async with running(stream.run()):
        await until(lambda: len(ear.resyncs) == 1)
        await arm(server, 76, mode="number")
        for _ in range(3):
            await asyncio.to_thread(buy, client)
        await until(lambda: stream.unknown["event"] >= 6)
        await until(lambda: len(ear.resyncs) == 3)

    assert ear.resyncs[1:] == ["USER_STREAM_UNREADABLE"] * 2
