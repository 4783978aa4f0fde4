"""Faults of the venue as a whole, numbers 16 to 23 and 42 to 44: limits, clocks, keys, walls, broken answers.

Each class is one fault; FaultBox makes them, the dispatcher and the venue run their hooks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from trading.paper.auth import key_rejected, signature_invalid
from trading.paper.calls import Call, Reply, refusal
from trading.paper.errors import VenueError
from trading.paper.faults import Fault, Frame, Setting
from trading.paper.faults_calls import ENTRY_METHODS
from trading.paper.routes import Target

WALL_PAGE = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


class Ban(Fault):
    """The address is banned."""

    number = 16
    name = "ban"
    what = "418 with Retry-After for ban_s to every address seen; WS API connections are cut."
    is_once = True
    settings: ClassVar[Mapping[str, Setting]] = {"ban_s": Setting(120, 1, 259_200)}

    def on_arm(self) -> None:
        """Ban every address that has asked for anything."""
        for ip in self.venue.limits.known_addresses():
            self.venue.limits.ban(ip, int(self.params["ban_s"] * 1000))


class WeightSpent(Fault):
    """The whole weight of this minute is used up."""

    number = 17
    name = "weight-spent"
    what = "Uses up the weight of this minute: 429 until it turns."
    is_once = True

    def on_arm(self) -> None:
        """Charge the limit to every address seen."""
        self.charge(self.venue.limits.weight_limit)

    def charge(self, weight: int) -> None:
        """Charge a weight to every address seen."""
        for ip in self.venue.limits.known_addresses():
            self.venue.limits.charge(ip, weight)


class OrdersSpent(Fault):
    """The unfilled orders of a window are used up."""

    number = 18
    name = "orders-spent"
    what = "Uses up the unfilled-order count of 10 s or of the day: 429 -1015."
    is_once = True
    settings: ClassVar[Mapping[str, Setting]] = {"window": Setting("10s", choices=("10s", "1d"))}

    def on_arm(self) -> None:
        """Fill the window."""
        limits = self.venue.limits
        window = limits.orders_10s if self.params["window"] == "10s" else limits.orders_1d
        window.add(window.limit, self.venue.clock())


class WeightJump(WeightSpent):
    """Somebody else behind the same address asks too."""

    number = 19
    name = "weight-jump"
    what = "The used weight jumps by `by`, as behind a shared address."
    settings: ClassVar[Mapping[str, Setting]] = {"by": Setting(1000, 1, 100_000, kind=int)}

    def on_arm(self) -> None:
        """Charge the others' weight."""
        self.charge(self.params["by"])


class Wall(Fault):
    """A firewall answers before the venue does."""

    number = 20
    name = "firewall"
    what = "403 with an HTML page, not executed."

    async def before_engine(self, call: Call) -> Reply:
        """Answer with the firewall's page."""
        return Reply(403, WALL_PAGE, content_type="text/html")


class ClockSkew(Fault):
    """The client's clock is wrong."""

    number = 21
    name = "clock-skew"
    what = "The client's clock seems ahead by skew_ms (behind if negative) and drifts; until cleared."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "skew_ms": Setting(1500, -3_600_000, 3_600_000, kind=int),
        "drift_ms_per_s": Setting(0, -1000, 1000),
    }

    def on_arm(self) -> None:
        """Set the venue's clock the other way."""
        self.fired += 1
        self.venue.clock.set_apart(-self.params["skew_ms"], drift_ms_per_s=-self.params["drift_ms_per_s"])
        self.undo_later(lambda: self.venue.clock.set_apart(0), after_s=None)


class _SignedFault(Fault):
    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike signed calls only."""
        return call.route.signed and super().selects(call, reply)


class BadSignature(_SignedFault):
    """A right signature is refused."""

    number = 22
    name = "signature-refused"
    what = "-1022 for a signed call, not executed."

    async def before_engine(self, call: Call) -> Reply:
        """Answer -1022."""
        return refusal(signature_invalid())


class KeyRevoked(_SignedFault):
    """The key is no longer accepted."""

    number = 23
    name = "key-revoked"
    what = "-2015 with 401 for signed calls, not executed; until cleared."
    default_count = None

    async def before_engine(self, call: Call) -> Reply:
        """Answer -2015."""
        return refusal(key_rejected())


class BrokenBody(Fault):
    """Executed, but the answer cannot be read."""

    number = 42
    name = "broken-body"
    what = "The call is executed; the body is empty, truncated, or an error body that is a list."
    methods: ClassVar[tuple[str, ...]] = ENTRY_METHODS
    settings: ClassVar[Mapping[str, Setting]] = {
        "shape": Setting("empty", choices=("empty", "truncated", "list"))
    }

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Answer with the broken body."""
        match self.params["shape"]:
            case "empty":
                return Reply(200, b"")
            case "truncated":
                return Reply(200, reply.raw[: len(reply.raw) // 2])
            case _:
                return Reply(400, b'[{"code":-1000,"msg":"An unknown error occurred."}]')


class Stall(Fault):
    """Nothing leaves the venue for a while, then everything at once."""

    number = 43
    name = "stall"
    what = "Replies and stream messages are held for stall_s, then leave in one burst."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {"stall_s": Setting(10.0, 0.01, 600)}

    def on_arm(self) -> None:
        """Note when it ends."""
        self.ends_s = time.monotonic() + self.params["stall_s"]

    def left_s(self) -> float:
        """Give how long the stall still lasts."""
        return max(0.0, (self.ends_s or 0.0) - time.monotonic())

    async def after_engine(self, call: Call, reply: Reply) -> None:
        """Hold the reply."""
        await asyncio.sleep(self.left_s())

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Hold the message."""
        return [replace(frame, delay_s=max(frame.delay_s, self.left_s()))]


class Maintenance(Fault):
    """Trading is shut."""

    number = 44
    name = "maintenance"
    what = "Every trading and account call is 503 -1016; until cleared or duration_s."
    default_count = None

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike trading and account calls only."""
        return call.route.target is Target.ENGINE and super().selects(call, reply)

    async def before_engine(self, call: Call) -> Reply:
        """Answer -1016."""
        return refusal(VenueError(503, -1016, "This service is no longer available."))


ANSWER_FAULTS: tuple[type[Fault], ...] = (
    Ban,
    WeightSpent,
    OrdersSpent,
    WeightJump,
    Wall,
    ClockSkew,
    BadSignature,
    KeyRevoked,
    BrokenBody,
    Stall,
    Maintenance,
)
