"""The product's stream readers under the faults of streams: they come back, and take no wrong price."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
import redis
import redis.asyncio

from tests.contract.test_streams_on_paper import Ear, market_stream, running, until
from tests.support.paper_venue import PaperServer
from tests.support.wire import SYMBOL, an_account, clock
from trading.domain.market import Quote
from trading.domain.values import to_ms
from trading.exchange.market_stream import MarketStream
from trading.market.cache import MarketCache, MarketWriter
from trading.market.ingest import FEED_KEY, Feed, FeedDoors, OnCandle, OnQuotes, Quoted
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis

SECOND = 1000


@pytest.fixture
def server() -> Iterator[PaperServer]:
    """A venue of its own for each test, because tests break its connections."""
    with PaperServer() as server:
        yield server


async def strikes(server: PaperServer, number: int) -> int:
    """Give how often the fault of this number has struck."""
    listing = await asyncio.to_thread(server.paper, "faults")
    rows = [*listing["armed"], *listing["spent"]]
    return sum(row["fired"] for row in rows if row["fault"] == number)


async def arm(server: PaperServer, fault: int, *, count: int | None = None, **params: Any) -> None:
    await asyncio.to_thread(server.arm, fault, count=count, **params)


# market streams


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        (49, {"ping_s": 0.1, "pong_s": 0.2, "duration_s": 1}),
        (50, {"duration_s": 0.8}),
        (50, {"how": "gateway", "duration_s": 0.8}),
        (50, {"how": "silent", "duration_s": 0.8}),
        (51, {"duration_s": 0.8}),
        (67, {"restart_s": 0.8}),
        (67, {"restart_s": 0.8, "announced": True}),
        (68, {"restart_s": 0.8}),
    ],
)
async def test_quotes_come_back_after(server: PaperServer, fault: int, params: dict[str, Any]) -> None:
    ear = Ear()
    stream = market_stream(server, ear)
    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s"), ("ETHUSDT", "1s")})
        await until(lambda: ear.symbols() == {SYMBOL, "ETHUSDT"})
        await arm(server, fault, **params)
        await until(lambda: stream.status()["reconnects"] >= 1)
        await until(lambda: stream.is_connected, limit_s=15)
        ear.quotes.clear()
        await until(lambda: ear.symbols() == {SYMBOL, "ETHUSDT"})

    assert await strikes(server, fault) >= 1


async def test_a_subscribe_answered_by_a_cut_is_asked_again(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)
    await arm(server, 52, count=1)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: bool(ear.quotes))

    assert stream.status()["reconnects"] == 1


async def test_old_quotes_of_a_lagging_node_are_dropped(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)
    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1m")})
        await until(lambda: bool(ear.quotes))
        await arm(server, 77, age_s=0.5)
        await until(lambda: stream.refused["OLD"] >= 3)

    seen = [quote.text for quote in ear.quotes]
    repeated = [quote for number, quote in enumerate(seen) if quote in seen[: max(number - 1, 0)]]
    assert not repeated


async def test_a_burst_of_quotes_is_read_to_its_end(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)
    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s"), ("ETHUSDT", "1s")})
        await until(lambda: ear.symbols() == {SYMBOL, "ETHUSDT"})
        await arm(server, 55, per_s=2000, duration_s=1)
        await until(lambda: stream.heard >= 1500)
        await until(lambda: stream.status()["lag_ms"] < 500)

    assert stream.status()["reconnects"] == 0


async def test_quotes_of_a_late_connection_carry_their_age(server: PaperServer) -> None:
    ages_ms: list[int] = []

    def on_quotes(quotes: Sequence[Quoted]) -> None:
        ages_ms.extend(to_ms(clock()) - quote.arrived_ms for quote in quotes)

    ear = Ear()
    stream = MarketStream(server.ws_url, clock=clock, on_quotes=on_quotes, on_candle=ear.on_candle)
    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: bool(ages_ms) and bool(ear.candles))
        before_ms = max(ages_ms)
        await arm(server, 56, mode="late", delay_s=2.5)
        await until(lambda: ages_ms[-1] >= 2300)
        await asyncio.to_thread(server.disarm)
        await until(lambda: ages_ms[-1] < 500)

    assert before_ms < 500


# the feed


@asynccontextmanager
async def feeding(server: PaperServer, venue: Any, address: str) -> AsyncIterator[Feed]:
    """Run the feed of one symbol in candles of a second on this venue."""

    def open_stream(on_quotes: OnQuotes, on_candle: OnCandle) -> MarketStream:
        return MarketStream(server.ws_url, clock=clock, on_quotes=on_quotes, on_candle=on_candle)

    async def show(_prices: object) -> None:
        """Nobody looks."""

    doors = FeedDoors(
        list_subscriptions=lambda: {(SYMBOL, "1s")},
        list_triggers=dict,
        publish_batch=lambda _rows, _arrived_ms: None,
        publish_triggers=lambda _symbols: None,
        publish_prices=show,
    )
    client = open_redis(address)
    feed = Feed(
        open_stream=open_stream,
        venue=venue,
        writer=MarketWriter(client),
        lease=Lease(client, "feed"),
        source=server.url,
        clock=clock,
        doors=doors,
    )
    async with running(feed.run()):
        yield feed
    await client.aclose()


def quote_of(cache: MarketCache) -> Quote | None:
    return cache.quotes([SYMBOL]).get(SYMBOL)


def refusals(client: redis.Redis) -> Counter[str]:
    """Give from the feed's status what was refused, by reason."""
    status = client.get(FEED_KEY)
    return Counter(json.loads(status)["refused"] if isinstance(status, bytes) else {})


