"""Quotes and closed candles in Redis: the reader that decisions use, and the writer that the feed uses.

Quotes are exact text; candles are packed rows of six float64, appended as they close, so that a reader gets
any length in one round trip and no parsing. The feed is the only writer. Readers get what is there with its
moment of arrival; whether that is fresh enough is theirs to judge.
"""

import logging
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import redis
import redis.asyncio

from trading.domain.market import INTERVAL_S, Candle, Quote
from trading.domain.signals import Candles
from trading.domain.values import InvalidNumber, from_ms, to_decimal

log = logging.getLogger(__name__)

QUOTES_KEY = "fc:quotes"
CANDLES_PREFIX = "fc:candles:"
SOURCE_KEY = "fc:feed:source"
HITS_KEY = "fc:cache:hits"
MISSES_KEY = "fc:cache:misses"

_ROW = struct.Struct("<6d")
ROW_BYTES = _ROW.size
COLUMNS = 6
KEPT_ROWS = 600
TRIM_AT_ROWS = 1200


def candles_key(symbol: str, interval: str) -> str:
    """Give the Redis key of one candle history."""
    return f"{CANDLES_PREFIX}{symbol}:{interval}"


def parse_quote(symbol: str, row: str) -> Quote:
    """Read a quote: bid, its quantity, ask, its quantity, the venue's moment (may be empty), arrival.

    Raises:
        InvalidNumber: A field is not a number.
        ValueError: Not six fields.
    """
    bid, bid_qty, ask, ask_qty, event_ms, arrived_ms = row.split("|")
    return Quote(
        symbol=symbol,
        bid=to_decimal(bid),
        bid_qty=to_decimal(bid_qty),
        ask=to_decimal(ask),
        ask_qty=to_decimal(ask_qty),
        event_at=from_ms(int(event_ms)) if event_ms else None,
        arrived_at=from_ms(int(arrived_ms)),
    )


class MarketCache:
    """Implements domain.ports.MarketView. Safe to use from several threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._lock = threading.Lock()
        self._reads: Counter[str] = Counter()

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Newest quote of each symbol that has one, in one round trip."""
        if not symbols:
            return {}
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(QUOTES_KEY, list(symbols))
            for key, count in self._take_reads().items():
                pipe.incrby(key, count)
            rows = pipe.execute()[0]
        found = dict(
            (symbol, quote)
            for symbol, row in zip(symbols, rows, strict=True)
            if row is not None and (quote := _readable(symbol, row)) is not None
        )
        # Counted with the next read: a round trip of its own would cost more than the figure is worth.
        with self._lock:
            self._reads[HITS_KEY] += len(found)
            self._reads[MISSES_KEY] += len(symbols) - len(found)
        return found

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """Newest closed candles of each symbol that has any, oldest first, in one round trip."""
        if not symbols:
            return {}
        with self._redis.pipeline(transaction=False) as pipe:
            for symbol in symbols:
                pipe.getrange(candles_key(symbol, interval), -length * ROW_BYTES, -1)
            histories = pipe.execute()
        with self._lock:
            self._reads[HITS_KEY] += sum(map(bool, histories))
            self._reads[MISSES_KEY] += sum(not raw for raw in histories)
        return {symbol: unpack(raw, interval) for symbol, raw in zip(symbols, histories, strict=True) if raw}

    def _take_reads(self) -> Counter[str]:
        with self._lock:
            reads, self._reads = self._reads, Counter()
        return reads


class Written(NamedTuple):
    """What one flush found: rows in each history after appending, and quotes that were not there before."""

    rows: list[int]
    new_quotes: int


class MarketWriter:
    """The feed's side. Every method may raise redis.RedisError; then nothing is sure to be written."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._redis = client

    async def flush(self, quotes: Mapping[str, str], candles: Sequence[Candle]) -> Written:
        """Append candles, then write quotes, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for candle in candles:
                pipe.append(candles_key(candle.symbol, candle.interval), pack([candle]))
            if quotes:
                fields: dict[Any, Any] = dict(quotes)
                pipe.hset(QUOTES_KEY, mapping=fields)
            results = await pipe.execute()
        rows = [int(size) // ROW_BYTES for size in results[: len(candles)]]
        return Written(rows, int(results[-1]) if quotes else 0)

    async def stored(
        self, keys: Sequence[tuple[str, str]], *, length: int
    ) -> list[tuple[int, Candles | None]]:
        """Give for each history how many rows are stored, and the newest of them, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for symbol, interval in keys:
                pipe.strlen(candles_key(symbol, interval))
                pipe.getrange(candles_key(symbol, interval), -length * ROW_BYTES, -1)
            answers = await pipe.execute()
        return [
            (int(size) // ROW_BYTES, unpack(tail, interval) if tail and size % ROW_BYTES == 0 else None)
            for (_, interval), size, tail in zip(keys, answers[::2], answers[1::2], strict=True)
        ]

    async def swap_source(self, source: str) -> str:
        """Write from which venue the histories are, and give what was written before (empty: nothing)."""
        before: Any = await self._redis.set(SOURCE_KEY, source, get=True)
        return _plain(before) if before is not None else ""

    async def replace(self, symbol: str, interval: str, candles: Sequence[Candle]) -> None:
        """Write a whole history anew."""
        await self._redis.set(candles_key(symbol, interval), pack(candles))

    async def trim(self, symbol: str, interval: str) -> int:
        """Keep the newest rows of a history; give how many are left."""
        key = candles_key(symbol, interval)
        tail: Any = await self._redis.getrange(key, -KEPT_ROWS * ROW_BYTES, -1)
        await self._redis.set(key, tail)
        return len(tail) // ROW_BYTES

    async def forget(self, symbol: str, interval: str, *, with_quote: bool) -> None:
        """Remove a history that is no longer kept up, and the quote where no other history needs it."""
        await self._redis.delete(candles_key(symbol, interval))
        if with_quote:
            await self._redis.hdel(QUOTES_KEY, symbol)

    async def put_status(self, key: str, status: bytes, *, expiry_s: int) -> None:
        """Write a status that vanishes when nobody refreshes it."""
        await self._redis.set(key, status, ex=expiry_s)


def unpack(raw: bytes, interval: str) -> Candles:
    """Read packed rows as arrays."""
    rows = np.frombuffer(raw, dtype="<f8").reshape(-1, COLUMNS)
    columns = np.ascontiguousarray(rows.T)
    return Candles(
        open_ms=columns[0].astype(np.int64),
        open=columns[1],
        high=columns[2],
        low=columns[3],
        close=columns[4],
        volume=columns[5],
        interval_s=INTERVAL_S[interval],
    )


def pack(candles: Sequence[Candle]) -> bytes:
    """Pack candles into rows, oldest first as given."""
    return b"".join(
        _ROW.pack(each.open_ms, each.open, each.high, each.low, each.close, each.volume) for each in candles
    )


def _readable(symbol: str, row: bytes | str) -> Quote | None:
    try:
        return parse_quote(symbol, _plain(row))
    except (InvalidNumber, ValueError) as error:
        log.warning("quote_unreadable", extra={"symbol": symbol, "error": str(error)})
        return None


def _plain(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
