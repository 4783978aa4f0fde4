"""The gate before all doors: what has just come in may be refused before anything of it is read.

server.py puts it in front of every request; it costs nothing while no fault is armed there. The control port
/paper/* is never shut, so that an outage can be watched and ended.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from trading.paper.calls import Reply
from trading.paper.fault_box import FaultBox
from trading.paper.faults import Arrival
from trading.paper.rest import send_reply

CONTROL = "/paper/"


def gate_of(faults: FaultBox) -> Middleware:
    """Give the middleware that lets the armed faults look at each arrival."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        reply: Reply | None = None
        if faults.has("on_arrival") and not request.path.startswith(CONTROL):
            arrival = Arrival(door_of(request.path), request.method, request.remote or "")
            reply = await faults.on_arrival(arrival)
        return await handler(request) if reply is None else await send_reply(request, reply)

    return gate


def door_of(path: str) -> str:
    """Name the door that a path leads to: rest, streams or ws-api."""
    if path.startswith("/ws-api"):
        return "ws-api"
    is_stream = path in ("/ws", "/stream") or path.startswith("/ws/")
    return "streams" if is_stream else "rest"
