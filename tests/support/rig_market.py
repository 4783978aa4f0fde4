"""The market of a rig: prices in the test's hand at the venue, and our real feed of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings

from tests.support.desk import FakeMarket
from tests.support.paper_venue import now_ms
from trading.domain.market import Quote
from trading.domain.ports import Venue
from trading.domain.signals import Candles
from trading.exchange.market_stream import MarketStream
from trading.market.cache import MarketCache, MarketWriter
from trading.market.ingest import Feed, FeedDoors, OnCandle, OnQuotes, Price
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis
from trading.paper.market_sink import MarketSink

DEPTH = Decimal(1_000_000)
BEAT_S = 0.05
SILENT_AFTER_S = 1.0


class HandMarket:
    """A market in the test's hand: prices stay where they are put, and are told again and again."""

    def __init__(self) -> None:
        self.is_running = threading.Event()
        self._sink: MarketSink
        self._prices: dict[str, tuple[Decimal, Decimal]] = {}
        self._rounds = 0

    async def prepare(self) -> None:
        """Have nothing to fetch."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Know no past."""
        return []

    async def run(self, sink: MarketSink) -> None:
        """Tell every price many times a second, in quantities that change."""
        self._sink = sink
        self.is_running.set()
        while True:
            await asyncio.sleep(BEAT_S)
            self._rounds += 1
            for symbol in self._prices:
                self._tell(symbol)

    def put(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Put a deep book, and let others trade at its bid."""
        self._prices[symbol] = bid, ask
        self._tell(symbol)
        self._sink.trade(symbol, price=bid, qty=Decimal("0.00001"), buyer_is_maker=True, at_ms=now_ms())

    def _tell(self, symbol: str) -> None:
        bid, ask = self._prices[symbol]
        qty = DEPTH + self._rounds
        self._sink.book(symbol, bids=[(bid, qty)], asks=[(ask, qty)], at_ms=now_ms())


@dataclass
class FedView:
    """Quotes as the feed keeps them; candles as the test puts them. Implements MarketView."""

    cache: MarketCache
    shown: FakeMarket

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Give the newest quotes that the feed wrote."""
        return self.cache.quotes(symbols)

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """Give the candles that were put."""
        return self.shown.candles(symbols, interval, length=length)


async def feed(stream_url: str, symbols: Sequence[str], *, venue: Venue) -> None:
    """Keep what the venue's streams tell of these symbols in Redis until cancelled; publish nothing."""

    def open_stream(on_quotes: OnQuotes, on_candle: OnCandle) -> MarketStream:
        return MarketStream(
            stream_url, clock=utc_now, on_quotes=on_quotes, on_candle=on_candle, silent_after_s=SILENT_AFTER_S
        )

    async with open_redis(settings.REDIS_URL) as client:
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
            source=stream_url,
            clock=utc_now,
            doors=doors,
        ).run()


async def _paint_nothing(prices: Sequence[Price]) -> None:
    """Nobody looks at them here."""


def utc_now() -> datetime:
    """Give the moment."""
    return datetime.now(UTC)
