"""Keeps candle histories whole: fetched on subscription, filled after gaps, written anew after a loss.

Part of the feed, inside its event loop. REST is asked in threads through the Venue port, a few symbols at a
time, so that a hundred new symbols never hold up a live one; the shared budget may refuse, then it is asked
later.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from redis import RedisError

from trading.domain.market import INTERVAL_S, Candle
from trading.domain.ports import Clock, Venue, VenueError
from trading.domain.values import to_ms
from trading.market.cache import KEPT_ROWS, TRIM_AT_ROWS, MarketWriter
from trading.market.together import run_together
from trading.market.tracks import Track, Verdict

log = logging.getLogger(__name__)

Key = tuple[str, str]
OnAppend = Callable[[Candle, int], None]

WARM_ROWS = 500
MAX_ROWS = 900
FETCHERS = 2


class Histories:
    """All candle histories of the feed. `on_append` gets every candle that is to be appended, in order."""

    def __init__(self, *, venue: Venue, writer: MarketWriter, clock: Clock, on_append: OnAppend) -> None:
        self._venue = venue
        self._writer = writer
        self._clock = clock
        self._on_append = on_append
        self._tracks: dict[Key, Track] = {}
        self._queue: asyncio.Queue[Track] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(FETCHERS, thread_name_prefix="history")
        self.duplicates = 0
        self.gaps = 0
        self.fetches = 0

    @property
    def warming(self) -> int:
        """How many histories are not there yet."""
        return sum(track.last_ms is None for track in self._tracks.values())

    def follow(self, wanted: Iterable[Key]) -> list[Key]:
        """Keep exactly these; give what was dropped."""
        keys = {(symbol, interval) for symbol, interval in wanted if interval in INTERVAL_S}
        dropped = [key for key in self._tracks if key not in keys]
        for key in dropped:
            del self._tracks[key]
        for symbol, interval in sorted(keys - self._tracks.keys()):
            self._tracks[symbol, interval] = Track(symbol, interval)
        self.ask_overdue()
        return dropped

    def take(self, candle: Candle, arrived_ms: int) -> None:
        """Take a candle that closed on the stream."""
        track = self._tracks.get((candle.symbol, candle.interval))
        if track is None:
            return
        verdict = track.judge(candle)
        if verdict is Verdict.APPEND:
            self._on_append(candle, arrived_ms)
        elif verdict is Verdict.DUPLICATE:
            self.duplicates += 1
        elif track.is_overdue(arrived_ms):
            self._ask(track)

    def ask_overdue(self) -> None:
        """Ask for every candle that should have come by now."""
        now_ms = to_ms(self._clock())
        for track in self._tracks.values():
            if track.is_overdue(now_ms):
                self._ask(track)

    def rows_of(self, candles: Iterable[Candle]) -> dict[Key, int]:
        """Give how many rows the histories of these candles should hold once they are written."""
        keys = {(each.symbol, each.interval) for each in candles}
        return {key: self._tracks[key].rows for key in keys if key in self._tracks}

    def restart(self, keys: Iterable[Key] | None = None) -> None:
        """Fetch histories anew, all by default: what Redis holds of them is not to be trusted."""
        for key in list(self._tracks) if keys is None else keys:
            if key in self._tracks:
                self._tracks[key].restart()
        self.ask_overdue()

    async def trim_long(self, rows: dict[Key, int]) -> None:
        """Shorten the histories that grew long. Raises redis.RedisError."""
        for key, count in rows.items():
            track = self._tracks.get(key)
            if track is not None and count >= TRIM_AT_ROWS:
                track.rows -= count - await self._writer.trim(*key)

    async def run(self) -> None:
        """Answer questions until cancelled."""
        try:
            await run_together(*(self._fetch_forever() for _ in range(FETCHERS)))
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, track: Track) -> None:
        track.is_fetching = True
        self._queue.put_nowait(track)

    async def _fetch_forever(self) -> None:
        while True:
            track = await self._queue.get()
            try:
                await self._fetch(track)
            except (VenueError, RedisError) as error:
                log.warning("history_postponed", extra={"history": track.key, "error": str(error)})
                track.postpone(to_ms(self._clock()))
            except Exception:  # the rim of the loop: one symbol must not end all histories
                log.exception("history_failed", extra={"history": track.key})
                track.postpone(to_ms(self._clock()))
            finally:
                track.is_fetching = False

    async def _fetch(self, track: Track) -> None:
        if not self._is_followed(track):
            return
        missing = track.missing(to_ms(self._clock()))
        self.fetches += 1
        fetched = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read, track, min(missing or WARM_ROWS, MAX_ROWS)
        )
        now_ms = to_ms(self._clock())
        if not self._is_followed(track):
            return
        if missing is None:
            await self._write_whole(track, fetched, now_ms)
            return
        if track.last_ms is None:
            # It was restarted meanwhile: a few candles are not the history that is wanted now.
            return
        candles = track.fill(fetched, now_ms=now_ms)
        self.gaps += bool(candles)
        for candle in candles:
            self._on_append(candle, now_ms)

    def _is_followed(self, track: Track) -> bool:
        return self._tracks.get(track.key) is track

    def _read(self, track: Track, limit: int) -> list[Candle]:
        return list(self._venue.candles(track.symbol, track.interval, limit=limit))

    async def _write_whole(self, track: Track, fetched: list[Candle], now_ms: int) -> None:
        """Write a fetched history; what closed meanwhile follows it."""
        history = fetched[-KEPT_ROWS:]
        await self._writer.replace(track.symbol, track.interval, history)
        if not history:
            track.postpone(now_ms)
            return
        for candle in track.begin(history):
            self._on_append(candle, now_ms)
