"""The REST door, /api/v3: reads the request as it was signed, hands it to the dispatcher, writes the answer.

Parameters may come in the query, in the form body, or in both; the signed payload is query + body as sent.
Nothing here knows what a call does.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

import orjson
from aiohttp import web

from trading.paper.auth import split_signature
from trading.paper.calls import JSON, Call, Reply, refusal
from trading.paper.dispatch import Dispatcher
from trading.paper.errors import VenueError, duplicate_parameter
from trading.paper.rest_market import MARKET_ROUTES
from trading.paper.routes import TRADING_ROUTES, Route
from trading.paper.sockets import reset_connection

PREFIX = "/api/v3/"
ROUTES: Mapping[tuple[str, str], Route] = {
    (route.verb, PREFIX + route.path): route for route in (*MARKET_ROUTES, *TRADING_ROUTES)
}
NOT_FOUND_PAGE = b"<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
JSON_TYPE = "application/json;charset=UTF-8"


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
    """Answers everything below /api/."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def handle(self, request: web.Request) -> web.Response:
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
        reply = await self._dispatcher.answer(call)
        if reply.is_cut:
            reset_connection(request.transport)
        return write_reply(reply)


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


def write_reply(reply: Reply) -> web.Response:
    """Make the HTTP response."""
    body = reply.body if isinstance(reply.body, bytes) else orjson.dumps(reply.body)
    kind = JSON_TYPE if reply.content_type == JSON else reply.content_type
    return web.Response(status=reply.status, body=body, headers={**reply.headers, "Content-Type": kind})
