"""Faults of the venue's life: outages, restarts, and the day on which everything is forgotten.

While one lasts the control port still answers, so that a run can watch it and end it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from trading.paper.calls import Call, Reply
from trading.paper.faults import Arrival, Fault, Frame, Setting
from trading.paper.faults_calls import GATEWAY_PAGE

DOORS: Mapping[str, tuple[str, ...]] = {
    "all": ("rest", "streams", "ws-api"),
    "sockets": ("streams", "ws-api"),
    "rest": ("rest",),
    "streams": ("streams",),
    "ws-api": ("ws-api",),
}
KIND_OF_DOOR = {"market": "streams", "user": "ws-api"}


class Outage(Fault):
    """The venue cannot be reached."""

    number = 50
    name = "outage"
    what = (
        "For duration_s (or until cleared) the chosen doors reset, hang silently, or answer 503 with a page; "
        "open sockets are cut. Matching goes on."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "how": Setting("reset", choices=("reset", "silent", "gateway")),
        "which": Setting("all", choices=tuple(DOORS)),
    }

    def on_arm(self) -> None:
        """Cut what is open; where it hangs silently, sockets stay and say nothing."""
        self.over = asyncio.Event()
        if self.params["how"] != "silent":
            self.cut_sockets()

    def on_clear(self) -> None:
        """Let go what hung; a connection that was silent so long is dead."""
        self.over.set()
        if self.params["how"] == "silent":
            self.cut_sockets()

    def cut_sockets(self) -> None:
        """Break the sockets of the chosen doors."""
        if self.strikes("streams"):
            self.venue.stream_sockets.close_all(1006)
        if self.strikes("ws-api"):
            self.venue.user_sockets.close_all(1006)

    def strikes(self, door: str) -> bool:
        """Tell whether a door is out of service."""
        return door in DOORS[self.params["which"]]

    def selects_arrival(self, arrival: Arrival) -> bool:
        """Strike the chosen doors."""
        return self.strikes(arrival.door)

    async def on_arrival(self, arrival: Arrival) -> Reply:
        """Turn away, or hold until it is over."""
        if self.params["how"] == "gateway":
            page = GATEWAY_PAGE.format(status=503, title="Service Unavailable")
            return Reply(503, page.encode(), content_type="text/html")
        if self.params["how"] == "silent":
            await self.over.wait()
        return Reply(is_cut=True)

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike requests on a WS API connection that has fallen silent."""
        is_silent = self.params["how"] == "silent" and self.strikes("ws-api")
        return is_silent and call.door == "ws" and super().selects(call, reply)

    async def before_engine(self, call: Call) -> Reply:
        """Hold the request until its connection is dead."""
        await self.over.wait()
        return Reply(is_cut=True)

    def selects_frame(self, frame: Frame) -> bool:
        """Strike frames on sockets that have fallen silent."""
        return self.params["how"] == "silent" and self.strikes(KIND_OF_DOOR[frame.kind])

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Lose the frame."""
        return []


class VenueRestart(Fault):
    """The venue goes down and comes back with the same books."""

    number = 67
    name = "venue-restart"
    what = (
        "All connections die and nothing answers or matches for restart_s; then ids continue and open orders "
        "are still there, with the market wherever it is by then."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "restart_s": Setting(3.0, 0.01, 3600),
        "announced": Setting(default=False, kind=bool),
    }

    @property
    def is_spent(self) -> bool:
        """Last for its time, however many are turned away."""
        return time.monotonic() >= (self.ends_s or 0.0)

    def on_arm(self) -> None:
        """Go down; the engine's memory goes through the form in which it is kept on disk."""
        self.ends_s = time.monotonic() + self.params["restart_s"]
        if self.params["announced"]:
            self.venue.say_goodbye()
        code = 1001 if self.params["announced"] else 1006
        self.venue.stream_sockets.close_all(code)
        self.venue.user_sockets.close_all(code)
        kept = self.remembered(orjson.loads(orjson.dumps(self.venue.engine.snapshot())))
        self.venue.engine.restore(kept)
        self.venue.store.begin(self.venue.engine)

    def remembered(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Give what the venue still knows when it comes back."""
        return kept

    async def on_arrival(self, arrival: Arrival) -> Reply:
        """Be down."""
        return Reply(is_cut=True)

    def on_market(self, symbol: str) -> bool:
        """Match nothing."""
        return True


class MonthlyReset(VenueRestart):
    """The venue forgets everything, as a testnet does every month."""

    number = 68
    name = "monthly-reset"
    what = (
        "A restart after which orders, lists and trades are gone and balances are the first ones again; "
        "ids start anew (those of the past come a second time) or continue."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        **VenueRestart.settings,
        "ids": Setting("anew", choices=("anew", "continue")),
    }

    def remembered(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Give an account without a past."""
        first = kept["account"]["initial"]
        account = {"initial": first, "adjustments": {}, "free": dict(first), "external": {}}
        kept |= {"orders": {}, "lists": {}, "fills": [], "prevented": []}
        kept["account"] |= account | {"locked": dict.fromkeys(first, "0")}
        if self.params["ids"] == "anew":
            counters = {"order": 0, "order_list": -1, "execution": 0, "prevented": 0, "trade": {}}
            kept["counters"] |= counters
        return kept


LIFE_FAULTS: tuple[type[Fault], ...] = (Outage, VenueRestart, MonthlyReset)
