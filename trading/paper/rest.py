"""The REST door, /api/v3 and /sapi/v1: reads the request as signed, asks the dispatcher, writes the answer.

Parameters may come in the query, in the form body, or in both; the signed payload is query + body as sent.
Nothing here knows what a call does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import unquote_plus

from aiohttp import web

from trading.paper.auth import split_signature
from trading.paper.calls import JSON, Call, Reply, refusal
from trading.paper.dispatch import Dispatcher
from trading.paper.errors import VenueError, duplicate_parameter
from trading.paper.rest_market import MARKET_ROUTES
from trading.paper.routes import TRADING_ROUTES, WALLET_ROUTES, Route
from trading.paper.sockets import reset_connection

log = logging.getLogger("trading.paper.rest")

ROUTES: Mapping[tuple[str, str], Route] = {
    (route.verb, prefix + route.path): route
    for prefix, routes in (("/api/v3/", (*MARKET_ROUTES, *TRADING_ROUTES)), ("/sapi/v1/", WALLET_ROUTES))
    for route in routes
}
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
JSON_TYPE = "application/json;charset=UTF-8"
DRIPS = 50


def read_params(payload: bytes) -> dict[str, str]:
    """Read a query string or form body.

    Raises:
        VenueError: -1101 when a name comes twice.
    """
    params: dict[str, str] = {}
    for part in payload.decode("utf-8", "replace").split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if name in params:
            raise duplicate_parameter()
        params[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return params


class RestDoor:
    """Answers everything below /api/ and /sapi/."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; an unknown path is 404 with a page, as a web server gives it."""
        path, _, query_text = request.raw_path.partition("?")
        route = ROUTES.get((request.method, path))
        if route is None:
            return web.Response(status=404, body=NOT_FOUND_PAGE, content_type="text/html")
        body = await request.read() if request.can_read_body else b""
        try:
            call = read_call(request, route, query_text.encode(), body)
        except VenueError as error:
            return write_reply(refusal(error))
        return await send_reply(request, await self._dispatcher.answer(call))


def read_call(request: web.Request, route: Route, query: bytes, body: bytes) -> Call:
    """Make a Call of a request; the query wins where a name is in both places."""
    query, query_signature = split_signature(query)
    body, body_signature = split_signature(body)
    return Call(
        door="rest",
        route=route,
        params={**read_params(body), **read_params(query)},
        ip=request.remote or "",
        api_key=request.headers.get("X-MBX-APIKEY"),
        payload=query + body,
        signature=query_signature or body_signature,
    )


async def send_reply(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Send a reply as it asks to be sent: whole, in pieces, in part, or not at all."""
    if reply.is_cut:
        reset_connection(request.transport)
    elif reply.is_hung_up and request.transport is not None:
        request.transport.close()
    elif reply.drip_s or reply.part < 1:
        return await _drip(request, reply)
    return write_reply(reply)


async def _drip(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Send the body in pieces over a time, and perhaps not to its end."""
    whole = write_reply(reply)
    body = bytes(whole.body) if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    size = max(1, len(body) // DRIPS)
    kept = body[: int(len(body) * reply.part)]
    try:
        for start in range(0, len(kept), size):
            await response.write(kept[start : start + size])
            await asyncio.sleep(reply.drip_s / DRIPS)
    except ConnectionError as error:  # who waits that long gives up at some time
        log.debug("client_gone", extra={"error": repr(error)})
    if len(kept) < len(body):
        reset_connection(request.transport)
    return response


def write_reply(reply: Reply) -> web.Response:
    """Make the HTTP response."""
    kind = JSON_TYPE if reply.content_type == JSON else reply.content_type
    return web.Response(status=reply.status, body=reply.raw, headers={**reply.headers, "Content-Type": kind})
