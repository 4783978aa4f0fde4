"""The WS API door, /ws-api/v3: the same calls as REST, sessions, and user data subscriptions.

Each connection is one Session. Trading and market calls go to the dispatcher; sessions and subscriptions are
answered here. Frames and codes: the venue's WebSocket API page, read 2026-07-21.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from trading.paper.auth import Keyring, ws_payload
from trading.paper.calls import Call, Reply, refusal
from trading.paper.clock import VenueClock
from trading.paper.dispatch import Dispatcher
from trading.paper.errors import VenueError, bad_request, mandatory
from trading.paper.limits import Limits
from trading.paper.rest_market import MARKET_ROUTES
from trading.paper.routes import TRADING_ROUTES, Route, Target, flat
from trading.paper.sockets import Socket
from trading.paper.user_feed import Subscriber, UserFeed

CONNECT_WEIGHT = 2


def _session_route(method: str, *, signed: bool) -> Route:
    return Route(method, "", "", flat(2), target=Target.VENUE, signed=signed)


SESSION_ROUTES = (
    _session_route("session.logon", signed=True),
    _session_route("session.status", signed=False),
    _session_route("session.logout", signed=False),
    _session_route("session.subscriptions", signed=False),
    _session_route("userDataStream.subscribe", signed=False),
    _session_route("userDataStream.subscribe.signature", signed=True),
    _session_route("userDataStream.unsubscribe", signed=False),
)
ROUTES: Mapping[str, Route] = {
    route.method: route for route in (*MARKET_ROUTES, *TRADING_ROUTES, *SESSION_ROUTES)
}
SESSION_METHODS = frozenset(route.method for route in SESSION_ROUTES)


def text_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Write JSON values as the texts REST would carry; a float keeps its scientific notation."""
    return {name: _text(value) for name, value in params.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return orjson.dumps(value).decode()


class Desk(Protocol):
    """The parts of the venue that a session needs."""

    clock: VenueClock
    dispatcher: Dispatcher
    keyring: Keyring
    limits: Limits
    user_feed: UserFeed


class Session:
    """One connection: its logon, its subscriptions, and its requests under way."""

    def __init__(self, socket: Socket, *, desk: Desk, shows_limits: bool = True) -> None:
        self._socket = socket
        self._desk = desk
        self._shows_limits = shows_limits
        self._connected_ms = desk.clock()
        self._authorised_ms: int | None = None
        self._subscriber = Subscriber(socket)
        self._tasks: set[asyncio.Task[None]] = set()
        desk.limits.charge(socket.ip, CONNECT_WEIGHT)

    async def on_text(self, text: str) -> None:
        """Take a request; it is answered on its own, so that a slow one holds up no other."""
        task = asyncio.ensure_future(self._answer(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Forget the connection and whatever it still waited for."""
        self._desk.user_feed.forget(self._subscriber)
        for task in self._tasks:
            task.cancel()

    async def _answer(self, text: str) -> None:
        request_id: Any = None
        shows_limits = self._shows_limits
        call: Call | None = None
        try:
            request = _parse(text)
            request_id = request.get("id")
            params = request.get("params") or {}
            shows_limits = params.pop("returnRateLimits", shows_limits)
            call = self._call(request["method"], text_params(params))
            reply = await self._desk.dispatcher.answer(call)
        except VenueError as error:
            reply = refusal(error)
        if reply.is_unanswered:
            self._socket.cut()
            return
        self._socket.send(self._frame(request_id, reply, call if shows_limits else None))

    def _call(self, method: Any, params: dict[str, str]) -> Call:
        route = ROUTES.get(method) if isinstance(method, str) else None
        if route is None:
            raise bad_request(-1020, "This operation is not supported.")
        needs_key = method in ("session.logon", "userDataStream.subscribe.signature")
        is_authorised = self._authorised_ms is not None and not needs_key and "apiKey" not in params
        return Call(
            door="ws",
            route=route,
            params=params,
            ip=self._socket.ip,
            api_key=params.get("apiKey"),
            payload=ws_payload(params) if route.signed else b"",
            signature=params.get("signature"),
            is_authorised=is_authorised,
            session=self.perform if method in SESSION_METHODS else None,
        )

    def perform(self, call: Call) -> Any:
        """Carry out a session or subscription call."""
        match call.route.method:
            case "session.logon":
                return self._log_on(call)
            case "session.status":
                return self._status()
            case "session.logout":
                return self._log_out()
            case "session.subscriptions":
                return [{"subscriptionId": one} for one in self._subscriber.active]
            case "userDataStream.subscribe":
                if self._authorised_ms is None:
                    raise VenueError(401, -2015, "Invalid API-key, IP, or permissions for action.")
                return {"subscriptionId": self._desk.user_feed.subscribe(self._subscriber)}
            case "userDataStream.subscribe.signature":
                return {"subscriptionId": self._desk.user_feed.subscribe(self._subscriber)}
            case _:
                return self._unsubscribe(call.params.get("subscriptionId"))

    def _log_on(self, call: Call) -> dict[str, Any]:
        if not self._desk.keyring.signed_by_public_key(call.payload, call.signature or ""):
            raise bad_request(-4056, "HMAC_SHA256 API key is not supported.")
        self._authorised_ms = self._desk.clock()
        return self._status()

    def _log_out(self) -> dict[str, Any]:
        self._authorised_ms = None
        if self._subscriber.active:
            self._desk.user_feed.unsubscribe(self._subscriber, None, at_ms=self._desk.clock())
        return self._status()

    def _status(self) -> dict[str, Any]:
        return {
            "apiKey": None if self._authorised_ms is None else self._desk.keyring.api_key,
            "authorizedSince": self._authorised_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._shows_limits,
            "serverTime": self._desk.clock(),
            "userDataStream": bool(self._subscriber.active),
        }

    def _unsubscribe(self, text: str | None) -> dict[str, Any]:
        if text is not None and not text.isdigit():
            raise mandatory("subscriptionId")
        wanted = None if text is None else int(text)
        self._desk.user_feed.unsubscribe(self._subscriber, wanted, at_ms=self._desk.clock())
        return {}

    def _frame(self, request_id: Any, reply: Reply, call: Call | None) -> bytes:
        if isinstance(reply.body, bytes):
            return reply.body
        frame: dict[str, Any] = {"id": request_id, "status": reply.status}
        if reply.is_accepted:
            frame["result"] = reply.body
        else:
            frame["error"] = reply.body if reply.data is None else {**reply.body, "data": reply.data}
        if call is not None:
            weight = self._desk.limits.address(call.ip).weight.row(self._desk.clock())
            frame["rateLimits"] = [*(self._desk.limits.order_rows() if call.route.orders else ()), weight]
        return orjson.dumps(frame)


def _parse(text: str) -> dict[str, Any]:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError:
        request = None
    if not isinstance(request, dict) or not isinstance(request.get("params", {}), dict | None):
        raise bad_request(-1135, "Invalid JSON Request")
    if "method" not in request:
        raise mandatory("method")
    return request