def opens(cache: MarketCache) -> list[int]:
    """Give the opening moments of all candles in Redis."""
    candles = cache.candles([SYMBOL], "1s", length=1000).get(SYMBOL)
    return [] if candles is None else [int(moment) for moment in candles.open_ms]


def holes(moments: Sequence[int]) -> list[int]:
    """Give the moments that are missing between the first and the last."""
    return sorted(set(range(moments[0], moments[-1], SECOND)) - set(moments))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"mode": "crossed"}, "CROSSED"),
        ({"mode": "zero-bid"}, "ZERO_PRICE"),
        ({"mode": "zero-ask"}, "ZERO_PRICE"),
        ({"mode": "spike", "percent": 60.0}, "JUMP"),
        ({"mode": "spike", "percent": -60.0}, "JUMP"),
    ],
)
async def test_a_price_that_cannot_be_leaves_the_last_good_one_to_age(
    server: PaperServer, redis_client: redis.Redis, redis_server: str, params: dict[str, Any], reason: str
) -> None:
    cache, venue = MarketCache(redis_client), an_account(server, redis_client)
    seen: list[Quote] = []

    def look() -> Quote | None:
        quote = quote_of(cache)
        seen.extend([quote] if quote is not None else [])
        return quote

    async with feeding(server, venue, redis_server):
        await until(lambda: look() is not None)
        await arm(server, 56, **params)
        await until(lambda: refusals(redis_client)[reason] >= 3 and look() is not None)
        bent = seen[-1]
        await asyncio.to_thread(server.disarm)
        await until(lambda: look() not in (None, bent))
    venue.close()

    assert all(quote.is_sane for quote in seen)
    assert max(quote.mid for quote in seen) < min(quote.mid for quote in seen) * Decimal("1.1")


async def test_a_jump_that_stays_is_believed(
    server: PaperServer, redis_client: redis.Redis, redis_server: str
) -> None:
    cache, venue = MarketCache(redis_client), an_account(server, redis_client)

    def bid() -> Decimal:
        quote = quote_of(cache)
        return Decimal(0) if quote is None else quote.bid

    async with feeding(server, venue, redis_server):
        await until(lambda: bid() > 0)
        before = bid()
        await arm(server, 56, mode="spike", percent=70.0)
        await until(lambda: bid() > before * Decimal("1.6"))
    venue.close()

    assert refusals(redis_client)["JUMP"] >= 3


@pytest.mark.parametrize(
    "params",
    [{"mode": "missing"}, {"mode": "repeated"}, {"mode": "late", "delay_s": 1.5}, {"mode": "zero-volume"}],
)
async def test_broken_closes_leave_a_whole_history(
    server: PaperServer, redis_client: redis.Redis, redis_server: str, params: dict[str, Any]
) -> None:
    cache, venue = MarketCache(redis_client), an_account(server, redis_client)
    async with feeding(server, venue, redis_server):
        await until(lambda: bool(opens(cache)))
        await arm(server, 57, count=1, **params)
        begun = opens(cache)[-1]
        await until(lambda: opens(cache)[-1] >= begun + 4 * SECOND, limit_s=20)
    venue.close()

    moments = opens(cache)
    assert moments == sorted(set(moments))
    assert holes(moments) == []
    assert await strikes(server, 57) == 1


async def test_a_hole_of_the_venue_itself_stops_nothing(
    server: PaperServer, redis_client: redis.Redis, redis_server: str
) -> None:
    cache, venue = MarketCache(redis_client), an_account(server, redis_client)
    async with feeding(server, venue, redis_server):
        await until(lambda: bool(opens(cache)))
        asked_for = opens(cache)[-1]
        # What the first question brought cannot be lost any more: the stream must be the one that tells.
        await until(lambda: opens(cache)[-1] >= asked_for + 2 * SECOND, limit_s=20)
        begun = opens(cache)[-1]
        await arm(server, 57, count=1, mode="missing", in_rest=True)
        await until(lambda: opens(cache)[-1] >= begun + 4 * SECOND, limit_s=20)
    venue.close()

    assert len(holes(opens(cache))) == 1
