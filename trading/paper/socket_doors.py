"""The WebSocket doors: /ws and /stream for market data, /ws-api/v3 for calls and user data.

server.py hangs these handlers into the application. Each opens a Socket, registers it, and lets the room that
knows the messages (streams.py, ws_api.py) speak with it until it ends.
"""

from __future__ import annotations

from aiohttp import web

from trading.paper.sockets import CLOSE_TIMEOUT_S, POLICY_VIOLATION, Socket, SocketRegister
from trading.paper.streams import ControlError, Listener
from trading.paper.venue import Venue
from trading.paper.ws_api import Session


class SocketDoors:
    """Opens WebSocket connections on behalf of the venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def raw_streams(self, request: web.Request) -> web.StreamResponse:
        """Serve /ws and /ws/<stream>[/<stream>…]: bare payloads."""
        names = [name for name in request.match_info.get("names", "").split("/") if name]
        return await self._streams(request, names, is_combined=False)

    async def combined_streams(self, request: web.Request) -> web.StreamResponse:
        """Serve /stream?streams=<a>/<b>: payloads in an envelope with the stream's name."""
        names = [name for name in request.query.get("streams", "").split("/") if name]
        return await self._streams(request, names, is_combined=True)

    async def ws_api(self, request: web.Request) -> web.StreamResponse:
        """Serve /ws-api/v3."""
        venue = self._venue
        socket = await self._open(request, venue.user_sockets, message_limit=None)
        if socket is None:
            return web.Response(status=429)
        session = Session(
            socket, desk=venue, shows_limits=request.query.get("returnRateLimits", "true") != "false"
        )
        try:
            await socket.serve(session.on_text)
        finally:
            session.end()
            venue.user_sockets.remove(socket)
        return socket.ws

    async def _streams(
        self, request: web.Request, names: list[str], *, is_combined: bool
    ) -> web.StreamResponse:
        venue = self._venue
        socket = await self._open(request, venue.stream_sockets, message_limit=5)
        if socket is None:
            return web.Response(status=429)
        listener = Listener(socket, is_combined)

        async def on_text(text: str) -> None:
            if venue.faults.has("on_control") and venue.faults.on_control(socket.ip):
                socket.close(POLICY_VIOLATION, "Too many requests")
                return
            socket.send(venue.streams.answer(listener, text))

        try:
            try:
                venue.streams.subscribe(listener, names)
            except ControlError as error:
                socket.close(1008, error.text)
            await socket.serve(on_text)
        finally:
            venue.streams.unsubscribe(listener, list(listener.names))
            venue.stream_sockets.remove(socket)
        return socket.ws

    async def _open(
        self, request: web.Request, register: SocketRegister, *, message_limit: int | None
    ) -> Socket | None:
        venue = self._venue
        ip = request.remote or ""
        if not venue.limits.connect(ip):
            return None
        ws = web.WebSocketResponse(autoping=False, compress=False, timeout=CLOSE_TIMEOUT_S)
        try:
            await ws.prepare(request)
        except ConnectionResetError:
            return None  # who asked is gone already, and hears no answer
        socket = Socket(ws, request, ip, venue.rhythm, message_limit)
        register.add(socket)
        return socket
