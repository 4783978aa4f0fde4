"""The control port, /paper/*: faults, the venue's own truth, and the hand of an outsider on the account.

For oracles, tests and operators of a paper run; the real venue has no such thing, and no trading code may
use it. Answers are JSON; a wrong request is 400 with one line.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from aiohttp import web

from trading.paper.errors import VenueError
from trading.paper.faults import FaultError
from trading.paper.venue import Venue

RHYTHM_FIELDS = ("ping_s", "pong_s", "life_s")
LIMIT_FIELDS = ("weight_limit", "raw_limit", "connection_limit")


class ControlError(Exception):
    """A control request that cannot be carried out; the text is the one line to show."""


def add_control_routes(app: web.Application, venue: Venue) -> None:
    """Hang the control port into the server."""
    port = ControlPort(venue)
    app.router.add_get("/paper/faults", _answering(port.list_faults))
    app.router.add_post("/paper/faults", _answering(port.arm_fault))
    app.router.add_delete("/paper/faults", _answering(port.clear_faults))
    app.router.add_get("/paper/ledger", _answering(port.ledger))
    app.router.add_get("/paper/status", _answering(port.status))
    app.router.add_post("/paper/control", _answering(port.control))


def _answering(act: Callable[[dict[str, Any]], Any]) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read() or b"{}")
            if not isinstance(body, dict):
                raise ControlError("the body must be a JSON object")
            answer = act({**request.query, **body})
        except (ControlError, FaultError) as error:
            return _json({"error": str(error)}, status=400)
        except VenueError as error:
            return _json({"error": error.message}, status=400)
        except orjson.JSONDecodeError:
            return _json({"error": "the body must be a JSON object"}, status=400)
        return _json(answer)

    return handle


def _json(answer: Any, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(answer), content_type="application/json")


class ControlPort:
    """Each method takes the request's object and gives the answer's."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._acts: dict[str, Callable[[Any], Any]] = {
            "deposit": lambda given: self._adjust(given, sign=1),
            "withdraw": lambda given: self._adjust(given, sign=-1),
            "pardon": lambda given: self._venue.limits.pardon(),
            "ban_s": self._ban,
            "skew_ms": self._skew,
            "rhythm": lambda given: _set_numbers(self._venue.rhythm, given, RHYTHM_FIELDS),
            "limits": lambda given: _set_numbers(self._venue.limits, given, LIMIT_FIELDS),
            "order_limits": self._order_limits,
        }

    def list_faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        """List armed, spent and known faults."""
        return self._venue.faults.listing()

    def arm_fault(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Arm a fault and give its state."""
        return self._venue.faults.arm(asked).describe()

    def clear_faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Disarm the fault of `id`, or all."""
        text = asked.get("id")
        if text is not None and not str(text).isdigit():
            raise ControlError(f"id must be the id of an armed fault, not {text!r}")
        return {"cleared": self._venue.faults.clear(None if text is None else int(text))}

    def ledger(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give the venue's own truth about the account."""
        return self._venue.engine.ledger()

    def status(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Give what the venue has seen: connections, calls by outcome, the highest weight of a minute."""
        return self._venue.status()

    def control(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Carry out every act named in the request, in order."""
        unknown = next((name for name in asked if name not in self._acts), None)
        if unknown is not None or not asked:
            raise ControlError(f"unknown act {unknown!r}; allowed are {', '.join(self._acts)}")
        for name, given in asked.items():
            self._acts[name](given)
        return {"done": list(asked)}

    def _adjust(self, given: Any, *, sign: int) -> None:
        asset = given.get("asset") if isinstance(given, dict) else None
        try:
            amount = Decimal(str(given["amount"])) if isinstance(given, dict) else Decimal(0)
        except (InvalidOperation, KeyError):
            amount = Decimal(0)
        if not isinstance(asset, str) or not asset or not amount.is_finite() or amount <= 0:
            raise ControlError('deposit and withdraw take {"asset": "USDT", "amount": "100"}')
        try:
            self._venue.adjust_balance(asset, sign * amount)
        except ValueError as error:
            raise ControlError(str(error)) from error

    def _ban(self, given: Any) -> None:
        for_ms = int(_number("ban_s", given) * 1000)
        for ip in self._venue.limits.known_addresses():
            self._venue.limits.ban(ip, for_ms)

    def _skew(self, given: Any) -> None:
        self._venue.clock.set_apart(int(_number("skew_ms", given, low=-86_400_000)))

    def _order_limits(self, given: Any) -> None:
        if not isinstance(given, dict) or not set(given) <= {"10s", "1d"}:
            raise ControlError('order_limits takes {"10s": 100, "1d": 200000}')
        limits = self._venue.limits
        for name, value in given.items():
            window = limits.orders_10s if name == "10s" else limits.orders_1d
            window.limit = int(_number(f"order_limits.{name}", value))


def _number(name: str, value: Any, *, low: float = 0) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < low:
        raise ControlError(f"{name} must be a number from {low:g} up, not {value!r}")
    return value


def _set_numbers(target: object, given: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(given, dict) or not set(given) <= set(allowed):
        raise ControlError(f"allowed are {', '.join(allowed)}")
    for name, value in given.items():
        setattr(target, name, type(getattr(target, name))(_number(name, value)))
