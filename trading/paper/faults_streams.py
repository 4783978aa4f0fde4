"""Faults of connections and streams: dropped sockets, silence, user events that come late or never.

Each class is one fault; FaultBox makes them, the venue runs their hooks for every frame that would go out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from trading.paper.faults import Fault, Frame, Setting

KINDS = ("all", "market", "user")


class ServerDrop(Fault):
    """Every open socket is ended by the venue."""

    number = 46
    name = "server-drop"
    what = "Ends all sockets at once: 1006 breaks the connection, 1000 and 1001 close it properly."
    is_once = True
    settings: ClassVar[Mapping[str, Setting]] = {
        "code": Setting(1006, choices=(1000, 1001, 1006)),
        "which": Setting("all", choices=KINDS),
    }

    def on_arm(self) -> None:
        """Drop the chosen sockets; `user` means those of the WS API."""
        which, code = self.params["which"], self.params["code"]
        if which in ("all", "market"):
            self.venue.stream_sockets.close_all(code)
        if which in ("all", "user"):
            self.venue.user_sockets.close_all(code)


class SilentConnection(Fault):
    """Sockets stay open and answer pings, and say nothing."""

    number = 48
    name = "silent-connection"
    what = (
        "No data on streams, pings are answered; until duration_s, count frames, or cleared. With only_open "
        "the market sockets that are open fall dumb for good, and new ones speak."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "which": Setting("all", choices=KINDS),
        "only_open": Setting(default=False, kind=bool),
    }

    def on_arm(self) -> None:
        """Silence what is open, where only that is meant."""
        if self.params["only_open"]:
            for socket in self.venue.stream_sockets.open:
                socket.is_mute = True

    def selects_frame(self, frame: Frame) -> bool:
        """Strike the chosen kind."""
        if self.params["only_open"]:
            return False
        return self.params["which"] in ("all", frame.kind) and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Swallow the frame."""
        return []


class ServerShutdown(Fault):
    """The venue announces that it goes down, then does."""

    number = 47
    name = "server-shutdown"
    what = "serverShutdown to every connection, then these are closed with 1001 after_s later; new ones stay."
    is_once = True
    settings: ClassVar[Mapping[str, Setting]] = {"after_s": Setting(10.0, 0, 600)}

    def on_arm(self) -> None:
        """Announce and set the time."""
        self.venue.say_goodbye()
        loop = asyncio.get_running_loop()
        for register in (self.venue.stream_sockets, self.venue.user_sockets):
            for socket in list(register.open):
                loop.call_later(self.params["after_s"], socket.close, 1001)


class UserEventTiming(Fault):
    """User events that are suppressed, or come after the reply they should precede."""

    number = 58
    name = "user-event-timing"
    what = "User events never come, or come delay_s late; `events` narrows it to some event types."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("never", choices=("never", "late")),
        "delay_s": Setting(1.0, 0, 3600),
        "events": Setting(None, kind=list),
    }

    def selects_frame(self, frame: Frame) -> bool:
        """Strike user events of the chosen types."""
        if frame.kind != "user" or not super().selects_frame(frame):
            return False
        events = self.params["events"]
        return not events or frame.payload.get("e") in events

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Swallow the event or hold it back."""
        if self.params["mode"] == "never":
            return []
        return [replace(frame, delay_s=frame.delay_s + self.params["delay_s"])]


class UserEventDisorder(Fault):
    """User events that come twice, or in the wrong order."""

    number = 59
    name = "user-event-disorder"
    what = "executionReports come twice, or those of one moment come last first."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("duplicate", choices=("duplicate", "reversed"))
    }
    step_s = 0.002
    held = 0

    def selects_frame(self, frame: Frame) -> bool:
        """Strike executionReports."""
        return frame.name == "executionReport" and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Double the event, or let later ones overtake it."""
        if self.params["mode"] == "duplicate":
            return [frame, frame]
        self.held = (self.held + 1) % 25
        return [replace(frame, delay_s=frame.delay_s + (25 - self.held) * self.step_s)]


class EventStreamTerminated(Fault):
    """The venue ends the user data subscriptions and leaves the connections open."""

    number = 62
    name = "event-stream-terminated"
    what = "eventStreamTerminated on every subscription; no events until a new one."
    is_once = True

    def on_arm(self) -> None:
        """End every subscription."""
        self.venue.user_feed.terminate_all(at_ms=self.venue.clock())


STREAM_FAULTS: tuple[type[Fault], ...] = (
    ServerDrop,
    ServerShutdown,
    SilentConnection,
    UserEventTiming,
    UserEventDisorder,
    EventStreamTerminated,
)
