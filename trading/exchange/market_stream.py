"""Public market streams: quotes and candles of a changing set of symbols, over as many connections as needed.

Run by the feed, which gives the wanted set and gets every frame. Connections come back by themselves and
subscribe again to what is wanted then; what was missed meanwhile is the feed's to fetch. A quote older
than one already heard is dropped; one that comes late is handed on with the age that it has.

Source: binance-spot-api-docs, web-socket-streams.md, read 2026-07.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import aiohttp
import orjson

from trading.domain.market import Candle
from trading.domain.ports import Clock
from trading.exchange.decode_market import QuoteTexts, kline_frame, quote_texts, stream_kind
from trading.exchange.fields import Payload, UnknownMessage
from trading.exchange.lag import UsualDelay
from trading.exchange.sockets import SupervisedSocket

log = logging.getLogger(__name__)

STREAMS_PER_CONNECTION = 200  # the venue allows 1024; fewer lose less when one connection is cut
CONTROL_EVERY_S = 0.25  # the venue cuts a client that sends more than five messages a second
CONTROL_ANSWER_S = 5.0
SILENT_AFTER_S = 10.0
# A lower update id is an older quote, unless nothing was heard for so long: then the venue may count anew.
COUNTS_ANEW_MS = 5000
LAGGING_MS = 2000
RENEWED_AFTER_LAG_MS = 30_000
SHUTDOWN = "serverShutdown"

Subscription = tuple[str, str]
OnQuote = Callable[[QuoteTexts, int], None]
OnCandle = Callable[[Candle, int], None]


def stream_names(wanted: Iterable[Subscription]) -> set[str]:
    """Give the names of the streams that carry these (symbol, interval) pairs and their quotes."""
    names: set[str] = set()
    for symbol, interval in wanted:
        names.add(f"{symbol.lower()}@bookTicker")
        names.add(f"{symbol.lower()}@kline_{interval}")
    return names


class MarketStream:
    """Quotes and closed candles of the wanted subscriptions, each handed on with its moment of arrival.

    Where a connection lags, the moment of a quote is that at which it should have arrived.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        on_quote: OnQuote,
        on_candle: OnCandle,
        silent_after_s: float = SILENT_AFTER_S,
    ) -> None:
        self._url = f"{url.rstrip('/')}/stream"
        self._clock = clock
        self._on_quote = on_quote
        self._on_candle = on_candle
        self._silent_after_s = silent_after_s
        self._connections: list[_Connection] = []
        self._grew = asyncio.Event()
        self._newest: dict[str, tuple[int, int]] = {}  # update id and arrival of each symbol's last quote
        self._old_quotes = 0
        self.unknown: Counter[str] = Counter()
        self.usual_delay = UsualDelay()

    def set_subscriptions(self, wanted: Iterable[Subscription]) -> None:
        """Ask for exactly these; what is already streamed stays where it is."""
        names = stream_names(wanted)
        for connection in self._connections:
            connection.keep_only(names)
            names -= connection.wanted
        for connection in self._connections:
            connection.add(_take(names, STREAMS_PER_CONNECTION - len(connection.wanted)))
        while names:
            connection = _Connection(self, number=len(self._connections))
            connection.add(_take(names, STREAMS_PER_CONNECTION))
            self._connections.append(connection)
            self._grew.set()

    async def run(self) -> None:
        """Hold all connections until cancelled."""
        started = 0
        async with asyncio.TaskGroup() as tasks:
            while True:
                for connection in self._connections[started:]:
                    tasks.create_task(connection.socket.run())
                started = len(self._connections)
                self._grew.clear()
                await self._grew.wait()

    @property
    def is_connected(self) -> bool:
        """Tell whether every connection stands (false before the first subscription)."""
        busy = [connection for connection in self._connections if connection.wanted]
        return bool(busy) and all(connection.socket.status.connected for connection in busy)

    def status(self) -> dict[str, Any]:
        """Give the figures of all connections as one; the worst where one figure must stand for all."""
        statuses = [connection.socket.status for connection in self._connections]
        return {
            "connected": self.is_connected,
            "connected_at_ms": max((status.connected_at_ms for status in statuses), default=0),
            "last_message_ms": max((status.last_message_ms for status in statuses), default=0),
            "uptime_ratio": min((status.uptime_ratio for status in statuses), default=0.0),
            "reconnects": sum(status.reconnects for status in statuses),
            "unknown_messages": self.unknown.total(),
            "old_quotes": self._old_quotes,
            "lag_ms": max((connection.lag_ms for connection in self._connections), default=0),
            "streams": sum(len(connection.wanted) for connection in self._connections),
            "connections": [asdict(status) for status in statuses],
        }

    def open_socket(self, name: str, connection: "_Connection") -> SupervisedSocket:
        """Give the socket of one connection, not yet running."""
        return SupervisedSocket(
            self._url,
            name=name,
            clock=self._clock,
            on_open=connection.control,
            on_text=connection.hear,
            silent_after_s=self._silent_after_s,
        )

    def deliver(self, data: Payload, arrived_ms: int, *, lag_ms: int) -> None:
        """Hand on a quote or a closed candle; the candle that is still growing is of no use here."""
        try:
            kind = stream_kind(data)
            if kind == "bookTicker":
                quote = quote_texts(data)
                if self._is_newest(quote.symbol, data.get("u"), arrived_ms):
                    self._on_quote(quote, arrived_ms - lag_ms)
            elif kind == "kline":
                candle, is_closed = kline_frame(data)
                if is_closed:
                    self._on_candle(candle, arrived_ms)
            else:
                self.unknown[kind] += 1
        except UnknownMessage as error:
            self.unknown[type(error).__name__] += 1
            log.warning("market_frame_unreadable", extra={"error": str(error)})

    def _is_newest(self, symbol: str, update_id: object, arrived_ms: int) -> bool:
        """Tell whether a quote is newer than the last one; a node that lags behind may send older ones."""
        if not isinstance(update_id, int):
            return True
        last_id, last_ms = self._newest.get(symbol, (0, 0))
        if update_id < last_id and arrived_ms - last_ms < COUNTS_ANEW_MS:
            self._old_quotes += 1
            return False
        self._newest[symbol] = (update_id, arrived_ms)
        return True


