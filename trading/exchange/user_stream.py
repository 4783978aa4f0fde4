"""The account's own stream over the WebSocket API: execution reports and balances, decoded.

Run by the executions process. The venue replays nothing, so after each subscription, and after an event that
could not be read, the owner is told to reconcile. Renews itself on silence, on termination, on shutdown and
before a day is over. On shutdown and age the next connection is subscribed before the last one ends: then
nothing was missed, what comes twice is handed on once, and nobody need reconcile.

Source: binance-spot-api-docs, web-socket-api.md ("User Data Stream subscriptions") and user-data-stream.md,
read 2026-07.
"""

import asyncio
import hashlib
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson

from trading.domain.ports import Clock
from trading.domain.values import to_ms
from trading.exchange.connection import SHUTDOWN
from trading.exchange.decode import UserEvent, user_event
from trading.exchange.fields import UnknownMessage, as_object, whole
from trading.exchange.pacing import USER_SHARE, ConnectionPace
from trading.exchange.signing import Signer
from trading.exchange.sockets import DEFAULT_WAIT_S, MAX_AGE_S, Link, SupervisedSocket, ToldToWait
from trading.exchange.ws_api import WsApi, WsApiLost, WsApiRefused, signed_params

log = logging.getLogger(__name__)

PING_EVERY_S = 5.0
ANSWER_S = 5.0
SILENT_AFTER_S = 12.0  # pings are answered every five seconds
ASK_SUBSCRIPTIONS_EVERY = 3  # of so many pings one asks whether the venue still knows the subscription
REMEMBERED = 500
KEY_BYTES = 16
TERMINATED = "eventStreamTerminated"
CONNECTED = "USER_STREAM_CONNECTED"
UNREADABLE = "USER_STREAM_UNREADABLE"
FOREIGN = "USER_STREAM_FOREIGN"
ASK_FOR_MISSED_EVERY_S = 5.0
CODE_TOO_MUCH = -1003

OnEvent = Callable[[UserEvent], None]
OnResync = Callable[[str], None]
OnBlocked = Callable[[float], None]


class SubscriptionLost(ConnectionError):
    """The venue does not know our subscription any more."""


