"""The feed: market frames in, Redis up to date, one task per batch of closed candles.

Run by `manage.py run_feed`. Quotes are conflated to the last value and flushed together; candles that close
together are flushed as soon as all are in, and only then handed on, so that whoever hears of one finds it.
Publishing happens in a thread and never holds up the frames. Only the holder of the lease writes and
publishes; a standby listens, so that it can go on within a moment. It decides nothing about trading.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from redis import RedisError

from trading.domain.market import INTERVAL_S, Candle
from trading.domain.ports import Clock, Venue
from trading.domain.values import to_ms
from trading.market.cache import MarketWriter
from trading.market.gathering import Gathering
from trading.market.histories import Histories, Key
from trading.market.lease import Lease
from trading.market.plausible import PriceGuard
from trading.market.together import run_together
from trading.market.triggers import TriggerWatch

log = logging.getLogger(__name__)

FEED_KEY = "fc:feed"
STANDBY_KEY = "fc:feed:standby"
STATUS_EXPIRY_S = 15
# Candles of one boundary come within a few frames; to write and hand them on twice would cost more than this.
# The wait ends with the last of them, and only where one stays out does it take so long.
GATHER_AT_MOST_S = 0.008
PRICES_EVERY_S = 0.1  # a painted price may be 250 ms old at most, all the way from the venue
SECOND_S = 1.0
PUBLISH_WITHIN_MS = 10_000  # an older candle is history; nobody may trade on it

Price = tuple[str, str, str, int]
ClosedRow = tuple[str, str, int]
OnCandle = Callable[[Candle, int], None]


class Quoted(Protocol):
    """A quote as the stream hands it on: prices, and the row to be kept, see market.cache.parse_quote."""

    @property
    def symbol(self) -> str:
        """Its symbol."""

    @property
    def bid(self) -> str:
        """Best bid, as the venue wrote it."""

    @property
    def ask(self) -> str:
        """Best ask, as the venue wrote it."""

    @property
    def text(self) -> str:
        """The row."""

    @property
    def arrived_ms(self) -> int:
        """When it arrived, or should have."""


OnQuotes = Callable[[Sequence[Quoted]], None]


class MarketFrames(Protocol):
    """A stream that the feed listens to."""

    def set_subscriptions(self, wanted: Iterable[Key]) -> None:
        """Ask for exactly these."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Stream until cancelled."""

    def status(self) -> dict[str, Any]:
        """Give the figures."""


@dataclass(frozen=True, slots=True)
class FeedDoors:
    """Whom the feed asks and tells. All but `publish_prices` run in threads and may block."""

    list_subscriptions: Callable[[], Iterable[Key]]
    list_triggers: Callable[[], dict[str, str]]
    publish_batch: Callable[[list[ClosedRow], int], None]
    publish_triggers: Callable[[list[str]], None]
    publish_prices: Callable[[Sequence[Price]], Awaitable[None]]


