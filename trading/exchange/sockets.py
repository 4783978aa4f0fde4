"""One supervised WebSocket that never gives up: connect, read, notice silence, back off, connect again.

Used by the market stream and the user stream, which give it what to do on opening and with each message.
It knows nothing of what the messages mean.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from trading.domain.ports import Clock
from trading.domain.values import to_ms

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
MAX_DELAY_S = 5.0
SETTLED_S = 5.0  # a connection that lived this long starts the back-off anew
CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
WATCH_EVERY_S = 0.5
MAX_SILENCE_S = 60.0
MAX_AGE_S = 23.5 * 3600  # the venue cuts at 24 h

TOLD_TO_WAIT = (418, 429)
DEFAULT_WAIT_S = 5.0  # where a refusal does not say how long

OnOpen = Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]
OnText = Callable[[str | bytes, int], None]


class ToldToWait(Exception):
    """The venue refuses to serve us before a moment; coming back earlier earns a ban, or a longer one."""

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(slots=True)
class SocketStatus:
    """Figures of one socket since it was started. Times in milliseconds since 1970; 0 = never."""

    connected: bool = False
    connected_at_ms: int = 0
    last_message_ms: int = 0
    reconnects: int = 0
    silences: int = 0
    failures: int = 0
    uptime_ratio: float = 0.0


class SupervisedSocket:
    """A WebSocket to one address.

    `on_open` runs as a task for as long as the connection lives; if it raises, the connection is renewed.
    `on_text` gets every text with its moment of arrival and must be quick.
    """

    def __init__(
        self, url: str, *, name: str, clock: Clock, on_open: OnOpen, on_text: OnText, silent_after_s: float
    ) -> None:
        self.name = name
        self.is_expecting = True  # an owner who subscribed to nothing cannot complain of silence
        self._url = url
        self._clock = clock
        self._on_open = on_open
        self._on_text = on_text
        self._silent_after_s = self._silence_limit_s = silent_after_s
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._status = SocketStatus()
        self._started_s = time.monotonic()
        self._opened_s = self._heard_s = 0.0
        self._connected_s = 0.0
        self._not_before_s = 0.0
        self._closing: asyncio.Task[bool] | None = None

    @property
    def status(self) -> SocketStatus:
        """Give the figures as of now."""
        now_s = time.monotonic()
        open_s = now_s - self._opened_s if self._status.connected else 0.0
        self._status.uptime_ratio = (self._connected_s + open_s) / max(now_s - self._started_s, 1e-9)
        return self._status

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        self._started_s = time.monotonic()
        delay_s = FIRST_DELAY_S
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                lived_s = await self._hold(session)
                delay_s = FIRST_DELAY_S if lived_s >= SETTLED_S else delay_s
                held_s = self._not_before_s - time.monotonic()
                await asyncio.sleep(max(random.uniform(0.5, 1.0) * delay_s, held_s))
                delay_s = min(delay_s * 2, MAX_DELAY_S)
                self._status.reconnects += 1

    def hold_back(self, wait_s: float) -> None:
        """Make no new connection before so many seconds have passed: the venue said so."""
        self._not_before_s = max(self._not_before_s, time.monotonic() + wait_s)

    def renew(self, reason: str) -> None:
        """Close the connection so that a new one is made; without one this does nothing."""
        if self._ws is not None and not self._ws.closed:
            log.info("socket_renewed", extra={"socket": self.name, "reason": reason})
            self._closing = asyncio.ensure_future(self._ws.close())

    async def _hold(self, session: aiohttp.ClientSession) -> float:
        """Connect and read until the connection ends; give the seconds it lived."""
        opened_s = 0.0
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                ws = await session.ws_connect(
                    self._url,
                    max_msg_size=0,
                    autoping=True,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
            async with ws:
                opened_s = self._opened(ws)
                await self._read(ws)
            log.warning("socket_closed", extra={"socket": self.name, "code": ws.close_code})
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._status.failures += 1
            if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in TOLD_TO_WAIT:
                self.hold_back(_retry_after_s(error))
            log.warning("socket_failed", extra={"socket": self.name, "error": type(error).__name__})
        finally:
            lived_s = self._closed(opened_s)
        return lived_s

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        tasks = [asyncio.create_task(self._greet(ws)), asyncio.create_task(self._watch(ws))]
        try:
            async for message in ws:
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    self._heard(message.data)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _heard(self, data: str | bytes) -> None:
        self._heard_s = time.monotonic()
        self._silence_limit_s = self._silent_after_s
        arrived_ms = self._status.last_message_ms = to_ms(self._clock())
        try:
            self._on_text(data, arrived_ms)
        except Exception:  # the rim of the socket: one message must not end the stream
            log.exception("socket_message_failed", extra={"socket": self.name})

    async def _greet(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            await self._on_open(ws)
        except Exception as error:  # noqa: BLE001 -- the rim: whatever went wrong, a new connection is tried
            if isinstance(error, ToldToWait):
                self.hold_back(error.wait_s)
            log.warning(
                "socket_opening_failed",
                extra={"socket": self.name, "error": f"{type(error).__name__}: {error}"},
            )
            await ws.close()

    async def _watch(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now_s = time.monotonic()
            if now_s - self._opened_s > MAX_AGE_S:
                log.info("socket_renewed", extra={"socket": self.name, "reason": "age"})
            elif self.is_expecting and now_s - self._heard_s > self._silence_limit_s:
                log.warning(
                    "socket_silent", extra={"socket": self.name, "seconds": round(now_s - self._heard_s, 1)}
                )
                self._status.silences += 1
                # A quiet market is not worth a storm of reconnects.
                self._silence_limit_s = min(self._silence_limit_s * 2, MAX_SILENCE_S)
            else:
                continue
            await ws.close()
            return

    def _opened(self, ws: aiohttp.ClientWebSocketResponse) -> float:
        self._ws = ws
        self._opened_s = self._heard_s = time.monotonic()
        self._status.connected = True
        self._status.connected_at_ms = to_ms(self._clock())
        log.info("socket_connected", extra={"socket": self.name})
        return self._opened_s

    def _closed(self, opened_s: float) -> float:
        lived_s = time.monotonic() - opened_s if opened_s else 0.0
        self._connected_s += lived_s
        self._ws = None
        self._status.connected = False
        return lived_s


def _retry_after_s(refusal: aiohttp.WSServerHandshakeError) -> float:
    word = refusal.headers.get("Retry-After", "") if refusal.headers is not None else ""
    return float(word) if word.isdigit() else DEFAULT_WAIT_S
