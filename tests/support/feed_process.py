"""A real feed in a process of its own, on a venue and a Redis of the test: `VENUE_URL REDIS_URL SYMBOL …`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import redis
import redis.asyncio

from tests.support.paper_venue import KEY, SECRET
from tests.support.wire import clock
from trading.exchange.client import BinanceVenue
from trading.exchange.market_stream import MarketStream
from trading.exchange.throttle import Throttle
from trading.market.cache import MarketWriter
from trading.market.ingest import Feed, FeedDoors, OnCandle, OnQuotes, Price
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis


async def feed(venue_url: str, address: str, symbols: Sequence[str]) -> None:
    """Feed symbols in candles of a second until killed; publish nothing."""

    def open_stream(on_quotes: OnQuotes, on_candle: OnCandle) -> MarketStream:
        stream_url = venue_url.replace("http", "ws", 1)
        return MarketStream(stream_url, clock=clock, on_quotes=on_quotes, on_candle=on_candle)

    throttle = Throttle(redis.Redis.from_url(address), clock=clock)
    venue = BinanceVenue(
        rest_url=f"{venue_url}/api", api_key=KEY, api_secret=SECRET, throttle=throttle, clock=clock
    )
    client = open_redis(address)
    doors = FeedDoors(
        list_subscriptions=lambda: {(symbol, "1s") for symbol in symbols},
        list_triggers=dict,
        publish_batch=lambda closed, arrived_ms: None,
        publish_triggers=lambda crossed: None,
        publish_prices=_paint_nothing,
    )
    await Feed(
        open_stream=open_stream,
        venue=venue,
        writer=MarketWriter(client),
        lease=Lease(client, "feed"),
        source=venue_url,
        clock=clock,
        doors=doors,
    ).run()


async def _paint_nothing(prices: Sequence[Price]) -> None:
    """Nobody looks."""


if __name__ == "__main__":
    asyncio.run(feed(sys.argv[1], sys.argv[2], sys.argv[3:]))
