"""Faults of single sockets: pings, refused connections, cuts at the wrong moment, odd frames of the WS API.

Each class is one fault; FaultBox makes them, gate, sockets, dispatcher and venue run their hooks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import orjson

from trading.paper.auth import key_rejected
from trading.paper.calls import Call, Reply, refusal
from trading.paper.faults import Arrival, Fault, Frame, Setting
from trading.paper.faults_calls import timeout_reply
from trading.paper.user_feed import already_active, not_active

SOCKET_DOORS = ("streams", "ws-api")


class PingsUnanswered(Fault):
    """Heart-beats that get lost on one way."""

    number = 49
    name = "pings-unanswered"
    what = (
        "The venue answers no PING (mode client), or hears no PONG and cuts after pong_s as if its own PING "
        "had not been answered (mode venue); ping_s and pong_s replace the usual 20 s and 60 s."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("venue", choices=("client", "venue")),
        "ping_s": Setting(None, 0.05, 3600),
        "pong_s": Setting(None, 0.05, 3600),
    }

    def on_arm(self) -> None:
        """Close the venue's ears, or its mouth."""
        rhythm = self.venue.rhythm
        self.usual = replace(rhythm)
        if self.params["mode"] == "client":
            rhythm.answers_ping = self.lets_pass
        else:
            rhythm.hears_pong = self.lets_pass
        rhythm.ping_s = self.params["ping_s"] or rhythm.ping_s
        rhythm.pong_s = self.params["pong_s"] or rhythm.pong_s

    def on_clear(self) -> None:
        """Go back to the usual rhythm."""
        rhythm, usual = self.venue.rhythm, self.usual
        rhythm.answers_ping, rhythm.hears_pong = usual.answers_ping, usual.hears_pong
        rhythm.ping_s, rhythm.pong_s = usual.ping_s, usual.pong_s

    def lets_pass(self) -> bool:
        """Use up a strike on one heart-beat."""
        return not self.take()


class ConnectionsRefused(Fault):
    """Too many connections in five minutes."""

    number = 51
    name = "connections-refused"
    what = (
        "Sockets are cut and new ones refused with 429, as beyond 300 connections in 5 minutes; until "
        "duration_s, count refusals, or cleared. Retry-After tells retry_after_s (nothing if 0)."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "which": Setting("all", choices=("all", *SOCKET_DOORS)),
        "cuts": Setting(default=True, kind=bool),
        "retry_after_s": Setting(1, 0, 300, kind=int),
    }

    def on_arm(self) -> None:
        """Make the clients connect anew."""
        if self.params["cuts"] and self.params["which"] != "ws-api":
            self.venue.stream_sockets.close_all(1006)
        if self.params["cuts"] and self.params["which"] != "streams":
            self.venue.user_sockets.close_all(1006)

    def selects_arrival(self, arrival: Arrival) -> bool:
        """Strike sockets of the chosen kind."""
        return arrival.door in SOCKET_DOORS and self.params["which"] in ("all", arrival.door)

    async def on_arrival(self, arrival: Arrival) -> Reply:
        """Refuse."""
        after_s = self.params["retry_after_s"]
        return Reply(429, b"", {"Retry-After": str(after_s)} if after_s else {}, content_type="text/plain")


class ControlFlood(Fault):
    """A client seems to send too many control messages."""

    number = 52
    name = "control-flood"
    what = "The next SUBSCRIBE or other control message is answered by a cut (1008), as beyond 5 a second."

    def on_control(self, ip: str) -> bool:
        """Cut."""
        return True


