"""One supervised WebSocket that never gives up: connect, talk, notice silence, hand over, connect again.

Used by the market stream and the user stream, which say what is said over each connection (a Talk). A
connection that is to end, for its age or because the venue goes down, is kept until its successor is ready,
so that nothing is missed; one that broke is tried again by the rule of pacing.ConnectionPace. It knows
nothing of what the messages mean.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from trading.domain.ports import Clock
from trading.domain.values import to_ms
from trading.exchange.pacing import SETTLED_S, ConnectionPace
from trading.exchange.silence import ExpectedPause
from trading.exchange.wire import Refused, Wire, WireError

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2.0
READY_TIMEOUT_S = 15.0
LINGER_S = 1.0  # what the venue sent to the old connection before the new one stood may still be on its way
WATCH_EVERY_S = 0.1  # a learned pause is this much too long at most, and silence is four pauses
AWAY_S = 0.4  # between two looks: then this program itself stood still
LOOK_AGAIN_S = 0.05
MAX_AGE_S = 23.5 * 3600  # the venue cuts at 24 h

TOLD_TO_WAIT = (418, 429)
DEFAULT_WAIT_S = 5.0  # where a refusal does not say how long
AGE = "age"
SILENCE = "silence"


class ToldToWait(Exception):
    """The venue refuses to serve us before a moment; coming back earlier earns a ban, or a longer one."""

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Talk(Protocol):
    """What is said over one connection."""

    async def hold(self) -> None:
        """Speak for as long as the connection lives, and call `Link.ready` when it serves."""

    def hear(self, data: bytes, arrived_ms: int) -> None:
        """Take a message, quickly. What is a sign of life is noted on the link (`heard`, `heard_ms`)."""


@dataclass(slots=True)
class SocketStatus:
    """Figures of one socket since it was started. Times in milliseconds since 1970; 0 = never.

    Connected means that a connection serves and speaks; `uptime_ratio` is the share of time in which it did,
    counted back to the last message where silence was noticed.
    """

    connected: bool = False
    connected_at_ms: int = 0
    last_message_ms: int = 0
    reconnects: int = 0
    handovers: int = 0
    silences: int = 0
    failures: int = 0
    uptime_ratio: float = 0.0


class Link:
    """One connection of a socket, from the attempt to the end."""

    def __init__(self, socket: "SupervisedSocket", predecessor: "Link | None") -> None:
        self.predecessor = predecessor
        self.leaving: str | None = None
        self.is_planned = False  # it leaves while it still brings everything
        self.heard = 0
        self.opened_s = 0.0
        self.heard_ms = 0
        self.task: asyncio.Task[None] | None = None
        self._socket = socket
        self._wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        """The open connection."""
        assert self._wire is not None, "a talk begins when the connection is open"
        return self._wire

    def open(self, wire: Wire) -> None:
        """Note that the connection stands."""
        self._wire, self.opened_s = wire, time.monotonic()

    def ready(self) -> None:
        """Tell that it serves: it takes the place of its predecessor, which is closed a little later."""
        self._socket.took_over(self)

    def leave(self, reason: str, *, is_planned: bool = False) -> None:
        """Ask for a successor; this connection is read until that one is ready."""
        if self.leaving is None or (self.is_planned and not is_planned):
            log.info("socket_renewed", extra={"socket": self._socket.name, "reason": reason})
            self.leaving, self.is_planned = reason, is_planned
            self._socket.left(self)

    async def close(self) -> None:
        """End the connection."""
        if self._wire is not None and not self._wire.closed:
            await self._wire.close()


class SupervisedSocket:
    """A WebSocket to one address: the connection that serves, and while it is replaced its successor."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        clock: Clock,
        pace: ConnectionPace,
        talk: Callable[[Link], Talk],
        silent_after_s: float,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.name = name
        self.is_expecting = True  # an owner who subscribed to nothing cannot complain of silence
        self._url = url
        self._clock = clock
        self._pace = pace
        self._talk = talk
        self._max_age_s = max_age_s
        self._expected = ExpectedPause(silent_after_s)
        self._current: Link | None = None
        self._next: Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._status = SocketStatus()
        self._started_s = time.monotonic()
        self._connected_s = 0.0
        self._up_since_s: float | None = None
        self._at_once = True  # the next attempt need not wait its turn
        self._tried_at_once_s = -math.inf
        self._clock_ahead_ms = 0.0
        self._seen = 0

    @property
    def status(self) -> SocketStatus:
        """Give the figures as of now."""
        now_s = time.monotonic()
        open_s = 0.0 if self._up_since_s is None else now_s - self._up_since_s
        self._status.connected = self._up_since_s is not None
        self._status.uptime_ratio = (self._connected_s + open_s) / max(now_s - self._started_s, 1e-9)
        heard_ms = 0 if self._current is None else self._current.heard_ms
        self._status.last_message_ms = max(self._status.last_message_ms, heard_ms)
        return self._status

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        self._started_s = time.monotonic()
        self._read_clock()
        watching = asyncio.create_task(self._watch())
        try:
            await self._keep()
        finally:
            self._tasks.add(watching)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._down(time.monotonic())

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            wait_s: float | None = None
            if self._next is None and (self._current is None or self._current.leaving):
                wait_s = self._pace.wait_s(time.monotonic(), is_first=self._at_once)
                if wait_s <= 0:
                    self._begin()
                    continue
            # Looked at again once in a while: another socket's success lets this one follow.
            pause = None if wait_s is None else min(wait_s, LOOK_AGAIN_S)
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _begin(self) -> None:
        current = self._current
        if current is not None and current.is_planned:
            self._status.handovers += 1
        elif self._seen:
            self._status.reconnects += 1
        self._seen += 1
        if self._at_once and self._seen > 1:
            self._tried_at_once_s = time.monotonic()
        self._at_once = False
        link = self._next = Link(self, current)
        link.task = asyncio.create_task(self._live(link))
        self._tasks.add(link.task)
        link.task.add_done_callback(self._tasks.discard)

    async def _live(self, link: Link) -> None:
        """Connect and read until the connection ends."""
        was_reached = False
        try:
            wire = await Wire.connect(self._url, timeout_s=CONNECT_TIMEOUT_S)
            was_reached = True
            try:
                link.open(wire)
                log.info("socket_connected", extra={"socket": self.name})
                await self._read(wire, link)
            finally:
                await wire.close()
            log.warning("socket_closed", extra={"socket": self.name, "code": wire.close_code})
        except WireError as error:
            was_reached = was_reached or isinstance(error, Refused)
            self._failed(error)
        finally:
            self._ended(link, was_reached=was_reached)

    async def _read(self, wire: Wire, link: Link) -> None:
        talk = self._talk(link)
        holding = asyncio.create_task(self._hold(talk, link))
        try:
            wire.listen(talk.hear, now_ms=self._now_ms)
            await wire.wait_closed()
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _hold(self, talk: Talk, link: Link) -> None:
        try:
            await talk.hold()
        except Exception as error:  # noqa: BLE001 -- the rim: whatever went wrong, a new connection is tried
            if isinstance(error, ToldToWait):
                self._pace.hold(time.monotonic() + error.wait_s)
            log.warning(
                "socket_talk_failed",
                extra={"socket": self.name, "error": f"{type(error).__name__}: {error}"},
            )
            await link.close()

    def took_over(self, link: Link) -> None:
        """Let a connection that serves take the place of the one before it."""
        if self._next is not link:
            return
        old, self._current, self._next = self._current, link, None
        self._pace.stands(time.monotonic())
        self._expected.begin(time.monotonic())
        if self._up_since_s is None:
            self._up_since_s = time.monotonic()
        self._status.connected_at_ms = to_ms(self._clock())
        link.predecessor = None
        if old is not None:
            retiring = asyncio.create_task(_retire(old))
            self._tasks.add(retiring)
            retiring.add_done_callback(self._tasks.discard)
        self._changed.set()

    def left(self, link: Link) -> None:
        """Take note that a connection wants a successor; one that does not serve yet simply ends."""
        if link is self._current:
            self._at_once = link.is_planned or self._may_try_at_once()
            if not link.is_planned:
                self._down(time.monotonic())
            self._changed.set()
        else:
            closing = asyncio.create_task(link.close())
            self._tasks.add(closing)
            closing.add_done_callback(self._tasks.discard)

    def _ended(self, link: Link, *, was_reached: bool) -> None:
        now_s = time.monotonic()
        self._status.last_message_ms = max(self._status.last_message_ms, link.heard_ms)
        if link is self._current:
            self._current = None
            self._at_once = self._may_try_at_once()
            self._down(now_s)
            if not self._at_once:
                self._pace.failed(now_s, was_reached=was_reached)
        elif link is self._next:
            self._next = None
            self._pace.failed(now_s, was_reached=was_reached)
        self._changed.set()

    def _may_try_at_once(self) -> bool:
        return time.monotonic() - self._tried_at_once_s >= SETTLED_S

    def _failed(self, error: Exception) -> None:
        self._status.failures += 1
        if (
            isinstance(error, Refused)
            and error.response is not None
            and error.response.status in TOLD_TO_WAIT
        ):
            self._pace.hold(time.monotonic() + _retry_after_s(error.response.headers))
        log.warning("socket_failed", extra={"socket": self.name, "error": type(error).__name__})

    async def _watch(self) -> None:
        """Look at what was heard, and at the age, a few times a second."""
        heard, watched, looked_s = 0, None, time.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            self._read_clock()
            now_s, link = time.monotonic(), self._current
            was_away, looked_s = now_s - looked_s > AWAY_S, now_s
            if link is not watched:
                heard, watched = 0, link
            if self._next is not None and 0 < self._next.opened_s < now_s - READY_TIMEOUT_S:
                await self._next.close()
            if link is None:
                continue
            if link.heard != heard:
                heard = link.heard
                self._expected.heard(now_s, is_example=not was_away)
                if link.leaving in (None, SILENCE):
                    self._up_since_s = self._up_since_s or now_s  # it may speak again before it is replaced
            elif not self.is_expecting:
                self._expected.begin(now_s)
            elif not was_away and not link.leaving and self._expected.is_silent(now_s):
                # Where this program itself stood still, what came meanwhile is only being read now.
                self._fell_silent(link, now_s)
            if not link.leaving and now_s - link.opened_s > self._max_age_s:
                link.leave(AGE, is_planned=True)

    def _fell_silent(self, link: Link, now_s: float) -> None:
        since_s = self._expected.heard_s
        log.warning("socket_silent", extra={"socket": self.name, "seconds": round(now_s - since_s, 1)})
        self._status.silences += 1
        self._down(since_s)
        link.leave(SILENCE)

    def _down(self, since_s: float) -> None:
        if self._up_since_s is not None:
            self._connected_s += max(since_s - self._up_since_s, 0.0)
        self._up_since_s = None

    def _now_ms(self) -> int:
        """Give the moment by one addition: asking the clock itself costs more than reading a message."""
        return int(time.monotonic() * 1000 + self._clock_ahead_ms)

    def _read_clock(self) -> None:
        self._clock_ahead_ms = to_ms(self._clock()) - time.monotonic() * 1000


async def _retire(old: Link) -> None:
    await asyncio.sleep(LINGER_S)
    await old.close()


def _retry_after_s(headers: Mapping[str, str]) -> float:
    word = headers.get("Retry-After", "")
    return float(word) if word.isdigit() else DEFAULT_WAIT_S
