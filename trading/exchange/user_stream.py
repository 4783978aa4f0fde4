"""The account's own stream over the WebSocket API: execution reports and balances, decoded.

Run by the executions process. The venue replays nothing, so after each subscription, and after an event that
could not be read, the owner is told to reconcile. Renews itself: on silence, on termination, on shutdown,
before a day is over.

Source: binance-spot-api-docs, web-socket-api.md ("User Data Stream subscriptions") and user-data-stream.md,
read 2026-07.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import aiohttp

from trading.domain.ports import Clock
from trading.domain.values import to_ms
from trading.exchange.decode import UserEvent, user_event
from trading.exchange.fields import UnknownMessage, as_object, whole
from trading.exchange.market_stream import SHUTDOWN
from trading.exchange.signing import Signer
from trading.exchange.sockets import DEFAULT_WAIT_S, SupervisedSocket, ToldToWait
from trading.exchange.ws_api import WsApi, WsApiLost, WsApiRefused, signed_params

log = logging.getLogger(__name__)

PING_EVERY_S = 5.0
ANSWER_S = 5.0
SILENT_AFTER_S = 12.0  # pings are answered every five seconds
TERMINATED = "eventStreamTerminated"
CONNECTED = "USER_STREAM_CONNECTED"
UNREADABLE = "USER_STREAM_UNREADABLE"
FOREIGN = "USER_STREAM_FOREIGN"
ASK_FOR_MISSED_EVERY_S = 5.0
CODE_TOO_MUCH = -1003

OnEvent = Callable[[UserEvent], None]
OnResync = Callable[[str], None]
OnBlocked = Callable[[float], None]


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
    ) -> None:
        self._api_key = api_key
        self._signer = signer
        self._clock = clock
        self._on_event = on_event
        self._on_resync = on_resync
        self._on_blocked = on_blocked
        self._ping_every_s = ping_every_s
        self._api: WsApi | None = None
        self._subscription_id: int | None = None
        self._missed_asked_s = -math.inf
        self._asks_later: asyncio.TimerHandle | None = None
        self.unknown: Counter[str] = Counter()
        self._socket = SupervisedSocket(
            url,
            name="user",
            clock=clock,
            on_open=self._subscribe_and_ping,
            on_text=self._hear,
            silent_after_s=SILENT_AFTER_S,
        )

    async def run(self) -> None:
        """Hold the subscription until cancelled."""
        await self._socket.run()

    def status(self) -> dict[str, Any]:
        """Give the figures; connected means subscribed."""
        figures = asdict(self._socket.status)
        figures["connected"] = self._subscription_id is not None and figures["connected"]
        figures["unknown_messages"] = self.unknown.total()
        return figures

    async def _subscribe_and_ping(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._subscription_id = None
        self._socket.is_expecting = True
        api = self._api = WsApi(ws, unknown=self.unknown)
        try:
            self._subscription_id = await self._subscribe(api)
        except WsApiRefused as refusal:
            wait_s = self._blocked_s(refusal)
            if wait_s is None:
                raise
            self._on_blocked(wait_s)
            raise ToldToWait(str(refusal), wait_s=wait_s) from refusal
        log.info("user_stream_subscribed", extra={"subscription_id": self._subscription_id})
        self._on_resync(CONNECTED)
        while True:
            await asyncio.sleep(self._ping_every_s)
            await self._ping(api)

    async def _subscribe(self, api: WsApi) -> int:
        timestamp_ms = await self._venue_ms(api)
        params = signed_params({}, api_key=self._api_key, signer=self._signer, timestamp_ms=timestamp_ms)
        result = await api.request("userDataStream.subscribe.signature", params, timeout_s=ANSWER_S)
        return whole(result, "subscriptionId")

    async def _ping(self, api: WsApi) -> None:
        """Ask for a sign of life; raises when nothing comes back, which renews the connection.

        A ping that the venue refuses for its weight is a sign of life too: the events still come, only
        questions must wait.
        """
        try:
            await api.request("ping", timeout_s=ANSWER_S)
        except WsApiRefused as refusal:
            wait_s = self._blocked_s(refusal)
            if wait_s is None:
                raise
            log.warning("user_stream_told_to_wait", extra={"seconds": wait_s})
            self._on_blocked(wait_s)
            # Silence says nothing while we may not ask; the next answer does.
            self._socket.is_expecting = False
            await asyncio.sleep(wait_s)
        else:
            self._socket.is_expecting = True

    def _blocked_s(self, refusal: WsApiRefused) -> float | None:
        """Give how long the venue wants to hear nothing from us; None where it refused for another reason."""
        if refusal.code != CODE_TOO_MUCH:
            return None
        if refusal.retry_at_ms is None:
            return DEFAULT_WAIT_S
        return max(refusal.retry_at_ms - to_ms(self._clock()), 0) / 1000

    async def _venue_ms(self, api: WsApi) -> int:
        """Give the venue's moment, half a round trip after it was told."""
        asked_ms = to_ms(self._clock())
        server_ms = whole(await api.request("time", timeout_s=ANSWER_S), "serverTime")
        return server_ms + (to_ms(self._clock()) - asked_ms) // 2

    def _hear(self, text: str | bytes, _arrived_ms: int) -> None:
        if self._api is None:
            return
        try:
            message = self._api.hear(text)
            if message is not None:
                self._hear_event(message.get("subscriptionId"), message.get("event"))
        except WsApiLost as error:
            log.warning("user_stream_lost", extra={"error": str(error)})
            self._socket.renew("lost")
        except UnknownMessage as error:
            # It may have been a fill: what cannot be read must be asked for.
            self.unknown["event"] += 1
            log.warning("user_stream_unreadable", extra={"error": str(error)})
            self._ask_for_missed(UNREADABLE)

    def _hear_event(self, subscription_id: object, payload: object) -> None:
        kind = as_object(payload, "event").get("e")
        if kind in (SHUTDOWN, TERMINATED):
            self._socket.renew(str(kind))
            return
        # Before the answer to our own request is read, an event can only be ours.
        if self._subscription_id not in (None, subscription_id):
            # Not booked, for it may be somebody else's; but it may hide a fill of ours too.
            self.unknown["foreign subscription"] += 1
            log.warning("user_stream_foreign_subscription", extra={"subscription_id": subscription_id})
            self._ask_for_missed(FOREIGN)
            return
        event = user_event(payload)
        if event is not None:
            self._on_event(event)

    def _ask_for_missed(self, reason: str) -> None:
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
        self._on_resync(reason)
