"""The mirror market: public data of another Binance-shaped venue, live Binance by default, passed on at once.

It asks for klines once to be warm and then listens to bookTicker, trade and the twenty best levels. It sends
no order anywhere; matching stays here. A broken connection is opened again with growing pauses.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from trading.paper.market_sink import Clock, MarketSink, WarmRow, to_units
from trading.paper.markets.frames import FrameReader

log = logging.getLogger(__name__)

BATCH_S = 0.05  # books are told at most this often, trades at once
SILENCE_S = 30.0  # a connection that says nothing for so long is opened anew
LONGEST_PAUSE_S = 30.0
MINUTE_MS = 60_000
HISTORY = (("1m", MINUTE_MS, 1_000), ("1s", 1_000, 900))
STREAMS = ("bookTicker", "trade", "depth20@100ms")
# Where the REST address does not serve streams itself, see the venue's list of environments (2026-07).
STREAM_HOSTS = {
    "api.binance.com": "wss://stream.binance.com:9443",
    "data-api.binance.vision": "wss://data-stream.binance.vision",
    "demo-api.binance.com": "wss://demo-stream.binance.com:9443",
    "testnet.binance.vision": "wss://stream.testnet.binance.vision",
}


def stream_url(rest_url: str) -> str:
    """Give the address of the streams that belong to a REST address."""
    parts = urlsplit(rest_url)
    known = STREAM_HOSTS.get(parts.hostname or "")
    return known or f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"


class MirrorMarket:
    """A market seen in the mirror of another venue.

    Args:
        url: REST address of that venue, without a path.
    """

    def __init__(self, url: str, *, symbols: Sequence[str], clock: Clock) -> None:
        self.symbols = tuple(symbols)
        self._url = url.rstrip("/")
        self._clock = clock
        self._warm: dict[str, list[tuple[int, ...]]] = {}

    async def prepare(self) -> None:
        """Ask for history; what cannot be had is logged and left out, the stream works without it."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            for symbol in self.symbols:
                try:
                    self._warm[symbol] = await self._history(session, symbol)
                except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
                    log.warning("mirror.history_missing symbol=%s error=%r", symbol, error)

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Give the other venue's closed candles: minutes, then seconds from a full minute on."""
        return self._warm.get(symbol, [])

    async def run(self, sink: MarketSink) -> None:
        """Listen until cancelled."""
        reader = FrameReader(sink, symbols=frozenset(self.symbols))
        failures = 0
        while True:
            try:
                async with aiohttp.ClientSession() as session:
                    heard = await self._listen(session, reader)
                failures = 0 if heard else failures + 1
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failures += 1
                log.warning("mirror.connection_lost url=%s failures=%s error=%r", self._url, failures, error)
            await asyncio.sleep(min(LONGEST_PAUSE_S, 0.5 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0))

    async def _listen(self, session: aiohttp.ClientSession, reader: FrameReader) -> bool:
        """Read one connection to its end; say whether anything was heard."""
        names = "/".join(f"{symbol.lower()}@{name}" for symbol in self.symbols for name in STREAMS)
        url = f"{stream_url(self._url)}/stream?streams={names}"
        heard = False
        async with session.ws_connect(
            url, timeout=aiohttp.ClientWSTimeout(ws_receive=SILENCE_S), max_msg_size=2**23
        ) as socket:
            log.info("mirror.connected url=%s symbols=%s", self._url, len(self.symbols))
            flusher = asyncio.create_task(self._flush(reader))
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        heard = self._take(reader, message.data) or heard
            finally:
                flusher.cancel()
        return heard

    def _take(self, reader: FrameReader, text: str) -> bool:
        try:
            frame = orjson.loads(text)
            reader.feed(frame["stream"], frame["data"], at_ms=self._clock())
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            log.warning("mirror.frame_unreadable url=%s error=%r text=%.200s", self._url, error, text)
            return False
        return True

    async def _flush(self, reader: FrameReader) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            reader.flush(self._clock())

    async def _history(self, session: aiohttp.ClientSession, symbol: str) -> list[tuple[int, ...]]:
        minutes, seconds = [
            [_warm_row(row, span) for row in await self._klines(session, symbol, interval, limit)]
            for interval, span, limit in HISTORY
        ]
        now = self._clock()
        turn = next((row.open_ms for row in seconds if row.open_ms % MINUTE_MS == 0), now)
        rows: list[tuple[int, ...]] = [row for row in minutes if row.open_ms + MINUTE_MS <= turn]
        rows += [row for row in seconds if turn <= row.open_ms <= now - 1000]
        return rows

    async def _klines(
        self, session: aiohttp.ClientSession, symbol: str, interval: str, limit: int
    ) -> list[list[Any]]:
        query: Mapping[str, str] = {"symbol": symbol, "interval": interval, "limit": str(limit)}
        async with session.get(f"{self._url}/api/v3/klines", params=query) as reply:
            reply.raise_for_status()
            table: list[list[Any]] = orjson.loads(await reply.read())
            return table


def _warm_row(row: Sequence[Any], span_ms: int) -> WarmRow:
    first, high, low, close, volume = (to_units(Decimal(text)) for text in row[1:6])
    quote, taker, taker_quote = (to_units(Decimal(row[index])) for index in (7, 9, 10))
    return WarmRow(
        int(row[0]), span_ms, first, high, low, close, volume, quote, int(row[8]), taker, taker_quote
    )
