"""One market connection: the difference between what is wanted on it and what was asked for, kept at zero.

Used by market_stream alone. Each connection speaks at most four times a second, so that with the answer to a
ping it stays within the venue's five messages; a successor subscribes and hears before the old one ends.

Source: binance-spot-api-docs, web-socket-streams.md, read 2026-07.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
import orjson

from trading.exchange.fields import Payload
from trading.exchange.market_frames import BOOK_TICKER, MarketEvent, read_frame
from trading.exchange.sockets import Link, SupervisedSocket

log = logging.getLogger(__name__)

CONTROL_EVERY_S = 0.3  # the venue cuts a client that sends more than five messages a second
CONTROL_ANSWER_S = 5.0
ASK_WHEN_QUIET_S = 7.0  # with the answer's limit a dead connection is found within twelve seconds
LOOK_EVERY_S = 0.02
DELIVERS_WITHIN_S = 3.0  # a quiet market must not keep the old connection for ever
LAGGING_MS = 2000
RENEWED_AFTER_LAG_MS = 30_000
SHUTDOWN = "serverShutdown"

OpenSocket = Callable[[str, "Connection"], SupervisedSocket]


class Hearer(Protocol):
    """Takes what the connections bring, see market_stream.MarketStream."""

    unknown: Counter[str]

    def take_quote(self, quote: MarketEvent, arrived_ms: int) -> None:
        """Take a book ticker."""

    def take_event(self, event: MarketEvent, arrived_ms: int) -> None:
        """Take a frame that names its kind."""

    def refuse(self, kind: object, error: Exception) -> None:
        """Count a frame of a kind (None: a book ticker) that is not what such a one should be."""

    def note_delay(self, delay_ms: int, arrived_ms: int) -> int:
        """Take the delay of a frame; give by how much it is above the usual one."""


class Connection:
    """What is wanted over one socket."""

    def __init__(self, stream: Hearer, open_socket: OpenSocket, *, number: int) -> None:
        self.wanted: set[str] = set()
        self.changed = asyncio.Event()
        self.stale: set[str] = set()  # streams to be asked for anew
        self.talk: MarketTalk | None = None
        self.stream = stream
        self.socket = open_socket(f"market-{number}", self)

    @property
    def lag_ms(self) -> int:
        """By how much the connection is late."""
        return 0 if self.talk is None else self.talk.lag_ms

    def symbols(self) -> list[str]:
        """Give the symbols whose quotes are wanted here."""
        return [
            name.partition("@")[0].upper() for name in sorted(self.wanted) if name.endswith("@bookTicker")
        ]

    def keep_only(self, names: set[str]) -> None:
        """Want nothing but these any more."""
        if not self.wanted <= names:
            self.wanted &= names
            self.changed.set()

    def add(self, names: set[str]) -> None:
        """Want these too."""
        if names:
            self.wanted |= names
            self.changed.set()

    def renew_silent(self, symbols: Iterable[str]) -> None:
        """Ask anew for the quotes of symbols that fell silent."""
        names = {f"{symbol.lower()}@bookTicker" for symbol in symbols} & self.wanted
        if names:
            log.warning("symbols_silent", extra={"socket": self.socket.name, "streams": sorted(names)[:20]})
            self.stale |= names
            self.changed.set()

    def begin(self, link: Link) -> MarketTalk:
        """Give what is said over a new connection."""
        self.talk = MarketTalk(self, link)
        return self.talk


class MarketTalk:
    """What is said over one connection: subscriptions out, answers and market frames in."""

    def __init__(self, connection: Connection, link: Link) -> None:
        self.lag_ms = 0
        self._connection = connection
        self._stream = connection.stream
        self._link = link
        self._live: set[str] = set()
        self._lagging_since_ms: int | None = None
        self._said_s = 0.0
        self._message_id = 0
        self._answered = asyncio.Event()
        self._listed: list[str] = []

    async def hold(self) -> None:
        """Keep the venue's idea of our subscriptions equal to ours, for as long as the connection lives."""
        connection = self._connection
        is_ready = False
        while True:
            connection.socket.is_expecting = bool(connection.wanted)
            # Two connections may want news at once while one takes over: each looks again when woken.
            connection.changed.clear()
            stale = connection.stale & self._live
            added, removed = connection.wanted - self._live, (self._live - connection.wanted) | stale
            if added:
                await self._ask("SUBSCRIBE", added)
                self._live |= added
            elif removed:
                await self._ask("UNSUBSCRIBE", removed)
                self._live -= removed
                connection.stale -= removed
            elif not is_ready:
                is_ready = True
                await self._until_it_delivers()
                self._link.ready()
            else:
                await self._until_changed()

    async def _until_changed(self) -> None:
        """Wait for a wish; on a connection that says nothing meanwhile, ask whether it still knows us."""
        heard = self._link.heard
        try:
            async with asyncio.timeout(ASK_WHEN_QUIET_S):
                await self._connection.changed.wait()
        except TimeoutError:
            if self._live and heard == self._link.heard:
                await self._ask("LIST_SUBSCRIPTIONS", None)
                self._live &= set(self._listed)

    async def _until_it_delivers(self) -> None:
        if self._link.predecessor is None or not self._live:
            return
        ends_s = time.monotonic() + DELIVERS_WITHIN_S
        while not self._link.heard and time.monotonic() < ends_s:  # noqa: ASYNC110 -- no event set per message
            await asyncio.sleep(LOOK_EVERY_S)

    def hear(self, message: bytes, arrived_ms: int) -> None:
        """Take one message."""
        try:
            event = read_frame(message).data
        except msgspec.DecodeError as error:
            self._hear_other(message, arrived_ms, error)
            return
        link = self._link
        link.heard += 1
        link.heard_ms = arrived_ms
        kind = event.kind
        if kind is None or kind == BOOK_TICKER:
            self._stream.take_quote(event, arrived_ms - self.lag_ms)
        elif kind == SHUTDOWN:
            link.leave(SHUTDOWN, is_planned=True)
        else:
            self._note_lag(event.event_ms, arrived_ms)
            self._stream.take_event(event, arrived_ms)

    def _hear_other(self, data: bytes, arrived_ms: int, error: Exception) -> None:
        """Take what is no market frame: an answer, a goodbye of any shape, or something unknown."""
        try:
            message: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            self._stream.unknown["not JSON"] += 1
            return
        frame = message.get("data", message) if isinstance(message, dict) else None
        if not isinstance(frame, dict):
            self._stream.unknown["frame"] += 1
        elif frame.get("e") == SHUTDOWN:
            self._link.leave(SHUTDOWN, is_planned=True)
        elif frame is message:
            self._hear_answer(message)
        else:
            self._link.heard += 1
            self._link.heard_ms = arrived_ms
            self._stream.refuse(frame.get("e"), error)

    def _note_lag(self, event_ms: int | None, arrived_ms: int) -> None:
        """Learn from a message with a moment how late this connection is; renew one that stays late."""
        if event_ms is None:
            return
        self.lag_ms = self._stream.note_delay(arrived_ms - event_ms, arrived_ms)
        if self.lag_ms < LAGGING_MS:
            self._lagging_since_ms = None
        elif self._lagging_since_ms is None:
            self._lagging_since_ms = arrived_ms
        elif arrived_ms - self._lagging_since_ms > RENEWED_AFTER_LAG_MS:
            self._lagging_since_ms = None
            self._link.leave("lag", is_planned=True)

    async def _ask(self, method: str, names: set[str] | None) -> None:
        wait_s = self._said_s + CONTROL_EVERY_S - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._message_id += 1
        self._answered.clear()
        self._said_s = time.monotonic()
        params = {} if names is None else {"params": sorted(names)}
        self._link.wire.send_json({"method": method, **params, "id": self._message_id})
        async with asyncio.timeout(CONTROL_ANSWER_S):
            await self._answered.wait()

    def _hear_answer(self, answer: Payload) -> None:
        if answer.get("id") == self._message_id and "error" not in answer and "code" not in answer:
            listed = answer.get("result")
            self._listed = listed if isinstance(listed, list) else []
            self._answered.set()
            return
        self._stream.unknown["answer"] += 1
        log.warning(
            "market_stream_answer",
            extra={"socket": self._connection.socket.name, "answer": str(answer)[:200]},
        )