class UserStreamLostInFill(Fault):
    """The connection breaks when it matters."""

    number = 60
    name = "user-stream-lost-in-fill"
    what = (
        "All WS API sockets break (1006) right before an execution is told, which is lost with all that "
        "happens until a new subscription; none is let in for down_s."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"down_s": Setting(0.0, 0, 3600)}
    back_s = 0.0

    @property
    def is_spent(self) -> bool:
        """Last until connections are let in again."""
        return super().is_spent and time.monotonic() >= self.back_s

    def selects_frame(self, frame: Frame) -> bool:
        """Strike executions while any are left to strike."""
        is_fill = frame.name == "executionReport" and frame.payload["x"] == "TRADE"
        return is_fill and not super().is_spent and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Break the connections and lose the event."""
        self.back_s = time.monotonic() + self.params["down_s"]
        self.venue.user_sockets.close_all(1006)
        return []

    def selects_arrival(self, arrival: Arrival) -> bool:
        """Keep the WS API shut for a while."""
        return arrival.door == "ws-api" and time.monotonic() < self.back_s

    def take_arrival(self) -> bool:
        """Count no connection: the lost execution was the strike."""
        return True

    async def on_arrival(self, arrival: Arrival) -> Reply:
        """Break the connection before it is one."""
        return Reply(is_cut=True)


class WsApiOddity(Fault):
    """Answers and frames of the WS API that nobody asked for, or not like this."""

    number = 63
    name = "ws-api-oddity"
    what = (
        "On the WS API: a reply or an error (not executed) delay_s late; a 401 with id null; a frame of "
        "big_bytes; a reply to an unknown id; -2035 for a subscribe; -2036 for an unsubscribe."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting(
            "late-error",
            choices=(
                "late-reply", "late-error", "null-id-401", "big-frame", "unknown-id",
                "already-subscribed", "not-subscribed",
            ),
        ),
        "delay_s": Setting(6.0, 0, 600),
        "big_bytes": Setting(1_200_000, 1, 64_000_000, kind=int),
    }  # fmt: skip

    @property
    def pushes(self) -> bool:
        """Tell whether it speaks without being asked."""
        return self.params["mode"] in ("null-id-401", "big-frame", "unknown-id")

    def on_arm(self) -> None:
        """Speak at once where somebody listens; else with the next call."""
        if self.pushes and self.venue.user_sockets.open:
            for _ in range(self.count or 1):
                if self.take():
                    self.push()

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike WS API calls that the mode is about, each on one side of the engine."""
        mode, method = self.params["mode"], call.route.method
        if call.door != "ws" or (reply is not None) != (mode == "late-reply"):
            return False
        if mode == "already-subscribed" and not method.startswith("userDataStream.subscribe"):
            return False
        if mode == "not-subscribed" and method != "userDataStream.unsubscribe":
            return False
        return super().selects(call, reply)

    async def before_engine(self, call: Call) -> Reply | None:
        """Refuse, wait and refuse, or say something out of turn."""
        match self.params["mode"]:
            case "already-subscribed":
                return refusal(already_active())
            case "not-subscribed":
                return refusal(not_active())
            case "late-error":
                await asyncio.sleep(self.params["delay_s"])
                return timeout_reply()
        self.push()
        return None

    async def after_engine(self, call: Call, reply: Reply) -> None:
        """Hold the reply."""
        await asyncio.sleep(self.params["delay_s"])

    def push(self) -> None:
        """Send the odd frame to every connection."""
        raw = orjson.dumps(self.frame())
        for socket in list(self.venue.user_sockets.open):
            socket.send(raw)

    def frame(self) -> dict[str, Any]:
        """Give the odd frame."""
        match self.params["mode"]:
            case "null-id-401":
                return {"id": None, "status": 401, "error": key_rejected().body()}
            case "unknown-id":
                return {"id": f"nobody-{self.rng.randrange(10**9)}", "status": 200, "result": {}}
            case _:
                filler = "x" * self.params["big_bytes"]
                return {"id": f"big-{self.rng.randrange(10**9)}", "status": 200, "result": {"filler": filler}}


class SubscriptionMixup(Fault):
    """User events under a subscription that is not ours."""

    number = 65
    name = "subscription-mixup"
    what = (
        "User events come under a wrong subscriptionId, or twice under two, or (foreign) events of somebody "
        "else's orders come under another id besides."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("wrong-id", choices=("wrong-id", "twice", "foreign")),
        "events": Setting(None, kind=list),
    }

    def selects_frame(self, frame: Frame) -> bool:
        """Strike user events of the chosen types."""
        if frame.kind != "user" or not super().selects_frame(frame):
            return False
        events = self.params["events"] or (["executionReport"] if self.params["mode"] == "foreign" else None)
        return events is None or frame.name in events

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Belie the subscription."""
        other = replace(frame, subscription_shift=1)
        match self.params["mode"]:
            case "wrong-id":
                return [other]
            case "twice":
                return [frame, other]
            case _:
                return [frame, replace(other, payload=self.foreign(frame.payload))]

    def foreign(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """Give the same report as of somebody else's order."""
        far = self.rng.randrange(10**9, 10**10)
        strange = {"c": f"web_{far:032x}", "i": far, "I": far, "t": far if report.get("t", -1) >= 0 else -1}
        return {**report, **strange}


SOCKET_FAULTS: tuple[type[Fault], ...] = (
    PingsUnanswered,
    ConnectionsRefused,
    ControlFlood,
    UserStreamLostInFill,
    WsApiOddity,
    SubscriptionMixup,
)
