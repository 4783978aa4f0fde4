"""Requests over one WebSocket API connection: ids, answers, errors, and everything else as events.

Used by the user stream. An answer to an id that nobody waits for is counted and dropped: a late answer must
never harm the connection. It sends no orders.

Source: binance-spot-api-docs, web-socket-api.md, read 2026-07.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from trading.exchange.fields import Payload, UnknownMessage
from trading.exchange.signing import Signer
from trading.exchange.wire import Wire

Param = str | int


class WsApiRefused(Exception):
    """The venue answered a request with an error."""

    def __init__(self, method: str, *, code: int, message: str, retry_at_ms: int | None = None) -> None:
        super().__init__(f"{method}: code {code}: {message}")
        self.code = code
        self.retry_at_ms = retry_at_ms


class WsApiLost(ConnectionError):
    """The venue told that this connection serves us no longer."""


def signed_params(
    params: Mapping[str, Param], *, api_key: str, signer: Signer, timestamp_ms: int
) -> dict[str, Param]:
    """Give the parameters with key, moment and signature; signed in alphabetical order, not encoded."""
    full: dict[str, Param] = {**params, "apiKey": api_key, "timestamp": timestamp_ms}
    payload = "&".join(f"{name}={full[name]}" for name in sorted(full))
    return {**full, "signature": signer.sign(payload)}


def _refusal(method: str, reply: Payload) -> WsApiRefused:
    error = reply.get("error")
    told: Payload = error if isinstance(error, dict) else {}
    code, data = told.get("code"), told.get("data")
    retry_at_ms = data.get("retryAfter") if isinstance(data, dict) else None
    return WsApiRefused(
        method,
        code=code if isinstance(code, int) else 0,
        message=str(told.get("msg", ""))[:200],
        retry_at_ms=retry_at_ms if isinstance(retry_at_ms, int) else None,
    )


class WsApi:
    """The requests that wait on one connection."""

    def __init__(self, wire: Wire, *, unknown: Counter[str]) -> None:
        self._wire = wire
        self._unknown = unknown
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Payload]] = {}

    async def request(
        self, method: str, params: Mapping[str, Param] | None = None, *, timeout_s: float
    ) -> object:
        """Send a request and give its result: an object, or a list.

        Raises:
            WsApiRefused: The venue answered with an error.
            TimeoutError: No answer in time.
        """
        request_id = f"fc-{next(self._ids)}"
        answer = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                self._wire.send_json({"id": request_id, "method": method, "params": dict(params or {})})
                reply = await answer
        finally:
            del self._waiting[request_id]
        if reply.get("status") != 200:
            raise _refusal(method, reply)
        return reply.get("result")

    def hear(self, text: str | bytes) -> Payload | None:
        """Take one message: an answer goes to who waits for it, an event is given back.

        Raises:
            WsApiLost: An error that belongs to no request, say a revoked key.
            UnknownMessage: Neither an answer nor an event.
        """
        try:
            message: Any = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UnknownMessage(f"not JSON: {error}") from None
        if not isinstance(message, dict):
            raise UnknownMessage("not an object")
        if "event" in message or "subscriptionId" in message:
            return message
        request_id = message.get("id")
        if request_id is None and "error" in message:
            raise WsApiLost(str(message["error"])[:200])
        waiting = self._waiting.get(str(request_id))
        if waiting is None or waiting.done():
            self._unknown["answer to nobody"] += 1
        else:
            waiting.set_result(message)
        return None
