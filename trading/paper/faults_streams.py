"""Faults of connections and streams: dropped sockets, silence, user events that come late or never.

Each class is one fault; FaultBox makes them, the venue runs their hooks for every frame that would go out.
"""

from __future__ import annotations

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
    what = "No data on streams, pings are answered; until duration_s, count frames, or cleared."
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {"which": Setting("all", choices=KINDS)}

    def selects_frame(self, frame: Frame) -> bool:
        """Strike the chosen kind."""
        return self.params["which"] in ("all", frame.kind) and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Swallow the frame."""
        return []


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


STREAM_FAULTS: tuple[type[Fault], ...] = (ServerDrop, SilentConnection, UserEventTiming)
