"""One WebSocket of the venue, market stream or WS API: bounded sending, heart-beat, message limit, life.

streams.py and ws_api.py own the meaning of messages; this file only moves frames. A client that does not
read may never slow down another: its frames wait in its own bounded queue, and it is cut when that is full.
"""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import struct
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

log = logging.getLogger("trading.paper.sockets")

MAX_PENDING_FRAMES = 5000
MESSAGE_LIMIT = 5
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
ABNORMAL = 1006
CLOSE_TIMEOUT_S = 1.0
RESET_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Rhythm:
    """The venue's times for a connection, in seconds, and its ears; a fault or a test may change them."""

    ping_s: float = 20.0
    pong_s: float = 60.0
    life_s: float = 86_400.0
    answers_ping: Callable[[], bool] = lambda: True
    hears_pong: Callable[[], bool] = lambda: True


def reset_connection(transport: asyncio.BaseTransport | None) -> None:
    """Cut a TCP connection with a reset, as a broken middle box does: no farewell, unsent data lost."""
    if not isinstance(transport, asyncio.Transport):
        return
    handle = transport.get_extra_info("socket")
    if handle is not None:
        handle.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESET_AT_ONCE)
    transport.abort()


@dataclass(slots=True, eq=False)
class Socket:
    """One connection. `send` never waits; `serve` runs until the peer or the venue ends it."""

    ws: web.WebSocketResponse
    request: web.Request
    ip: str
    rhythm: Rhythm
    message_limit: int | None = MESSAGE_LIMIT
    opened_s: float = field(default_factory=time.monotonic)
    sent: int = 0
    is_mute: bool = False
    _pending: deque[bytes] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=MESSAGE_LIMIT))
    _pings: dict[bytes, float] = field(default_factory=dict)
    _pinged_s: float = field(default_factory=time.monotonic)
    _closing: asyncio.Task[object] | None = None

    def send(self, frame: bytes) -> None:
        """Queue a text frame; cut the client whose queue is full."""
        if self._closing is not None or self.ws.closed or self.is_mute:
            return
        if len(self._pending) >= MAX_PENDING_FRAMES:
            log.warning("client_too_slow", extra={"ip": self.ip, "pending": len(self._pending)})
            self.cut()
            return
        self._pending.append(frame)
        self._wake.set()

    def cut(self) -> None:
        """Break the connection without a close frame (the peer sees 1006)."""
        self._pending.clear()
        reset_connection(self.request.transport)

    def close(self, code: int, reason: str = "") -> None:
        """Begin a proper close with a code; 1006 breaks the connection instead."""
        if code == ABNORMAL:
            self.cut()
        elif self._closing is None and not self.ws.closed:
            self._closing = asyncio.ensure_future(self._finish(code, reason))

    async def serve(self, on_text: Callable[[str], Awaitable[None]]) -> None:
        """Read messages until the connection ends, writing queued frames meanwhile."""
        writer = asyncio.ensure_future(self._write())
        try:
            async for message in self.ws:
                if not self._may_speak():
                    self.close(POLICY_VIOLATION, "Too many requests")
                elif message.type is WSMsgType.TEXT:
                    await on_text(message.data)
                elif message.type is WSMsgType.PING:
                    await self._answer_ping(message.data)
                elif message.type is WSMsgType.PONG and self.rhythm.hears_pong():
                    self._pings.pop(bytes(message.data), None)
        except ConnectionError as error:
            log.debug("client_gone", extra={"ip": self.ip, "error": repr(error)})
        finally:
            writer.cancel()
            if self._closing is not None:
                self._closing.cancel()

    async def beat(self, now_s: float) -> None:
        """Ping when due; cut a peer that left a ping unanswered or has lived its time. Seconds, monotonic."""
        oldest = next(iter(self._pings.values()), None)
        if oldest is not None and now_s - oldest > self.rhythm.pong_s:
            self.cut()
        elif now_s - self.opened_s > self.rhythm.life_s:
            self.close(GOING_AWAY)
        elif now_s - self._pinged_s >= self.rhythm.ping_s:
            self._pinged_s = now_s
            payload = str(time.time_ns() // 1_000_000).encode()
            self._pings[payload] = now_s
            await self._send_ping(payload)

    async def _send_ping(self, payload: bytes) -> None:
        try:
            await self.ws.ping(payload)
        except (ConnectionError, RuntimeError) as error:
            log.debug("ping_failed", extra={"ip": self.ip, "error": repr(error)})

    async def _answer_ping(self, payload: bytes) -> None:
        if self.rhythm.answers_ping():
            await self.ws.pong(payload)

    def _may_speak(self) -> bool:
        if self.message_limit is None:
            return True
        now_s = time.monotonic()
        full = len(self._arrivals) == self.message_limit and now_s - self._arrivals[0] < 1.0
        self._arrivals.append(now_s)
        return not full

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_pending()
        except ConnectionError as error:
            log.debug("client_gone", extra={"ip": self.ip, "error": repr(error)})

    async def _write_pending(self) -> None:
        while self._pending:
            await self.ws.send_frame(self._pending.popleft(), WSMsgType.TEXT)
            self.sent += 1

    async def _finish(self, code: int, reason: str) -> None:
        """Say goodbye and wait for the peer's; `ws.close` would not wait while `serve` is reading."""
        try:
            await self._write_pending()
            await self.ws.send_frame(struct.pack("!H", code) + reason.encode()[:120], WSMsgType.CLOSE)
            await asyncio.sleep(CLOSE_TIMEOUT_S)
        except ConnectionError as error:
            log.debug("client_gone", extra={"ip": self.ip, "error": repr(error)})
        self.cut()


class SocketRegister:
    """All open connections of one kind, for the heart-beat, for bans and for faults that drop them."""

    def __init__(self) -> None:
        self.open: dict[Socket, None] = {}

    def add(self, socket: Socket) -> None:
        """Remember a connection."""
        self.open[socket] = None

    def remove(self, socket: Socket) -> None:
        """Forget a connection."""
        self.open.pop(socket, None)

    def close_all(self, code: int, *, ip: str | None = None) -> int:
        """Close every connection (of one address); give how many."""
        chosen = [socket for socket in self.open if ip is None or socket.ip == ip]
        for socket in chosen:
            socket.close(code)
        return len(chosen)

    async def beat(self, now_s: float) -> None:
        """Give every connection its heart-beat."""
        for socket in list(self.open):
            await socket.beat(now_s)
