"""The dashboard's WebSocket: a snapshot first, then numbered events, prices and the live part.

One consumer per open page. It only listens to `trading.events` and reads. A page may ask for a fresh snapshot
and says that it heard each live part; one that does not for some seconds (asleep, or on a slow line) is sent
nothing more until it does, and a snapshot then: nothing is kept for it. Acts go through trading's own pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user_model

from monitoring import live, snapshot
from monitoring.roles import LOOK
from trading.events import GROUP

log = logging.getLogger(__name__)

LIVE_EVERY_S = 1.0
# A page that finds a gap asks again; more often than this it would only hurt itself.
SNAPSHOT_EVERY_S = 0.5
# What was read so lately serves every page that asks: fifty pages cost the database what one does.
SHARED_S = 0.25
# Live parts that a page may leave unanswered before it is sent nothing more.
UNANSWERED = 4
# A page stays open for days: whoever logged out, or lost the role, is sent away within this time.
CHECK_EVERY_S = 5.0
NOT_LOGGED_IN = 4401
WRONG_ORIGIN = 4403
NOT_ALLOWED = 4405


class DashboardConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # comes without types
    """One page of one operator."""

    groups = (GROUP,)  # joined before connect(), so that no event falls between snapshot and events

    async def connect(self) -> None:
        """Accept an operator of this site and send the snapshot; others learn why by the close code."""
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._unanswered = 0
        self._is_behind = False
        await self.accept()
        if not _is_same_origin(self.scope):
            await self.close(WRONG_ORIGIN)
        elif not self.scope["user"].is_authenticated:
            await self.close(NOT_LOGGED_IN)
        elif not await database_sync_to_async(_may_look)(self.scope):
            await self.close(NOT_ALLOWED)
        else:
            self._checked_s = time.monotonic()
            await self._send_snapshot()
            self._task = asyncio.create_task(self._tell_forever())

    async def disconnect(self, code: int) -> None:
        """Stop telling."""
        if self._task is not None:
            self._task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Note that the page wants a fresh snapshot, or heard the live part; anything else is ignored."""
        if text_data == "heard":
            self._unanswered = 0
            if self._is_behind:
                self._asked.set()
        elif text_data == "snapshot":
            self._asked.set()

    async def fc_events(self, message: dict[str, Any]) -> None:
        """Pass numbered events on; the page leaves out those that its snapshot already contains."""
        await self._pass_on("events", message["events"])

    async def fc_prices(self, message: dict[str, Any]) -> None:
        """Pass prices on."""
        await self._pass_on("prices", message["prices"])

    async def _pass_on(self, kind: str, data: Any) -> None:
        if self._task is None:
            return
        if self._unanswered > UNANSWERED:
            self._is_behind = True
        else:
            await self.send(text_data=_text(kind, data))

    async def _send_snapshot(self) -> None:
        self._is_behind = False
        # Never shared: it must have begun after this page joined the group, or an event could be lost.
        await self.send(text_data=_text("snapshot", await database_sync_to_async(_build_snapshot)()))

    async def _tell_forever(self) -> None:
        """Send the live part every second, and a snapshot whenever the page asked for one."""
        while True:
            try:
                await self._tell_once()
            except Exception:  # the rim of a task: the page shows the age of what it has
                log.exception("dashboard of %s not told", self.scope["user"])
                await asyncio.sleep(LIVE_EVERY_S)

    async def _tell_once(self) -> None:
        if time.monotonic() - self._checked_s >= CHECK_EVERY_S:
            self._checked_s = time.monotonic()
            if not await database_sync_to_async(_may_look)(self.scope):
                await self.close(NOT_LOGGED_IN)
                return
        # Not wait_for: in Python 3.11 it can lose a word to end that comes with what it waits for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIVE_EVERY_S):
                await self._asked.wait()
        if not self._asked.is_set():
            if self._unanswered <= UNANSWERED:
                self._unanswered += 1
                await self.send(text_data=await _lives.read())
            return
        self._asked.clear()
        await self._send_snapshot()
        await asyncio.sleep(SNAPSHOT_EVERY_S)


class Shared:
    """One reading for all pages that ask within SHARED_S, as the text that they are sent."""

    def __init__(self, kind: str, build: Callable[[], Mapping[str, Any]]) -> None:
        self._kind = kind
        self._build = build
        self._reading: asyncio.Task[str] | None = None
        self._begun_s = 0.0

    async def read(self) -> str:
        """Give the newest reading; a failed one fails for all who wait for it, and the next is made anew."""
        now_s = time.monotonic()
        reading = self._reading
        if (
            reading is None
            or now_s - self._begun_s > SHARED_S
            or reading.get_loop() is not asyncio.get_running_loop()
        ):
            self._begun_s = now_s
            reading = self._reading = asyncio.create_task(self._make())
        return await asyncio.shield(reading)

    async def _make(self) -> str:
        return _text(self._kind, await database_sync_to_async(self._build)())


def _text(kind: str, data: Any) -> str:
    return orjson.dumps({"type": kind, "data": data}, option=orjson.OPT_NON_STR_KEYS).decode()


def _build_snapshot() -> snapshot.Snapshot:
    return snapshot.build_snapshot(now=live.utc_now())


def _build_live() -> snapshot.Live:
    now = live.utc_now()
    return snapshot.build_live(now=now, reading=live.read(now=now))


_lives = Shared("live", _build_live)


def _may_look(scope: dict[str, Any]) -> bool:
    """Say whether the session still stands and its user may look, as of now."""
    session = scope.get("session")
    if session is not None and not session.exists(session.session_key):
        return False
    user = get_user_model().objects.filter(pk=scope["user"].pk).first()
    return user is not None and user.has_perm(LOOK)


def _is_same_origin(scope: dict[str, Any]) -> bool:
    """Say whether the page came from this host; a browser always tells where it came from."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode()
    return not origin or urlsplit(origin).netloc == headers.get(b"host", b"").decode()
