"""What the feed writes is what decisions read, exact for money and whole for candles."""

from collections.abc import AsyncIterator
from decimal import Decimal

import numpy as np
import pytest
import redis
import redis.asyncio

from trading.domain.market import Candle
from trading.market.cache import (
    HITS_KEY,
    KEPT_ROWS,
    MISSES_KEY,
    QUOTES_KEY,
    MarketCache,
    MarketWriter,
    candles_key,
)
from trading.market.packed_redis import open_redis

MINUTE = 60_000


@pytest.fixture
async def writer(redis_server: str, redis_client: redis.Redis) -> AsyncIterator[MarketWriter]:
    """The feed's side, on an empty Redis."""
    client = open_redis(redis_server)
    yield MarketWriter(client)
    await client.aclose()


def a_row(bid: str = "1.10", *, arrived_ms: int = 5_000) -> str:
    return f"{bid}|2|1.20|3||{arrived_ms}"


def candle(minute: int, close: float = 1.5) -> Candle:
    return Candle("BTCUSDT", "1m", minute * MINUTE, 1.0, 2.0, 0.5, close, 10.0)


async def test_a_quote_is_read_as_it_was_written(writer: MarketWriter, redis_client: redis.Redis) -> None:
    await writer.flush({"BTCUSDT": a_row("0.000000010")}, [])

    quote = MarketCache(redis_client).quotes(["BTCUSDT"])["BTCUSDT"]

    assert (quote.bid, quote.ask, quote.ask_qty) == (Decimal("1E-8"), Decimal("1.2"), Decimal(3))
    assert (quote.event_at, quote.arrived_at.timestamp()) == (None, 5.0)


async def test_what_is_absent_or_unreadable_is_left_out_and_counted(
    writer: MarketWriter, redis_client: redis.Redis
) -> None:
    await writer.flush({"BTCUSDT": a_row(), "ODD": "1|2", "NAN": a_row("NaN")}, [])
    cache = MarketCache(redis_client)

    assert set(cache.quotes(["BTCUSDT", "ODD", "NAN", "NONE"])) == {"BTCUSDT"}
    assert cache.quotes([]) == {}
    cache.quotes(["BTCUSDT"])
    assert [int(redis_client.get(key) or 0) for key in (HITS_KEY, MISSES_KEY)] == [1, 3]


async def test_candles_are_read_newest_rows_oldest_first(
    writer: MarketWriter, redis_client: redis.Redis
) -> None:
    await writer.replace("BTCUSDT", "1m", [candle(minute) for minute in range(5)])
    written = await writer.flush({}, [candle(5, close=9.25)])

    candles = MarketCache(redis_client).candles(["BTCUSDT"], "1m", length=3).get("BTCUSDT")

    assert written.rows == [6]
    assert candles is not None
    assert candles.open_ms.tolist() == [3 * MINUTE, 4 * MINUTE, 5 * MINUTE]
    assert candles.open_ms.dtype == np.int64
    assert (candles.close[-1], candles.interval_s) == (9.25, 60)


async def test_a_short_history_is_given_whole_and_none_is_none(
    writer: MarketWriter, redis_client: redis.Redis
) -> None:
    await writer.replace("BTCUSDT", "1m", [candle(0)])
    cache = MarketCache(redis_client)

    short = cache.candles(["BTCUSDT"], "1m", length=400)["BTCUSDT"]

    assert short is not None
    assert len(short) == 1
    assert cache.candles(["ETHUSDT"], "1m", length=400) == {}


async def test_a_long_history_is_cut_to_its_newest_rows(
    writer: MarketWriter, redis_client: redis.Redis
) -> None:
    await writer.replace("BTCUSDT", "1m", [candle(minute) for minute in range(1200)])

    assert await writer.trim("BTCUSDT", "1m") == KEPT_ROWS

    candles = MarketCache(redis_client).candles(["BTCUSDT"], "1m", length=2000).get("BTCUSDT")
    assert candles is not None
    assert (len(candles), candles.open_ms[-1]) == (KEPT_ROWS, 1199 * MINUTE)


async def test_a_flush_tells_quotes_that_were_not_there(writer: MarketWriter) -> None:
    first = await writer.flush({"BTCUSDT": a_row(), "ETHUSDT": a_row()}, [])
    second = await writer.flush({"BTCUSDT": a_row("2")}, [])

    assert (first.new_quotes, second.new_quotes) == (2, 0)


async def test_what_is_forgotten_is_gone(writer: MarketWriter, redis_client: redis.Redis) -> None:
    await writer.replace("BTCUSDT", "1m", [candle(0)])
    await writer.flush({"BTCUSDT": a_row()}, [])

    await writer.forget("BTCUSDT", "1m", with_quote=True)

    assert not redis_client.exists(candles_key("BTCUSDT", "1m"))
    assert not redis_client.hexists(QUOTES_KEY, "BTCUSDT")
