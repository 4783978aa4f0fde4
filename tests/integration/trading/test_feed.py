"""The feed: frames in, Redis up to date, one batch for all that closed, gaps filled, nothing told twice."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import redis
import redis.asyncio

from tests.support.desk import START, FixedClock
from trading.domain.market import Candle
from trading.domain.ports import VenueUnavailable
from trading.domain.values import to_ms
from trading.exchange.market_frames import QuoteRow
from trading.market import histories, ingest
from trading.market.cache import MarketCache, MarketWriter, candles_key
from trading.market.ingest import FEED_KEY, Feed, FeedDoors, OnCandle, OnQuotes
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis

MINUTE = 60_000
NOW_MS = to_ms(START)
LAST = NOW_MS // MINUTE - 1  # the candle that closed just now


def candle(minute: int, symbol: str = "BTCUSDT") -> Candle:
    price = float(minute)
    return Candle(symbol, "1m", minute * MINUTE, price, price + 1, price - 1, price, 10.0)


@dataclass
class World:
    """What surrounds the feed: a stream in the test's hand, a venue with candles, and open ears."""

    clock: FixedClock = field(default_factory=FixedClock)
    wanted: set[tuple[str, str]] = field(default_factory=lambda: {("BTCUSDT", "1m")})
    last_by_rest: int = LAST - 1
    fetches: int = 0
    publishes: int = 0
    outages: int = 0
    volume: float = 10.0
    batches: list[list[Any]] = field(default_factory=list)
    triggers: list[list[str]] = field(default_factory=list)
    watched: dict[str, str] = field(default_factory=dict)
    prices: list[Any] = field(default_factory=list)
    publishing: threading.Event = field(default_factory=threading.Event)
    on_quotes: OnQuotes = field(init=False)
    on_candle: OnCandle = field(init=False)

    def __post_init__(self) -> None:
        self.publishing.set()

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        self.fetches += 1
        if self.outages:
            self.outages -= 1
            raise VenueUnavailable("away")
        minutes = range(self.last_by_rest - limit + 1, self.last_by_rest + 1)
        return [replace(candle(minute, symbol), volume=self.volume) for minute in minutes]

    def open_stream(self, on_quotes: OnQuotes, on_candle: OnCandle) -> "World":
        self.on_quotes, self.on_candle = on_quotes, on_candle
        return self

    def set_subscriptions(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Take note of nothing: the test plays the stream."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    def status(self) -> dict[str, Any]:
        return {"connected": True, "last_message_ms": NOW_MS}

    def publish_batch(self, closed: list[Any], arrived_ms: int) -> None:
        self.publishes += 1
        self.publishing.wait(20)
        self.batches.append(closed)

    async def publish_prices(self, prices: Sequence[Any]) -> None:
        self.prices.extend(prices)

    def quote(self, bid: str, symbol: str = "BTCUSDT") -> None:
        self.on_quotes([QuoteRow(symbol, bid, "999", f"{bid}|1|999|1||{NOW_MS}", NOW_MS)])

    def close(self, minute: int, symbol: str = "BTCUSDT") -> None:
        self.on_candle(candle(minute, symbol), NOW_MS)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def cache(redis_client: redis.Redis) -> MarketCache:
    return MarketCache(redis_client)


@asynccontextmanager
async def feeding(world: World, address: str) -> AsyncIterator[None]:
    """Run a feed on this world until the block ends."""
    client = open_redis(address)
    doors = FeedDoors(
        list_subscriptions=lambda: set(world.wanted),
        list_triggers=lambda: world.watched,
        publish_batch=world.publish_batch,
        publish_triggers=world.triggers.append,
        publish_prices=world.publish_prices,
    )
    feed = Feed(
        open_stream=world.open_stream,
        venue=world,  # type: ignore[arg-type]  # the feed asks for candles alone
        writer=MarketWriter(client),
        lease=Lease(client, "feed"),
        source="here",
        clock=world.clock,
        doors=doors,
    )
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        world.publishing.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await client.aclose()


async def until(condition: Callable[[], bool], *, limit_s: float = 5.0) -> None:
    """Wait for a condition; fail after the limit."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(int))])


def closes(cache: MarketCache, symbol: str = "BTCUSDT") -> list[int]:
    candles = cache.candles([symbol], "1m", length=1000).get(symbol)
    return [] if candles is None else [int(close) for close in candles.close]


def status_of(client: redis.Redis) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(client.get(FEED_KEY) or b"{}")
    return status


async def test_a_subscription_is_warm_before_it_is_told_about(
    world: World, cache: MarketCache, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: len(closes(cache)) >= 400)
        world.close(LAST)
        await until(lambda: bool(world.batches))

    assert closes(cache)[-3:] == [LAST - 2, LAST - 1, LAST]
    assert world.batches == [[("BTCUSDT", "1m", LAST * MINUTE)]]


async def test_candles_that_close_during_a_publish_go_as_one_batch(
    world: World, cache: MarketCache, redis_server: str
) -> None:
    symbols = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "ADAUSDT"]
    world.wanted = {(symbol, "1m") for symbol in symbols}
    async with feeding(world, redis_server):
        await until(lambda: all(closes(cache, symbol) for symbol in symbols))
        world.publishing.clear()
        world.close(LAST, symbols[0])
        await until(lambda: world.publishes == 1)
        for symbol in symbols[1:]:
            world.close(LAST, symbol)
        await until(lambda: closes(cache, symbols[-1])[-1] == LAST)
        world.publishing.set()
        await until(lambda: len(world.batches) == 2)

    assert [len(batch) for batch in world.batches] == [1, 3]


async def test_a_repeated_close_is_told_once(world: World, cache: MarketCache, redis_server: str) -> None:
    async with feeding(world, redis_server):
        await until(lambda: bool(closes(cache)))
        world.close(LAST)
        world.close(LAST)
        world.quote("5")
        await until(lambda: bool(world.batches) and bool(cache.quotes(["BTCUSDT"])))

    assert len(world.batches) == 1
    assert closes(cache).count(LAST) == 1


async def test_a_gap_is_filled_before_what_follows_it(
    world: World, cache: MarketCache, redis_server: str
) -> None:
    world.last_by_rest = LAST - 4
    async with feeding(world, redis_server):
        await until(lambda: closes(cache)[-1:] == [LAST - 4])
        world.last_by_rest = LAST - 1
        world.close(LAST)
        await until(lambda: closes(cache)[-1:] == [LAST])

    assert closes(cache)[-5:] == [LAST - 4, LAST - 3, LAST - 2, LAST - 1, LAST]


async def test_a_close_that_never_came_is_asked_for(
    world: World, cache: MarketCache, redis_server: str
) -> None:
    world.last_by_rest = LAST - 2
    async with feeding(world, redis_server):
        await until(lambda: closes(cache)[-1:] == [LAST - 2])
        world.last_by_rest = LAST
        await until(lambda: closes(cache)[-1:] == [LAST])
        await until(lambda: bool(world.batches))

    assert world.batches[-1][-1] == ("BTCUSDT", "1m", LAST * MINUTE)


async def test_a_venue_that_is_away_is_asked_again(
    world: World, cache: MarketCache, redis_server: str
) -> None:
    world.outages = 1
    async with feeding(world, redis_server):
        await until(lambda: bool(closes(cache)) or world.clock.advance(0.5) < START)

    assert world.fetches >= 2


async def test_quotes_are_conflated_and_shown(world: World, cache: MarketCache, redis_server: str) -> None:
    async with feeding(world, redis_server):
        await until(lambda: world.fetches == 1)
        for price in range(1, 200):
            world.quote(str(price))
        await until(lambda: bool(cache.quotes(["BTCUSDT"])))
        await until(lambda: bool(world.prices))

    assert cache.quotes(["BTCUSDT"])["BTCUSDT"].bid == 199
    assert world.prices == [("BTCUSDT", "199", "999", NOW_MS)]


async def test_a_crossed_price_is_told_even_when_the_market_stands_still(
    world: World, redis_client: redis.Redis, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: world.fetches == 1)
        world.quote("94")
        world.watched = {"BTCUSDT": "95|", "ETHUSDT": "1|"}
        await until(lambda: bool(world.triggers))

    assert world.triggers[0] == ["BTCUSDT"]


async def test_a_redis_that_lost_everything_is_filled_again(
    world: World, cache: MarketCache, redis_client: redis.Redis, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: bool(closes(cache)))
        world.quote("5")
        world.quote("6", "ETHUSDT")
        await until(lambda: len(cache.quotes(["BTCUSDT", "ETHUSDT"])) == 2)
        redis_client.flushall()
        world.close(LAST)
        world.quote("7")
        await until(lambda: len(closes(cache)) >= 400)
        await until(lambda: len(cache.quotes(["BTCUSDT", "ETHUSDT"])) == 2)


async def test_what_is_not_wanted_any_more_is_forgotten(
    world: World, cache: MarketCache, redis_client: redis.Redis, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: bool(closes(cache)))
        world.wanted = set()
        await until(lambda: not redis_client.exists(candles_key("BTCUSDT", "1m")))


async def test_the_status_tells_that_it_feeds(
    world: World, redis_client: redis.Redis, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: bool(redis_client.get(FEED_KEY)))

    status = status_of(redis_client)
    assert status["connected"] is True
    assert 0 < redis_client.ttl(FEED_KEY) <= 15


async def test_what_closes_together_leaves_together_however_far_apart_it_comes(
    world: World, cache: MarketCache, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "GATHER_AT_MOST_S", 60.0)
    world.wanted |= {("ETHUSDT", "1m")}
    async with feeding(world, redis_server):
        await until(lambda: closes(cache) == closes(cache, "ETHUSDT") != [])
        world.close(LAST)
        world.quote("7")
        await until(lambda: bool(cache.quotes(["BTCUSDT"])))  # prices do not wait for it
        assert world.batches == []

        world.close(LAST, "ETHUSDT")
        await until(lambda: bool(world.batches))

    assert [sorted(row[0] for row in batch) for batch in world.batches] == [["BTCUSDT", "ETHUSDT"]]


async def test_who_stays_out_holds_nobody_up(world: World, cache: MarketCache, redis_server: str) -> None:
    world.wanted |= {("ETHUSDT", "1m")}
    async with feeding(world, redis_server):
        await until(lambda: closes(cache) == closes(cache, "ETHUSDT") != [])
        world.close(LAST)
        await until(lambda: bool(world.batches))

    assert [row[0] for row in world.batches[0]] == ["BTCUSDT"]


async def test_a_feed_that_follows_another_goes_on_from_what_is_stored(
    world: World, cache: MarketCache, redis_client: redis.Redis, redis_server: str
) -> None:
    async with feeding(world, redis_server):
        await until(lambda: closes(cache)[-1:] == [LAST - 1])
        world.close(LAST)
        await until(lambda: closes(cache)[-1:] == [LAST])
    world.last_by_rest = LAST
    asked = world.fetches

    async with feeding(world, redis_server):
        await until(lambda: status_of(redis_client).get("adopted") == 1)

    assert world.fetches == asked
    assert closes(cache)[-1:] == [LAST]


async def test_a_history_that_differs_from_rest_is_fetched_anew(
    world: World,
    cache: MarketCache,
    redis_client: redis.Redis,
    redis_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(histories, "COMPARE_EVERY_S", 0.05)
    async with feeding(world, redis_server):
        await until(lambda: closes(cache)[-1:] == [LAST - 1])
        world.volume = 11.0
        await until(lambda: cache.candles(["BTCUSDT"], "1m", length=1)["BTCUSDT"].volume[-1] == 11.0)
        await until(lambda: status_of(redis_client).get("marked", {}).get("DIFFERED_FROM_REST") == 1)