class Feed:
    """Joins stream, histories, cache and doors; `run` until cancelled."""

    def __init__(
        self,
        *,
        open_stream: Callable[[OnQuotes, OnCandle], MarketFrames],
        venue: Venue,
        writer: MarketWriter,
        lease: Lease,
        source: str,
        clock: Clock,
        doors: FeedDoors,
    ) -> None:
        self._clock = clock
        self._writer = writer
        self._doors = doors
        self._lease = lease
        self._source = source
        self._term = 0
        self._histories = Histories(
            venue=venue,
            writer=writer,
            clock=clock,
            on_append=self._append,
            may_write=lambda: self._lease.is_held,
        )
        self._stream = open_stream(self._on_quotes, self._histories.take)
        self._guard = PriceGuard()
        self._refused: Counter[str] = Counter()
        self._quotes: dict[str, Quoted] = {}
        self._dirty: set[str] = set()
        self._unshown: set[str] = set()
        self._stored: set[str] = set()
        self._closed: list[tuple[ClosedRow, int]] = []
        self._triggers = TriggerWatch()
        self._watched: dict[str, str] = {}
        self._crossed: set[str] = set()
        self._flush_now = asyncio.Event()
        self._candles = Gathering(at_most_s=GATHER_AT_MOST_S, on_due=self._flush_now.set)
        lease.on_taken = self._flush_now.set
        self._publish_now = asyncio.Event()
        self._wanted: frozenset[Key] = frozenset()
        self._publishers = ThreadPoolExecutor(1, thread_name_prefix="publish")
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="subscriptions")
        self._figures = {
            "quotes": 0,
            "candles": 0,
            "batches": 0,
            "triggers": 0,
            "lost_batches": 0,
        }
        self._publish_ms = 0.0

    async def run(self) -> None:
        """Feed until cancelled."""
        try:
            await run_together(
                self._lease.run(),
                self._stream.run(),
                self._histories.run(),
                forever("subscriptions", self._renew_subscriptions, SECOND_S),
                forever("flush", self._flush, 0),
                forever("publish", self._publish, 0),
                forever("prices", self._show_prices, PRICES_EVERY_S),
                forever("status", self._put_status, SECOND_S),
            )
        finally:
            self._publishers.shutdown(wait=False, cancel_futures=True)
            self._readers.shutdown(wait=False, cancel_futures=True)

    def _on_quotes(self, quotes: Sequence[Quoted]) -> None:
        """Take the newest quotes; what cannot be believed leaves the last good one in place."""
        refusal_of, kept, dirty = self._guard.refusal, self._quotes, self._dirty
        for quote in quotes:
            symbol = quote.symbol
            refusal = refusal_of(symbol, bid=quote.bid, ask=quote.ask, now_ms=quote.arrived_ms)
            if refusal is None:
                kept[symbol] = quote
                dirty.add(symbol)
            else:
                self._refused[refusal] += 1
        self._figures["quotes"] += len(quotes)
        self._flush_now.set()

    def _append(self, candle: Candle, arrived_ms: int) -> None:
        self._candles.add(candle, arrived_ms)
        self._flush_now.set()

    async def _flush(self) -> None:
        await self._flush_now.wait()
        self._flush_now.clear()
        if not self._lease.is_held:
            return
        if self._term != self._lease.term:
            await self._take_over(self._lease.term)
        await self._flush_once()

    async def _take_over(self, term: int) -> None:
        """Go on where the holder before, or this process before it lost the lease, ended."""
        self._candles.clear()
        self._closed.clear()
        self._stored.clear()
        self._dirty |= self._quotes.keys()
        if await self._writer.swap_source(self._source) == self._source:
            await self._histories.resume()
        else:
            # Of another venue, or of nobody: what is stored is not ours to go on from.
            self._histories.restart()
        self._term = term
        log.info("feed_leads", extra={"adopted": self._histories.adopted})

    async def _flush_once(self) -> None:
        dirty, self._dirty = self._dirty, set()
        appended = self._candles.take(self._wanted)
        self._unshown |= dirty
        candles = [candle for candle, _ in appended]
        expected = self._histories.rows_of(candles)
        rows = {symbol: self._quotes[symbol].text for symbol in dirty if symbol in self._quotes}
        try:
            written = await self._writer.flush(rows, candles)
        except RedisError:
            # Quotes are written with the next ones; of the candles nobody knows which were appended.
            self._dirty |= dirty
            self._term = 0
            self._flush_now.set()
            raise
        if written.new_quotes > len(rows.keys() - self._stored):
            # Redis lost what was stored, say by a restart: write every quote again.
            self._dirty |= self._quotes.keys()
        self._stored |= rows.keys()
        self._check_triggers()
        self._hand_on(appended)
        if candles:
            lengths = {
                (each.symbol, each.interval): rows for each, rows in zip(candles, written.rows, strict=True)
            }
            # A length that differs means that Redis lost the history, say by a restart.
            self._histories.restart([key for key in expected if lengths.get(key) != expected[key]])
            await self._histories.trim_long(lengths)

    def _hand_on(self, appended: Sequence[tuple[Candle, int]]) -> None:
        now_ms = to_ms(self._clock())
        self._figures["candles"] += len(appended)
        for candle, arrived_ms in appended:
            closed_ms = candle.open_ms + INTERVAL_S[candle.interval] * 1000
            if now_ms - closed_ms <= PUBLISH_WITHIN_MS:
                self._closed.append(((candle.symbol, candle.interval, candle.open_ms), arrived_ms))
                self._publish_now.set()

    def _check_triggers(self) -> None:
        if not self._watched:
            return
        bids = {symbol: quote.bid for symbol in self._watched if (quote := self._quotes.get(symbol))}
        crossed = self._triggers.crossed(self._watched, bids, now_s=time.monotonic())
        if crossed:
            self._crossed.update(crossed)
            self._publish_now.set()

    async def _publish(self) -> None:
        """Hand on what closed together, or while the last batch was on its way, as one batch."""
        await self._publish_now.wait()
        self._publish_now.clear()
        closed, self._closed = self._closed, []
        crossed, self._crossed = self._crossed, set()
        if not self._lease.is_held:
            return  # the next holder finds out by itself what closed
        if crossed:
            self._figures["triggers"] += len(crossed)
            await self._in_thread(self._doors.publish_triggers, sorted(crossed))
        if not closed:
            return
        arrived_ms = min(moment for _, moment in closed)
        started_s = time.perf_counter()
        try:
            await self._in_thread(self._doors.publish_batch, [row for row, _ in closed], arrived_ms)
        except Exception:
            self._figures["lost_batches"] += 1
            raise
        self._publish_ms = (time.perf_counter() - started_s) * 1000
        self._figures["batches"] += 1

    async def _renew_subscriptions(self) -> None:
        loop = asyncio.get_running_loop()
        wanted = frozenset(await loop.run_in_executor(self._readers, self._doors.list_subscriptions))
        if wanted != self._wanted:
            log.info("subscriptions_changed", extra={"count": len(wanted), "before": len(self._wanted)})
            self._stream.set_subscriptions(wanted)
            dropped = self._histories.follow(wanted)
            self._wanted = wanted
            await self._forget(dropped)
        self._watched = await loop.run_in_executor(self._readers, self._doors.list_triggers)
        self._histories.ask_overdue()
        # Prices that stand still, and watched prices that are new, must meet too.
        self._flush_now.set()

    async def _forget(self, dropped: Sequence[Key]) -> None:
        followed = {symbol for symbol, _ in self._wanted}
        for symbol, interval in dropped:
            is_last = symbol not in followed
            if is_last:
                self._quotes.pop(symbol, None)
                self._guard.forget(symbol)
                self._stored.discard(symbol)
            if self._lease.is_held:
                await self._writer.forget(symbol, interval, with_quote=is_last)

    async def _show_prices(self) -> None:
        shown, self._unshown = self._unshown, set()
        prices = [
            (symbol, quote.bid, quote.ask, quote.arrived_ms)
            for symbol in shown
            if (quote := self._quotes.get(symbol)) is not None
        ]
        if prices and self._lease.is_held:
            await self._doors.publish_prices(prices)

    async def _put_status(self) -> None:
        status = self._stream.status() | self._figures | self._lease.status()
        refused = self._refused + self._histories.refused + Counter(status.get("refused", {}))
        status |= {
            "refused": dict(refused),
            "marked": dict(self._histories.marked + Counter(status.get("marked", {}))),
            "adopted": self._histories.adopted,
            "subscriptions": len(self._wanted),
            "warming": self._histories.warming,
            "duplicates": self._histories.duplicates,
            "gaps": self._histories.gaps,
            "fetches": self._histories.fetches,
            "incomplete_batches": self._candles.incomplete,
            "publish_ms": round(self._publish_ms, 2),
        }
        key = FEED_KEY if self._lease.is_held else STANDBY_KEY
        await self._writer.put_status(key, orjson.dumps(status), expiry_s=STATUS_EXPIRY_S)

    async def _in_thread(self, call: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._publishers, call, *arguments)


async def forever(name: str, once: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Call again and again, and go on after any failure."""
    while True:
        try:
            await once()
        except RedisError as error:
            log.warning("feed_without_redis", extra={"loop": name, "error": str(error)})
            await asyncio.sleep(SECOND_S / 4)
        except Exception:  # the rim of a loop: the others must go on, and this one with its next round
            log.exception("feed_loop_failed", extra={"loop": name})
            await asyncio.sleep(SECOND_S / 4)
        await asyncio.sleep(every_s)
