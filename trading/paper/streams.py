"""Market streams: /ws and /stream, their control messages, and the fan-out to whoever listens.

The venue publishes (stream name, payload); a payload is written to bytes once, and only if somebody listens.
User data never passes here: that goes over the WS API (ws_api.py).
"""

from __future__ import annotations

import re
from collections.abc import KeysView
from dataclasses import dataclass, field
from typing import Any

import orjson

from trading.paper.sockets import Socket

MAX_STREAMS = 1024
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
STREAM_NAME = re.compile(
    r"!miniTicker@arr(@1000ms)?"
    r"|[^@\s!]+@(bookTicker|trade|aggTrade|miniTicker|ticker|avgPrice|referencePrice|blockTrade"
    r"|ticker_(1h|4h|1d)|depth(5|10|20)?(@(100|1000)ms)?"
    r"|kline_(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)(@\+08:00)?)"
)


class ControlError(Exception):
    """A control message the venue refuses; carries its code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(slots=True, eq=False)
class Listener:
    """One connection with the streams it asked for."""

    socket: Socket
    is_combined: bool
    names: dict[str, None] = field(default_factory=dict)


class StreamHub:
    """Who listens to what."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Listener, None]] = {}

    @property
    def wanted(self) -> KeysView[str]:
        """Give the names of all streams somebody listens to."""
        return self._listeners.keys()

    def publish(self, name: str, payload: Any) -> None:
        """Send a payload to everybody who listens to the stream."""
        listeners = self._listeners.get(name)
        if not listeners:
            return
        raw = orjson.dumps(payload)
        combined: bytes | None = None
        for listener in tuple(listeners):
            if listener.is_combined:
                combined = combined or _combined(name, raw)
                listener.socket.send(combined)
            else:
                listener.socket.send(raw)

    def publish_to_all(self, name: str, payload: Any) -> None:
        """Send a payload to every connection whatever it listens to (serverShutdown)."""
        raw = orjson.dumps(payload)
        everyone = {listener for listeners in self._listeners.values() for listener in listeners}
        for listener in everyone:
            listener.socket.send(_combined(name, raw) if listener.is_combined else raw)

    def subscribe(self, listener: Listener, names: list[str]) -> None:
        """Add streams to a connection; names are taken as they are.

        Raises:
            ControlError: A name no stream can have, or more than 1024 of them.
        """
        for name in names:
            if not STREAM_NAME.fullmatch(name):
                raise ControlError(2, f"Invalid request: invalid stream name '{name}'")
        if len({*listener.names, *names}) > MAX_STREAMS:
            raise ControlError(2, f"Invalid request: more than {MAX_STREAMS} streams")
        for name in names:
            listener.names[name] = None
            self._listeners.setdefault(name, {})[listener] = None

    def unsubscribe(self, listener: Listener, names: list[str]) -> None:
        """Take streams from a connection; unknown ones are ignored, as the venue does."""
        for name in names:
            listener.names.pop(name, None)
            listeners = self._listeners.get(name)
            if listeners is not None:
                listeners.pop(listener, None)
                if not listeners:
                    del self._listeners[name]

    def answer(self, listener: Listener, text: str) -> bytes:
        """Carry out a control message and give the reply frame."""
        request_id: Any = None
        try:
            request = _parse(text)
            request_id = request.get("id")
            return orjson.dumps({"result": self._control(listener, request), "id": request_id})
        except ControlError as error:
            refusal = {"code": error.code, "msg": error.text}
            if request_id is not None:
                refusal["id"] = request_id
            return orjson.dumps(refusal)

    def _control(self, listener: Listener, request: dict[str, Any]) -> Any:
        method = request.get("method")
        if method == "LIST_SUBSCRIPTIONS":
            return list(listener.names)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            names = _names(request.get("params"))
            act = self.subscribe if method == "SUBSCRIBE" else self.unsubscribe
            act(listener, names)
            return None
        return _property(listener, str(method), request.get("params"))


def _combined(name: str, raw: bytes) -> bytes:
    return b'{"stream":"' + name.encode() + b'","data":' + raw + b"}"


def _parse(text: str) -> dict[str, Any]:
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ControlError(3, f"Invalid JSON: expected value at line {error.lineno} column 1") from error
    if not isinstance(request, dict) or "method" not in request:
        raise ControlError(2, "Invalid request: missing field `method` at line 1 column 1")
    method = request["method"]
    if method not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise ControlError(
            2, f"Invalid request: unknown variant `{method}`, expected one of {known} at line 1 column 1"
        )
    request_id = request.get("id")
    if not (request_id is None or isinstance(request_id, str) or _is_count(request_id)):
        raise ControlError(2, "Invalid request: request ID must be an unsigned integer")
    return request


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _names(params: Any) -> list[str]:
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise ControlError(2, "Invalid request: params must be an array of stream names")
    return params


def _property(listener: Listener, method: str, params: Any) -> Any:
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise ControlError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise ControlError(0, "Unknown property")
    if method == "GET_PROPERTY":
        return listener.is_combined
    if len(params) != 2 or not isinstance(params[1], bool):
        raise ControlError(1, "Invalid value type: expected Boolean")
    listener.is_combined = params[1]
    return None