class _Connection:
    """One socket and the difference between what is wanted on it and what was asked for."""

    def __init__(self, stream: MarketStream, *, number: int) -> None:
        self.wanted: set[str] = set()
        self.lag_ms = 0
        self._lagging_since_ms: int | None = None
        self._stream = stream
        self._live: set[str] = set()
        self._changed = asyncio.Event()
        self._answered = asyncio.Event()
        self._message_id = 0
        self.socket = stream.open_socket(f"market-{number}", self)

    def keep_only(self, names: set[str]) -> None:
        if not self.wanted <= names:
            self.wanted &= names
            self._changed.set()

    def add(self, names: set[str]) -> None:
        if names:
            self.wanted |= names
            self._changed.set()

    async def control(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Keep the venue's idea of our subscriptions equal to ours, for as long as the connection lives."""
        self._live = set()
        self.lag_ms, self._lagging_since_ms = 0, None
        while True:
            self.socket.is_expecting = bool(self.wanted)
            added, removed = self.wanted - self._live, self._live - self.wanted
            self._changed.clear()
            if added:
                await self._ask(ws, "SUBSCRIBE", added)
                self._live |= added
            elif removed:
                await self._ask(ws, "UNSUBSCRIBE", removed)
                self._live -= removed
            else:
                await self._changed.wait()

    def hear(self, text: str | bytes, arrived_ms: int) -> None:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._stream.unknown["not JSON"] += 1
            return
        data = message.get("data", message) if isinstance(message, dict) else None
        if not isinstance(data, dict):
            self._stream.unknown["not an object"] += 1
        elif data.get("e") == SHUTDOWN:
            self.socket.renew(SHUTDOWN)
        elif "data" in message:
            self._note_lag(data.get("E"), arrived_ms)
            self._stream.deliver(data, arrived_ms, lag_ms=self.lag_ms)
        else:
            self._hear_answer(data)

    def _note_lag(self, event_ms: object, arrived_ms: int) -> None:
        """Learn from a message with a moment how late this connection is; renew one that stays late."""
        if not isinstance(event_ms, int):
            return
        self.lag_ms = self._stream.usual_delay.excess_ms(arrived_ms - event_ms, now_ms=arrived_ms)
        if self.lag_ms < LAGGING_MS:
            self._lagging_since_ms = None
        elif self._lagging_since_ms is None:
            self._lagging_since_ms = arrived_ms
        elif arrived_ms - self._lagging_since_ms > RENEWED_AFTER_LAG_MS:
            self._lagging_since_ms = None
            self.socket.renew("lag")

    async def _ask(self, ws: aiohttp.ClientWebSocketResponse, method: str, names: set[str]) -> None:
        self._message_id += 1
        self._answered.clear()
        await ws.send_json({"method": method, "params": sorted(names), "id": self._message_id})
        await asyncio.sleep(CONTROL_EVERY_S)
        async with asyncio.timeout(CONTROL_ANSWER_S):
            await self._answered.wait()

    def _hear_answer(self, answer: Payload) -> None:
        if answer.get("id") == self._message_id and "error" not in answer and "code" not in answer:
            self._answered.set()
            return
        self._stream.unknown["answer"] += 1
        log.warning("market_stream_answer", extra={"socket": self.socket.name, "answer": str(answer)[:200]})


def _take(names: set[str], count: int) -> set[str]:
    """Move up to `count` names out of the set, in order, so that a symbol's streams stay together."""
    taken = set(sorted(names)[: max(count, 0)])
    names -= taken
    return taken
