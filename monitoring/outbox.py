"""Messages to the operator: one thread a channel, retried with growing pauses, sent once as far as can be.

The watch puts messages in; nothing here waits for anything but the channel itself. Before it sends, a channel
asks the store for the right to (so that of several nodes one sends). A store that does not answer within a
second does not hold a message back: a doubled word is better than none. The message carries its key, by which
a receiver can tell the double.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

log = logging.getLogger(__name__)

CLAIM_LIMIT_S = 1.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
GIVE_UP_AFTER_S = 24 * 3600.0
MAX_WAITING = 500


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. `key` is the same for the same message on every node."""

    key: str
    level: str
    title: str
    body: str
    made_at: datetime
    alert_uid: str = ""


class Claims(Protocol):
    """Who may send: the store, where rows say it."""

    def may_send(self, message: Message, channel: str, *, limit_s: float) -> bool:
        """Say whether this node is to send; True as well where nobody answers in time."""

    def sent(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that the channel has taken it."""

    def tried(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that it is tried still, so that no other node takes over."""

    def given_up(self, message: Message, channel: str, *, attempts: int) -> None:
        """Note that it will not be tried again."""


@dataclass(order=True, slots=True)
class _Waiting:
    due_s: float
    number: int
    message: Message = field(compare=False)
    attempts: int = field(default=0, compare=False)
    is_claimed: bool = field(default=False, compare=False)
    since_s: float = field(default=0.0, compare=False)


class Channel:
    """One address. `deliver` gives whether it was taken."""

    def __init__(self, name: str, *, deliver: Callable[[Message], bool], claims: Claims) -> None:
        self.name = name
        self._deliver = deliver
        self._claims = claims
        self._heap: list[_Waiting] = []
        self._number = 0
        self._changed = threading.Condition()
        self._is_over = False

    def start(self) -> None:
        """Send from a thread of its own."""
        threading.Thread(target=self._run, name=f"outbox {self.name}", daemon=True).start()

    def stop(self) -> None:
        """Take nothing more and end after the message that is under way."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def put(self, message: Message, *, is_claimed: bool = False) -> None:
        """Send as soon as possible. Beyond MAX_WAITING the oldest is dropped, with a word in the log."""
        now_s = time.monotonic()
        with self._changed:
            if len(self._heap) >= MAX_WAITING:
                dropped = min(self._heap, key=lambda each: each.number)
                self._heap.remove(dropped)
                heapq.heapify(self._heap)
                log.error("notify.dropped", extra={"channel": self.name, "key": dropped.message.key})
            self._number += 1
            waiting = _Waiting(now_s, self._number, message, is_claimed=is_claimed, since_s=now_s)
            heapq.heappush(self._heap, waiting)
            self._changed.notify()

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            try:
                self._send(waiting)
            except Exception:  # the rim of a thread: the next message must still go out
                log.exception("notify.failed", extra={"channel": self.name, "key": waiting.message.key})
                self._put_back(waiting)

    def _next(self) -> _Waiting | None:
        with self._changed:
            while not self._is_over:
                if self._heap:
                    pause_s = self._heap[0].due_s - time.monotonic()
                    if pause_s <= 0:
                        return heapq.heappop(self._heap)
                    self._changed.wait(pause_s)
                else:
                    self._changed.wait()
        return None

    def _send(self, waiting: _Waiting) -> None:
        message = waiting.message
        if not waiting.is_claimed:
            if not self._claims.may_send(message, self.name, limit_s=CLAIM_LIMIT_S):
                return
            waiting.is_claimed = True
        waiting.attempts += 1
        if self._deliver(message):
            self._claims.sent(message, self.name, attempts=waiting.attempts)
        elif time.monotonic() - waiting.since_s > GIVE_UP_AFTER_S:
            log.error("notify.given_up", extra={"channel": self.name, "key": message.key})
            self._claims.given_up(message, self.name, attempts=waiting.attempts)
        else:
            log.warning(
                "notify.refused",
                extra={"channel": self.name, "key": message.key, "attempts": waiting.attempts},
            )
            self._claims.tried(message, self.name, attempts=waiting.attempts)
            self._put_back(waiting)

    def _put_back(self, waiting: _Waiting) -> None:
        pause_s = min(FIRST_PAUSE_S * 2 ** min(waiting.attempts - 1, 20), LONGEST_PAUSE_S)
        with self._changed:
            waiting.due_s = time.monotonic() + pause_s
            heapq.heappush(self._heap, waiting)
            self._changed.notify()


class Outbox:
    """All channels."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = {channel.name: channel for channel in channels}

    @property
    def names(self) -> list[str]:
        """Names of the channels, without their addresses."""
        return list(self._channels)

    def start(self) -> None:
        """Start every channel."""
        for channel in self._channels.values():
            channel.start()

    def stop(self) -> None:
        """Stop every channel."""
        for channel in self._channels.values():
            channel.stop()

    def put(self, message: Message) -> None:
        """Send to every channel."""
        for channel in self._channels.values():
            channel.put(message)

    def put_again(self, message: Message, channel: str) -> None:
        """Go on with a message that this node holds the claim of."""
        if channel in self._channels:
            self._channels[channel].put(message, is_claimed=True)
