"""Public market streams: quotes and candles of a changing set of symbols, over as many connections as needed.

Run by the feed, which gives the wanted set. Quotes are conflated here to the last value of each symbol and
handed on together, ten to forty times a second: taking every one apart would cost more than reading it.
Connections come back by themselves; what was missed meanwhile is the feed's to fetch. A quote older than
one already heard is dropped; one that comes late is handed on with the age that it has.

Source: binance-spot-api-docs, web-socket-streams.md, read 2026-07.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from trading.domain.market import Candle
from trading.domain.ports import Clock
from trading.domain.values import to_ms
from trading.exchange.connection import Connection
from trading.exchange.fields import MalformedMessage
from trading.exchange.lag import UsualDelay
from trading.exchange.market_frames import (
    BOOK_TICKER,
    KLINE,
    MarketEvent,
    QuoteRow,
    closed_candle,
    quote_row,
)
from trading.exchange.pacing import MARKET_SHARE, ConnectionPace
from trading.exchange.silence import ExpectedPause
from trading.exchange.sockets import MAX_AGE_S, SupervisedSocket

log = logging.getLogger(__name__)

STREAMS_PER_CONNECTION = 200  # the venue allows 1024; fewer lose less when one connection is cut
SILENT_AFTER_S = 10.0
# Quotes are handed on together, FLUSH_EVERY_S after the first of them. The more there were, the longer the
# next ones gather: more is conflated under load, and a frame costs less.
FLUSH_EVERY_S = 0.025
FLUSH_LONGEST_S = 0.1
FLUSH_S_PER_QUOTE = 0.00025
# A lower update id is an older quote, unless the venue counts anew, say after a restart: then the newest that
# we know stands still, and lower ids grow. A node that lags sends them too, among newer ones.
COUNTS_ANEW_MS = 1000
COUNTS_ANEW_AFTER = 3
LATE_MS = 1000
LATE = "LATE"
MALFORMED = "MALFORMED"
OLD = "OLD"
UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
SYMBOLS_EVERY_S = 1.0

Subscription = tuple[str, str]
OnQuotes = Callable[[Sequence[QuoteRow]], None]
OnCandle = Callable[[Candle, int], None]
Newest = tuple[int, int, MarketEvent]


def stream_names(wanted: Iterable[Subscription]) -> set[str]:
    """Give the names of the streams that carry these (symbol, interval) pairs and their quotes."""
    names: set[str] = set()
    for symbol, interval in wanted:
        names.add(f"{symbol.lower()}@bookTicker")
        names.add(f"{symbol.lower()}@kline_{interval}")
    return names


class MarketStream:
    """Newest quotes and closed candles of the wanted subscriptions, each with its moment of arrival.

    Where a connection lags, the moment of a quote is that at which it should have arrived.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        on_quotes: OnQuotes,
        on_candle: OnCandle,
        silent_after_s: float = SILENT_AFTER_S,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        self._url = f"{url.rstrip('/')}/stream"
        self._clock = clock
        self._on_quotes = on_quotes
        self._on_candle = on_candle
        self._silent_after_s = silent_after_s
        self._max_age_s = max_age_s
        self._connections: list[Connection] = []
        self._pace = ConnectionPace(MARKET_SHARE)
        self._grew = asyncio.Event()
        self._symbols: set[str] = set()
        self._newest: dict[str, Newest] = {}  # update id, arrival and frame of each symbol's last quote
        self._dirty: dict[str, Newest] = {}
        self._gather_s = FLUSH_EVERY_S
        self._older: dict[str, tuple[int, int, int]] = {}  # below which id, the last of these, how many grew
        self._pauses: dict[str, ExpectedPause] = {}
        self._silent: set[str] = set()
        self.heard = 0
        self.refused: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.usual_delay = UsualDelay()

    def set_subscriptions(self, wanted: Iterable[Subscription]) -> None:
        """Ask for exactly these; what is already streamed stays where it is."""
        pairs = set(wanted)
        names = stream_names(pairs)
        self._symbols = {symbol for symbol, _ in pairs}
        for gone in self._newest.keys() - self._symbols:
            del self._newest[gone]
            self._dirty.pop(gone, None)
            self._older.pop(gone, None)
        for connection in self._connections:
            connection.keep_only(names)
            names -= connection.wanted
        for connection in self._connections:
            connection.add(_take(names, STREAMS_PER_CONNECTION - len(connection.wanted)))
        while names:
            connection = Connection(self, self.open_socket, number=len(self._connections))
            connection.add(_take(names, STREAMS_PER_CONNECTION))
            self._connections.append(connection)
            self._grew.set()

    async def run(self) -> None:
        """Hold all connections until cancelled."""
        started = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_symbols())
            while True:
                for connection in self._connections[started:]:
                    tasks.create_task(connection.socket.run())
                started = len(self._connections)
                self._grew.clear()
                await self._grew.wait()

    @property
    def is_connected(self) -> bool:
        """Tell whether every connection serves (false before the first subscription)."""
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
            "handovers": sum(status.handovers for status in statuses),
            "attempts_5m": self._pace.used,
            "heard": self.heard,
            "unknown_messages": self.unknown.total(),
            "refused": dict(self.refused),
            "marked": dict(self.marked),
            "silent_symbols": sorted(self._silent),
            "lag_ms": max((connection.lag_ms for connection in self._connections), default=0),
            "streams": sum(len(connection.wanted) for connection in self._connections),
            "connections": [
                asdict(status) | {"streams": len(connection.wanted)}
                for status, connection in zip(statuses, self._connections, strict=True)
            ],
        }

    def open_socket(self, name: str, connection: Connection) -> SupervisedSocket:
        """Give the socket of one connection, not yet running."""
        return SupervisedSocket(
            self._url,
            name=name,
            clock=self._clock,
            pace=self._pace,
            talk=connection.begin,
            silent_after_s=self._silent_after_s,
            max_age_s=self._max_age_s,
        )

    def take_quote(self, quote: MarketEvent, arrived_ms: int) -> None:
        """Keep a quote if it is newer than the last one of its symbol.

        A node that lags behind, or the second of two connections, may send older ones and the same again.
        """
        self.heard += 1
        symbol, update_id = quote.symbol, quote.update_id
        if update_id is None:
            self.refuse(quote.kind, MalformedMessage("u is missing"))
            return
        last = self._newest.get(symbol)
        if last is None:
            if symbol not in self._symbols:
                self.refused[UNKNOWN_SYMBOL] += 1
                return
        elif update_id <= last[0] and not self._counts_anew(symbol, update_id, arrived_ms):
            self.refused[OLD] += update_id < last[0]
            return
        if not self._dirty:
            asyncio.get_running_loop().call_later(self._gather_s, self._hand_on)
        self._newest[symbol] = self._dirty[symbol] = (update_id, arrived_ms, quote)

    def _counts_anew(self, symbol: str, update_id: int, arrived_ms: int) -> bool:
        """Tell whether an id that is not above the newest one is of a new count."""
        newest_id, newest_ms, _ = self._newest[symbol]
        below_id, older_id, run = self._older.get(symbol, (0, 0, 0))
        run = 1 if below_id != newest_id or update_id < older_id else run + (update_id > older_id)
        self._older[symbol] = newest_id, update_id, run
        return run >= COUNTS_ANEW_AFTER and arrived_ms - newest_ms >= COUNTS_ANEW_MS

    def note_delay(self, delay_ms: int, arrived_ms: int) -> int:
        """Take the delay of a frame that tells its moment, and give by how much it is above the usual one."""
        lag_ms = self.usual_delay.excess_ms(delay_ms, now_ms=arrived_ms)
        self.marked[LATE] += lag_ms >= LATE_MS
        return lag_ms

    def take_event(self, event: MarketEvent, arrived_ms: int) -> None:
        """Hand on a closed candle; the one that is still growing is of no use here."""
        if event.kind != KLINE:
            self.unknown[str(event.kind)[:20]] += 1
            return
        self.heard += 1
        kline = event.kline
        if kline is None:
            self.refuse(KLINE, MalformedMessage("k is missing"))
        elif kline.is_closed:
            try:
                candle = closed_candle(kline)
            except MalformedMessage as error:
                self.refuse(KLINE, error)
            else:
                self._on_candle(candle, arrived_ms)

    def refuse(self, kind: object, error: Exception) -> None:
        """Count a frame that is not what its kind should be; of a kind that is not asked for, as unknown."""
        if kind in (None, BOOK_TICKER, KLINE):
            self.refused[MALFORMED] += 1
            log.warning("market_frame_unreadable", extra={"error": str(error)})
        else:
            self.unknown[str(kind)[:20]] += 1

    def _hand_on(self) -> None:
        """Take the newest quotes apart and hand them on together."""
        dirty, self._dirty = self._dirty, {}
        self._gather_s = min(max(FLUSH_EVERY_S, len(dirty) * FLUSH_S_PER_QUOTE), FLUSH_LONGEST_S)
        rows = []
        for _, arrived_ms, quote in dirty.values():
            try:
                rows.append(quote_row(quote, arrived_ms))
            except MalformedMessage as error:
                self.refuse(quote.kind, error)
        if rows:
            self._on_quotes(rows)

    async def _watch_symbols(self) -> None:
        """Notice single symbols that fell silent on a live connection, and ask for them anew."""
        while True:
            await asyncio.sleep(SYMBOLS_EVERY_S)
            now_s = time.monotonic()
            self._silent &= self._symbols
            for gone in self._pauses.keys() - self._symbols:
                del self._pauses[gone]
            for connection in self._connections:
                connection.renew_silent(self._silent_symbols(connection.symbols(), now_s))

    def _silent_symbols(self, symbols: Iterable[str], now_s: float) -> list[str]:
        """Give those whose quotes fell silent; a whole silent connection is its socket's to notice."""
        fell = []
        now_ms = to_ms(self._clock())
        for symbol in symbols:
            newest = self._newest.get(symbol)
            if newest is None:
                continue
            pause = self._pauses.get(symbol)
            if pause is None:
                pause = self._pauses[symbol] = ExpectedPause(SILENT_AFTER_S)
                pause.begin(now_s)
            heard_s = now_s - (now_ms - newest[1]) / 1000
            if heard_s > pause.heard_s + 0.001:
                pause.heard(min(heard_s, now_s))
                self._silent.discard(symbol)
            elif pause.has_learned and pause.is_silent(now_s):
                self._silent.add(symbol)
                fell.append(symbol)
        return fell


def _take(names: set[str], count: int) -> set[str]:
    """Move up to `count` names out of the set, in order, so that a symbol's streams stay together."""
    taken = set(sorted(names)[: max(count, 0)])
    names -= taken
    return taken
