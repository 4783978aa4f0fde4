"""Faults of order entry and queries, numbers 1 to 10 of the list of challenges: what a reply can hide.

Each class is one fault; FaultBox makes them, the dispatcher runs their hooks. None may touch the books:
whether an order was executed is decided only by before_engine (not) or after_engine (yes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from trading.paper.calls import Call, Reply, refusal
from trading.paper.errors import VenueError, no_such_order
from trading.paper.faults import Fault, Setting
from trading.paper.routes import TRADING_ROUTES

ENTRY_METHODS = tuple(route.method for route in TRADING_ROUTES if route.orders)
TIMEOUT_TEXT = (
    "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
)
UNEXPECTED_TEXT = "An unexpected response was received from the message bus. Execution status unknown."
OVERLOAD_TEXT = "Server is currently overloaded with other requests. Please try again in a few minutes."
INTERNAL_TEXTS: Mapping[int, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
}
GATEWAY_PAGE = (
    "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1>"
    "</center>\r\n</body>\r\n</html>\r\n"
)
GATEWAY_TITLES: Mapping[int, str] = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


def timeout_reply() -> Reply:
    """Answer that nobody knows whether the order was executed (-1007)."""
    return refusal(VenueError(504, -1007, TIMEOUT_TEXT))


class EntryFault(Fault):
    """A fault that strikes the entry of orders."""

    methods: ClassVar[tuple[str, ...]] = ENTRY_METHODS


class ReplyLost(EntryFault):
    """The order is in the books; the client sees a connection reset."""

    number = 1
    name = "post-executes-reply-lost"
    what = "The order is executed, then the connection is reset instead of a reply."

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Cut the connection."""
        return Reply(is_cut=True)


class GatewayError(EntryFault):
    """The order is in the books; a gateway answers with its own page."""

    number = 2
    name = "post-executes-gateway-error"
    what = "The order is executed, the reply is an HTML page with status 502, 503 or 504."
    settings: ClassVar[Mapping[str, Setting]] = {"status": Setting(504, choices=(502, 503, 504))}

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Answer with the gateway's page."""
        status = self.params["status"]
        page = GATEWAY_PAGE.format(status=status, title=GATEWAY_TITLES[status])
        return Reply(status, page.encode(), content_type="text/html")


class ExecutedTimeout(EntryFault):
    """The order is in the books; the reply says nobody knows."""

    number = 3
    name = "post-executes-timeout"
    what = "The order is executed, -1007 comes after a delay (10 s on the real venue)."
    settings: ClassVar[Mapping[str, Setting]] = {"delay_s": Setting(10.0, 0, 120)}

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Wait, then answer -1007."""
        await asyncio.sleep(self.params["delay_s"])
        return timeout_reply()


class NotExecutedTimeout(EntryFault):
    """The order never reached the books; the reply says nobody knows."""

    number = 4
    name = "post-not-executed-timeout"
    what = "The order is not executed, the reply is -1007 all the same."
    settings: ClassVar[Mapping[str, Setting]] = {"delay_s": Setting(0.0, 0, 120)}

    async def before_engine(self, call: Call) -> Reply:
        """Wait, then answer -1007."""
        await asyncio.sleep(self.params["delay_s"])
        return timeout_reply()


class EitherWay(EntryFault):
    """A fault whose parameter `executes` says whether the order reaches the books."""

    def answer(self) -> Reply:
        """Give the reply that hides what happened."""
        return timeout_reply()

    async def before_engine(self, call: Call) -> Reply | None:
        """Answer at once unless the order shall be executed."""
        return None if self.params["executes"] else self.answer()

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Hide that the order was executed."""
        return self.answer()

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike on one side of the engine only, so that one strike counts once."""
        return (reply is not None) == self.params["executes"] and super().selects(call, reply)


class UnexpectedResponse(EitherWay):
    """Execution unknown: -1006."""

    number = 5
    name = "unexpected-response"
    what = "-1006; `executes` says whether the order is in the books."
    settings: ClassVar[Mapping[str, Setting]] = {"executes": Setting(default=True, kind=bool)}

    def answer(self) -> Reply:
        """Answer -1006."""
        return refusal(VenueError(500, -1006, UNEXPECTED_TEXT))


class InternalError(EitherWay):
    """Execution unknown: -1000 or -1001."""

    number = 6
    name = "internal-error"
    what = "-1000 or -1001; `executes` says whether the order is in the books."
    settings: ClassVar[Mapping[str, Setting]] = {
        "code": Setting(-1001, choices=(-1000, -1001)),
        "executes": Setting(default=False, kind=bool),
    }

    def answer(self) -> Reply:
        """Answer with the chosen code."""
        code = self.params["code"]
        return refusal(VenueError(500, code, INTERNAL_TEXTS[code]))


class Overload(EntryFault):
    """The venue is too busy and says so: certainly not executed."""

    number = 7
    name = "overload"
    what = "-1008: not executed, for sure."

    async def before_engine(self, call: Call) -> Reply:
        """Answer -1008."""
        return refusal(VenueError(503, -1008, OVERLOAD_TEXT))


class SlowReply(EntryFault):
    """Executed at once, answered late."""

    number = 8
    name = "slow-reply"
    what = "The order is executed at once, the ordinary reply comes after a delay."
    settings: ClassVar[Mapping[str, Setting]] = {"delay_s": Setting(3.0, 0, 120)}

    async def after_engine(self, call: Call, reply: Reply) -> None:
        """Hold the reply back."""
        await asyncio.sleep(self.params["delay_s"])


class LateToEngine(EntryFault):
    """The request is held up inside the venue until its window has passed."""

    number = 9
    name = "late-to-engine"
    what = (
        "Held up past recvWindow (or delay_s): -1021 from the last check, the unfilled count is still used."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"delay_s": Setting(None, 0, 120)}

    async def before_engine(self, call: Call) -> None:
        """Hold the request; the dispatcher's last look at its age does the rest."""
        delay_s = self.params["delay_s"]
        if delay_s is None and call.freshness is not None:
            ends_ms = call.freshness.timestamp_ms + float(call.freshness.recv_window_ms) + 2
            delay_s = max(0.0, (ends_ms - self.venue.clock()) / 1000)
        await asyncio.sleep(delay_s or 0.0)


class ReadLag(Fault):
    """A fresh order cannot be read yet."""

    number = 10
    name = "read-lag"
    what = "GET order answers -2013 for orders younger than window_s."
    methods: ClassVar[tuple[str, ...]] = ("order.status",)
    settings: ClassVar[Mapping[str, Setting]] = {"window_s": Setting(1.0, 0, 60)}
    default_count = None

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike only while the order is young; age is counted from its acceptance."""
        if reply is None or not isinstance(reply.body, dict) or not super().selects(call, reply):
            return False
        age_ms = self.venue.clock() - int(reply.body.get("time", 0))
        return bool(age_ms < self.params["window_s"] * 1000)

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Answer that there is no such order."""
        return refusal(no_such_order())


CALL_FAULTS: tuple[type[Fault], ...] = (
    ReplyLost,
    GatewayError,
    ExecutedTimeout,
    NotExecutedTimeout,
    UnexpectedResponse,
    InternalError,
    Overload,
    SlowReply,
    LateToEngine,
    ReadLag,
)
