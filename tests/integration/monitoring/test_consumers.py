"""The dashboard's socket: login, snapshot first, and snapshot + events = a fresh snapshot."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, User

from monitoring import consumers
from monitoring.consumers import NOT_ALLOWED, NOT_LOGGED_IN, WRONG_ORIGIN, DashboardConsumer
from monitoring.roles import VIEWER, grant
from monitoring.snapshot import build_snapshot
from tests.support.dashboard import apply, stored
from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker, turn
from trading import events
from trading.domain.risk import TradingState
from trading.services import control, workers
from trading.services.control import KillLevel

pytestmark = pytest.mark.usefixtures("always", "redis_client")
Message = dict[str, Any]


def a_page(
    user: object, origin: str = "http://here", served_by: type[DashboardConsumer] = DashboardConsumer
) -> WebsocketCommunicator:
    """Make the socket of a page."""
    headers = [(b"host", b"here"), (b"origin", origin.encode())]
    page = WebsocketCommunicator(served_by.as_asgi(), "/ws/dashboard", headers)
    page.scope["user"] = user
    return page


async def hear(page: WebsocketCommunicator, kind: str) -> Any:
    """Give the data of the next message of a kind."""
    while True:
        message: Message = await page.receive_json_from(timeout=20)
        if message["type"] == kind:
            return message["data"]


async def listen(page: WebsocketCommunicator, until: int) -> list[Message]:
    """Collect events up to a number."""
    heard: list[Message] = []
    while not heard or max(event["seq"] for event in heard) < until:
        heard += await hear(page, "events")
    return heard


@pytest.fixture
def user(site: Scene) -> User:
    """Somebody who is logged in, on an account whose trading state was set once."""
    control.set_trading_state(TradingState.ACTIVE, actor=OPERATOR, now=site.clock())
    grant(apps)
    someone = User.objects.create_user("operator")
    someone.groups.add(Group.objects.get(name=VIEWER))
    return someone


async def test_a_stranger_is_turned_away(site: Scene) -> None:
    page = a_page(AnonymousUser())

    await page.connect()

    assert (await page.receive_output(5))["code"] == NOT_LOGGED_IN


async def test_a_page_of_another_site_is_turned_away(user: User) -> None:
    page = a_page(user, origin="http://elsewhere")

    await page.connect()

    assert (await page.receive_output(5))["code"] == WRONG_ORIGIN


async def test_somebody_without_a_role_is_turned_away(site: Scene) -> None:
    page = a_page(await sync_to_async(User.objects.create_user)("nobody"))

    await page.connect()

    assert (await page.receive_output(5))["code"] == NOT_ALLOWED


async def test_whoever_loses_the_role_is_sent_away_from_an_open_page(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "CHECK_EVERY_S", 0.0)
    page = a_page(user)
    await page.connect()
    await hear(page, "snapshot")

    await sync_to_async(user.groups.clear)()

    while (output := await page.receive_output(5))["type"] != "websocket.close":
        continue
    assert output["code"] == NOT_LOGGED_IN


async def test_prices_and_the_live_part_follow_the_snapshot(user: User) -> None:
    page = a_page(user)
    await page.connect()
    first: Message = await page.receive_json_from(timeout=20)

    await events.publish_prices([("BTCUSDT", "100.00", "100.01", 1)])

    assert first["type"] == "snapshot"
    assert await hear(page, "prices") == [["BTCUSDT", "100.00", "100.01", 1]]
    assert (await hear(page, "live"))["health"]["score"] <= 60  # no process runs here
    await page.disconnect()


async def test_a_page_that_asks_gets_a_fresh_snapshot(user: User) -> None:
    page = a_page(user)
    await page.connect()
    await hear(page, "snapshot")

    await page.send_to(text_data="snapshot")

    assert "seq" in await hear(page, "snapshot")
    await page.disconnect()


async def test_a_page_that_answers_no_more_is_sent_nothing_until_it_does(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LIVE_EVERY_S", 0.02)
    page = a_page(user)
    await page.connect()
    await hear(page, "snapshot")
    for _ in range(consumers.UNANSWERED + 1):
        await hear(page, "live")

    await events.publish_prices([("BTCUSDT", "100.00", "100.01", 1)])
    assert await page.receive_nothing(timeout=0.2)
    await page.send_to(text_data="heard")

    assert (await page.receive_json_from(timeout=20))["type"] == "snapshot"
    await page.disconnect()


class AsksLast(DashboardConsumer):
    """Its page asks for a snapshot in the moment in which it is closed."""

    async def disconnect(self, code: int) -> None:
        """Ask, then end, with nothing in between."""
        await self.receive("snapshot")
        await super().disconnect(code)


async def test_nothing_goes_on_for_a_page_that_asked_in_the_moment_it_was_closed(user: User) -> None:
    page = a_page(user, served_by=AsksLast)
    await page.connect()
    await hear(page, "snapshot")
    told_by = {task for task in asyncio.all_tasks() if "DashboardConsumer" in str(task.get_coro())}
    assert told_by

    await page.disconnect()

    _, still_telling = await asyncio.wait(told_by, timeout=5)
    assert not still_telling


async def test_pages_that_ask_together_are_answered_by_one_reading(user: User) -> None:
    readings: list[int] = []

    def read() -> dict[str, int]:
        readings.append(1)
        return {"number": len(readings)}

    shared = consumers.Shared("live", read)

    answers = await asyncio.gather(*(shared.read() for _ in range(20)))

    assert len(readings) == 1
    assert len(set(answers)) == 1


def open_a_trade(site: Scene) -> None:
    """Buy and protect."""
    a_worker(site, name="another")
    turn(site)
    site.pump()


def close_it(site: Scene) -> None:
    """Buy, then sell everything by the kill switch."""
    open_a_trade(site)
    site.clock.advance(1)
    control.kill(KillLevel.FLATTEN, actor=OPERATOR, desk=site.desk)
    site.pump()


def change_workers(site: Scene) -> None:
    """Make, stop and delete workers, and halt trading."""
    worker = a_worker(site, "ETHUSDT", name="gone soon")
    workers.stop_worker(worker.pk, actor=OPERATOR, now=site.clock())
    workers.delete_worker(worker.pk, actor=OPERATOR, now=site.clock())
    control.set_trading_state(TradingState.HALTED, actor=OPERATOR, now=site.clock())


@pytest.mark.parametrize("act", [open_a_trade, close_it, change_workers])
async def test_an_old_snapshot_and_the_events_since_are_a_new_snapshot(
    site: Scene, user: User, redis_client: redis.Redis, act: Callable[[Scene], None]
) -> None:
    page = a_page(user)
    await page.connect()
    before = await hear(page, "snapshot")

    await sync_to_async(act)(site)
    await sync_to_async(events.flush)()
    heard = await listen(page, until=int(redis_client.get(events.SEQUENCE_KEY) or 0))
    after = await sync_to_async(build_snapshot)(now=site.clock())

    assert stored(apply(before, heard)) == stored(dict(after))
    await page.disconnect()
