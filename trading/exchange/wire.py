"""One open WebSocket: whole messages in, JSON out. Used by the supervised socket alone.

Messages are handed to a callback as they are read from the network. A coroutine that waits for each, as most
clients offer it, costs more than all that the feed does with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
    ws_connect,
)
from picows import WSInvalidStatusError as Refused

__all__ = ["Refused", "Wire", "WireError"]

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 1.0
LARGEST_MESSAGE = 64 * 1024 * 1024
# Raised by `connect` and `wait_closed`; the reason stands in the text. Refused is one of them.
WireError = (WSError, OSError, TimeoutError)

TEXT, CONTINUATION, CLOSE = WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.CLOSE

Hear = Callable[[bytes, int], None]


class Wire(WSListener):
    """An open connection."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._transport: WSTransport | None = None
        self._hear: Hear = self._keep
        self._now_ms: Callable[[], int] = int
        self._read_ms: int | None = None
        self._early: list[bytes] = []
        self._parts: list[bytes] = []

    @classmethod
    async def connect(cls, url: str, *, timeout_s: float) -> Wire:
        """Open a connection.

        Raises:
            Refused: The venue answered with a status of HTTP; it is one of WireError.
            WireError: Any other reason.
        """
        sockets: list[socket.socket] = []

        async def reach(address: WSParsedURL) -> socket.socket:
            sockets.append(await _connected(address.host, address.port))
            return sockets[0]

        opening = asyncio.ensure_future(
            ws_connect(cls, url, max_redirects=0, max_frame_size=LARGEST_MESSAGE, socket_factory=reach)
        )
        try:
            async with asyncio.timeout(timeout_s):
                _, wire = await asyncio.shield(opening)
        finally:
            if not opening.done():
                await _break_off(opening, sockets)
        if wire is None:  # picows' way to tell it
            raise ConnectionResetError("the connection ended during the handshake")
        return cast(Wire, wire)

    def listen(self, hear: Hear, *, now_ms: Callable[[], int]) -> None:
        """Hand on messages with the moment at which they were read, first those that came before.

        What was read from the network together has one moment: asking costs as much as reading a message.
        """
        self._hear, self._now_ms = hear, now_ms
        early, self._early = self._early, []
        for message in early:
            self._hand_on(message, now_ms())

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_disconnected

    def send_json(self, message: Any) -> None:
        """Send a message, as soon as the network takes it. Raises ConnectionError."""
        if self._transport is None or self._transport.is_disconnected:
            raise ConnectionError("the connection is closed")
        self._transport.send(WSMsgType.TEXT, orjson.dumps(message))

    async def wait_closed(self) -> None:
        """Wait for the end of the connection. Raises WireError where what came is no WebSocket."""
        if self._transport is not None:
            await self._transport.wait_disconnected()

    async def close(self) -> None:
        """Say goodbye, wait a little for the answer, and end; why it broke, `wait_closed` tells."""
        if self._transport is None:
            return
        if not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._transport.wait_disconnected()
        except (TimeoutError, WSError):
            pass  # a dead connection answers nothing, a broken one has ended
        finally:
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take what to speak through."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame; nearly every one is a whole message."""
        if self._read_ms is None:
            self._read_ms = self._now_ms()
        if frame.msg_type is TEXT and frame.fin:
            self._hand_on(frame.get_payload_as_bytes(), self._read_ms)
        else:
            self._take_other(transport, frame, self._read_ms)
        if frame.last_in_buffer:
            self._read_ms = None

    def _take_other(self, transport: WSTransport, frame: WSFrame, read_ms: int) -> None:
        if frame.msg_type in (TEXT, CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                parts, self._parts = self._parts, []
                self._hand_on(b"".join(parts), read_ms)
        elif frame.msg_type is CLOSE:
            self.close_code = int(frame.get_close_code().value)
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _hand_on(self, message: bytes, read_ms: int) -> None:
        try:
            self._hear(message, read_ms)
        except Exception:  # the rim of the wire: one message must not end the stream
            log.exception("socket_message_failed")

    def _keep(self, message: bytes, _read_ms: int) -> None:
        self._early.append(message)


async def _connected(host: str, port: int) -> socket.socket:
    """Give a socket that is connected to the first address of a host that answers."""
    loop = asyncio.get_running_loop()
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        found = socket.socket(family, kind, protocol)
        try:
            found.setblocking(False)
            await loop.sock_connect(found, address)
        except OSError as error:
            found.close()
            failure = error
        except BaseException:
            found.close()
            raise
        else:
            return found
    raise failure


async def _break_off(opening: asyncio.Future[Any], sockets: Sequence[socket.socket]) -> None:
    """End an attempt that is under way, and wait for its end.

    A handshake that is only cancelled would keep its connection; one whose socket ends closes it.
    """
    if sockets:
        with contextlib.suppress(OSError):
            sockets[0].shutdown(socket.SHUT_RDWR)
    else:
        opening.cancel()
    await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        _, wire = opening.result()
        if wire is not None:  # it succeeded in the last moment
            await wire.close()
