"""Faults of HTTP between client and venue, from 71 on: what proxies and broken links do to replies.

They are not in the list of challenges; each has cost somebody an order or a double one.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any, ClassVar

from trading.paper.calls import Call, Reply
from trading.paper.faults import Arrival, Fault, Setting
from trading.paper.faults_calls import ENTRY_METHODS


class _RestFault(Fault):
    """A fault of orders that come over HTTP."""

    methods: ClassVar[tuple[str, ...]] = ENTRY_METHODS

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike REST only: there is no HTTP between the frames of a socket."""
        return call.door == "rest" and super().selects(call, reply)


class KeepAliveClosed(_RestFault):
    """A connection from the pool is closed in the moment in which it is used again."""

    number = 71
    name = "keep-alive-closed"
    what = "The connection is closed properly instead of an answer to a POST, executed or (by itself) not."
    settings: ClassVar[Mapping[str, Setting]] = {"executes": Setting(default=False, kind=bool)}

    def selects_arrival(self, arrival: Arrival) -> bool:
        """Strike POSTs that shall not be executed."""
        return not self.params["executes"] and (arrival.door, arrival.verb) == ("rest", "POST")

    async def on_arrival(self, arrival: Arrival) -> Reply:
        """Hang up."""
        return Reply(is_hung_up=True)

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike what shall be executed."""
        return bool(self.params["executes"]) and super().selects(call, reply)

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Hang up."""
        return Reply(is_hung_up=True)


class ForeignReply(_RestFault):
    """A proxy gives one request the answer to another."""

    number = 72
    name = "foreign-reply"
    what = "The call is executed, the reply is that to the call of the same kind before it: another order."
    methods: ClassVar[tuple[str, ...]] = (*ENTRY_METHODS, "order.status")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.former: dict[str, Any] = {}
        self.other: Any = None

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Remember every answer; strike when there is a former one."""
        if reply is None or not reply.is_accepted or not super().selects(call, reply):
            return False
        self.other = self.former.get(call.route.method)
        self.former[call.route.method] = reply.body
        return self.other is not None

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Answer with the former reply."""
        reply.body = self.other
        return reply


class OddEncoding(_RestFault):
    """The body is there, but not as plain JSON."""

    number = 73
    name = "odd-encoding"
    what = (
        "Executed; the body is gzip that was not asked for, gzip that is cut off, JSON behind a byte order "
        "mark, or JSON with a byte that is not UTF-8."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("gzip", choices=("gzip", "broken-gzip", "bom", "not-utf8"))
    }

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Encode the body."""
        raw = reply.raw
        match self.params["mode"]:
            case "gzip":
                return self.encoded(reply, gzip.compress(raw))
            case "broken-gzip":
                whole = gzip.compress(raw)
                return self.encoded(reply, whole[: len(whole) // 2])
            case "bom":
                return Reply(reply.status, b"\xef\xbb\xbf" + raw, reply.headers)
            case _:
                return Reply(reply.status, raw[:-1] + b',"note":"\xff"}', reply.headers)

    def encoded(self, reply: Reply, body: bytes) -> Reply:
        """Give the reply with a body that is gzip."""
        return Reply(reply.status, body, {**reply.headers, "Content-Encoding": "gzip"})


class Redirect(_RestFault):
    """A balancer sends the client elsewhere."""

    number = 74
    name = "redirect"
    what = (
        "A redirect to `to` (the same address by itself) without a body; with `executes` the order was "
        "executed all the same, and whoever follows executes it twice."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "status": Setting(302, choices=(301, 302, 303, 307, 308)),
        "to": Setting(None, kind=str),
        "executes": Setting(default=False, kind=bool),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike on one side of the engine only, so that one strike counts once."""
        return (reply is not None) == self.params["executes"] and super().selects(call, reply)

    async def before_engine(self, call: Call) -> Reply:
        """Send away."""
        return self.answer(call)

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Send away what is done."""
        return self.answer(call)

    def answer(self, call: Call) -> Reply:
        """Give the redirect."""
        where = self.params["to"] or f"/api/v3/{call.route.path}"
        return Reply(self.params["status"], b"", {"Location": where}, content_type="text/html")


class SlowBody(_RestFault):
    """A reply that trickles, so that no time-out of a single read ever strikes."""

    number = 75
    name = "slow-body"
    what = "Executed; the body comes in fifty pieces over drip_s, or (cut) is reset in the middle."
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("drip", choices=("drip", "cut")),
        "drip_s": Setting(30.0, 0, 3600),
    }

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Slow the reply down, or break it off."""
        if self.params["mode"] == "drip":
            reply.drip_s = self.params["drip_s"]
        else:
            reply.part = 0.5
        return reply


TRANSPORT_FAULTS: tuple[type[Fault], ...] = (
    KeepAliveClosed,
    ForeignReply,
    OddEncoding,
    Redirect,
    SlowBody,
)