class UserStream:
    """Events of one account.

    `on_event` gets every decoded event in order. `on_resync` gets a reason code when events may have been
    missed: everything before that moment must be asked for. `on_blocked` gets the seconds for which the venue
    told this address to ask for nothing. All must be quick.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        signer: Signer,
        clock: Clock,
        on_event: OnEvent,
        on_resync: OnResync,
        on_blocked: OnBlocked,
        ping_every_s: float = PING_EVERY_S,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self.api_key = api_key
        self.signer = signer
        self.clock = clock
        self.ping_every_s = ping_every_s
        self._on_event = on_event
        self.on_resync = on_resync
        self.on_blocked = on_blocked
        self._missed_asked_s = -math.inf
        self._asks_later: asyncio.TimerHandle | None = None
        self._heard_by: dict[bytes, UserTalk] = {}
        self.serving: UserTalk | None = None
        self.duplicates = 0
        self.unknown: Counter[str] = Counter()
        self.socket = SupervisedSocket(
            url,
            name="user",
            clock=clock,
            pace=ConnectionPace(USER_SHARE),
            talk=lambda link: UserTalk(self, link),
            silent_after_s=SILENT_AFTER_S,
            max_age_s=max_age_s,
        )

    async def run(self) -> None:
        """Hold the subscription until cancelled."""
        await self.socket.run()

    def status(self) -> dict[str, Any]:
        """Give the figures; connected means subscribed."""
        figures = asdict(self.socket.status)
        figures["unknown_messages"] = self.unknown.total()
        figures["duplicates"] = self.duplicates
        return figures

    def take_event(self, payload: object, talk: "UserTalk") -> None:
        """Hand on an event, unless the other of two connections brought it before.

        Raises:
            UnknownMessage: It cannot be read.
        """
        # Not the text itself: one that tells all balances has ten kilobytes and more.
        key = hashlib.blake2b(orjson.dumps(payload), digest_size=KEY_BYTES).digest()
        if self._heard_by.setdefault(key, talk) is not talk:
            self.duplicates += 1
            return
        if len(self._heard_by) > REMEMBERED:
            del self._heard_by[next(iter(self._heard_by))]
        event = user_event(payload)
        if event is not None:
            self._on_event(event)

    def ask_for_missed(self, reason: str) -> None:
        """Have asked for what could not be read or was not ours: at once, then again only after a while.

        A venue that writes all its events in another way must not cost a reconcile for each.
        """
        wait_s = self._missed_asked_s + ASK_FOR_MISSED_EVERY_S - time.monotonic()
        if wait_s > 0:
            if self._asks_later is None:
                self._asks_later = asyncio.get_running_loop().call_later(wait_s, self._ask_now, reason)
        else:
            self._ask_now(reason)

    def _ask_now(self, reason: str) -> None:
        self._asks_later, self._missed_asked_s = None, time.monotonic()
        self.on_resync(reason)


class UserTalk:
    """What is said over one connection: subscribe, ask for signs of life, take events."""

    def __init__(self, stream: UserStream, link: Link) -> None:
        self._stream = stream
        self.link = link
        self._api = WsApi(link.wire, unknown=stream.unknown)
        self._subscription_id: int | None = None

    async def hold(self) -> None:
        """Subscribe, then ask for a sign of life again and again."""
        stream = self._stream
        stream.socket.is_expecting = True
        try:
            self._subscription_id = await self._subscribe()
        except WsApiRefused as refusal:
            wait_s = self._blocked_s(refusal)
            if wait_s is None:
                raise
            stream.on_blocked(wait_s)
            raise ToldToWait(str(refusal), wait_s=wait_s) from refusal
        is_seamless = await self._was_covered()
        log.info(
            "user_stream_subscribed",
            extra={"subscription_id": self._subscription_id, "is_seamless": is_seamless},
        )
        if not is_seamless:
            stream.on_resync(CONNECTED)
        stream.serving = self
        self.link.ready()
        for number in range(1, 1 << 62):
            await asyncio.sleep(stream.ping_every_s)
            await self._ask_for_life(asks_subscription=number % ASK_SUBSCRIPTIONS_EVERY == 0)

    async def _was_covered(self) -> bool:
        """Tell whether the connection before this one brought everything up to our subscription.

        It must still answer: its answer comes behind all that was sent to it before.
        """
        before, serving = self.link.predecessor, self._stream.serving
        if before is None or serving is None or serving.link is not before:
            return False
        return before.is_planned and await serving.answers()

    async def answers(self) -> bool:
        """Tell whether this connection still serves."""
        try:
            await self._api.request("ping", timeout_s=ANSWER_S)
        except (WsApiRefused, TimeoutError, ConnectionError):
            return False
        return self.link.is_planned

    async def _subscribe(self) -> int:
        stream = self._stream
        timestamp_ms = await self._venue_ms()
        params = signed_params({}, api_key=stream.api_key, signer=stream.signer, timestamp_ms=timestamp_ms)
        result = as_object(
            await self._api.request("userDataStream.subscribe.signature", params, timeout_s=ANSWER_S),
            "subscription",
        )
        return whole(result, "subscriptionId")

    async def _ask_for_life(self, *, asks_subscription: bool) -> None:
        """Ask for a sign of life; raises when nothing comes back, which renews the connection.

        A question that the venue refuses for its weight is a sign of life too: the events still come, only
        questions must wait.
        """
        try:
            if asks_subscription:
                self._check_subscription(await self._api.request("session.subscriptions", timeout_s=ANSWER_S))
            else:
                await self._api.request("ping", timeout_s=ANSWER_S)
        except WsApiRefused as refusal:
            wait_s = self._blocked_s(refusal)
            if wait_s is None:
                raise
            log.warning("user_stream_told_to_wait", extra={"seconds": wait_s})
            self._stream.on_blocked(wait_s)
            # Silence says nothing while we may not ask; the next answer does.
            self._stream.socket.is_expecting = False
            await asyncio.sleep(wait_s)
        else:
            self._stream.socket.is_expecting = True

    def _check_subscription(self, listed: object) -> None:
        known = [row.get("subscriptionId") for row in listed] if isinstance(listed, list) else []
        if self._subscription_id not in known:
            raise SubscriptionLost(f"subscription {self._subscription_id} is not among {known[:5]}")

    def _blocked_s(self, refusal: WsApiRefused) -> float | None:
        """Give how long the venue wants to hear nothing from us; None where it refused for another reason."""
        if refusal.code != CODE_TOO_MUCH:
            return None
        if refusal.retry_at_ms is None:
            return DEFAULT_WAIT_S
        return max(refusal.retry_at_ms - to_ms(self._stream.clock()), 0) / 1000

    async def _venue_ms(self) -> int:
        """Give the venue's moment, half a round trip after it was told."""
        clock = self._stream.clock
        asked_ms = to_ms(clock())
        told = as_object(await self._api.request("time", timeout_s=ANSWER_S), "time")
        return whole(told, "serverTime") + (to_ms(clock()) - asked_ms) // 2

    def hear(self, data: bytes, arrived_ms: int) -> None:
        """Take one message."""
        self.link.heard += 1
        self.link.heard_ms = arrived_ms
        try:
            message = self._api.hear(data)
            if message is not None:
                self._hear_event(message.get("subscriptionId"), message.get("event"))
        except WsApiLost as error:
            log.warning("user_stream_lost", extra={"error": str(error)})
            self.link.leave("lost")
        except UnknownMessage as error:
            # It may have been a fill: what cannot be read must be asked for.
            self._stream.unknown["event"] += 1
            log.warning("user_stream_unreadable", extra={"error": str(error)})
            self._stream.ask_for_missed(UNREADABLE)

    def _hear_event(self, subscription_id: object, payload: object) -> None:
        kind = as_object(payload, "event").get("e")
        if kind == SHUTDOWN:
            self.link.leave(SHUTDOWN, is_planned=True)
        elif kind == TERMINATED:
            self.link.leave(TERMINATED)
        # Before the answer to our own request is read, an event can only be ours.
        elif self._subscription_id not in (None, subscription_id):
            # Not booked, for it may be somebody else's; but it may hide a fill of ours too.
            self._stream.unknown["foreign subscription"] += 1
            log.warning("user_stream_foreign_subscription", extra={"subscription_id": subscription_id})
            self._stream.ask_for_missed(FOREIGN)
        else:
            self._stream.take_event(payload, self)
