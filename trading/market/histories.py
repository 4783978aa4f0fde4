"""Keeps candle histories whole: fetched on subscription, filled after gaps, written anew after a loss.

A candle of the stream that cannot be is not appended but asked for, and one a minute is compared with REST.

Part of the feed, inside its event loop. REST is asked in threads through the Venue port, a few symbols at a
time, so that a hundred new symbols never hold up a live one; the shared budget may refuse, then it is asked
later.
"""

import asyncio
import logging
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from redis import RedisError

from trading.domain.market import INTERVAL_S, Candle
from trading.domain.ports import Clock, Venue, VenueError
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.market.cache import KEPT_ROWS, TRIM_AT_ROWS, MarketWriter
from trading.market.plausible import candle_refusal, shape_refusal
from trading.market.together import run_together
from trading.market.tracks import EXTRA, Track, Verdict

log = logging.getLogger(__name__)

Key = tuple[str, str]
OnAppend = Callable[[Candle, int], None]

WARM_ROWS = 500
MAX_ROWS = 900
FETCHERS = 2
COMPARE_EVERY_S = 60.0  # one question of the lowest weight a minute
COMPARED_ROWS = 3
UNKNOWN_HISTORY = "CANDLE_UNKNOWN"
REST_CANDLE = "REST_CANDLE_SHAPE"
FILLED = "FILLED_BY_REST"
COMPARED = "COMPARED_WITH_REST"
DIFFERED = "DIFFERED_FROM_REST"


class Histories:
    """All candle histories of the feed. `on_append` gets every candle that is to be appended, in order."""

    def __init__(
        self,
        *,
        venue: Venue,
        writer: MarketWriter,
        clock: Clock,
        on_append: OnAppend,
        may_write: Callable[[], bool],
    ) -> None:
        self._venue = venue
        self._may_write = may_write
        self._writer = writer
        self._clock = clock
        self._on_append = on_append
        self._tracks: dict[Key, Track] = {}
        self._queue: asyncio.Queue[Track] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(FETCHERS, thread_name_prefix="history")
        self.duplicates = 0
        self.gaps = 0
        self.fetches = 0
        self.adopted = 0
        self.refused: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()

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
            self.refused[UNKNOWN_HISTORY] += 1
            return
        last_close = None if track.last is None else track.last.close
        refusal = candle_refusal(candle, last_close=last_close, now_ms=arrived_ms)
        if refusal is not None:
            self.refused[refusal] += 1
            log.warning("candle_refused", extra={"history": track.key, "reason": refusal})
            track.doubt()
            self.ask_overdue()
            return
        verdict = track.judge(candle)
        if verdict is Verdict.APPEND:
            self._on_append(candle, arrived_ms)
        elif verdict is Verdict.DUPLICATE:
            self.duplicates += 1
        elif track.is_overdue(arrived_ms) and self._may_write():
            self._ask(track)

    def ask_overdue(self) -> None:
        """Ask for every candle that should have come by now. A standby asks for nothing."""
        if not self._may_write():
            return
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

    async def resume(self) -> None:
        """Go on from what is stored where that is whole, fetch the rest. Raises redis.RedisError."""
        for track in self._tracks.values():
            track.restart()
        tracks = list(self._tracks.values())
        now_ms = to_ms(self._clock())
        stored = await self._writer.stored([track.key for track in tracks], length=WARM_ROWS)
        for track, (rows, tail) in zip(tracks, stored, strict=True):
            last = None if tail is None else whole_tail(track, tail, now_ms=now_ms)
            if last is not None:
                self.adopted += 1
                for candle in track.adopt(last, rows=rows):
                    self._on_append(candle, now_ms)
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
            await run_together(*(self._fetch_forever() for _ in range(FETCHERS)), self._compare_forever())
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
        if not (self._is_followed(track) and self._may_write()):
            return
        missing = track.missing(to_ms(self._clock()))
        self.fetches += 1
        fetched = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read, track, min(missing or WARM_ROWS, MAX_ROWS)
        )
        now_ms = to_ms(self._clock())
        if not (self._is_followed(track) and self._may_write()):
            return
        if missing is None:
            await self._write_whole(track, fetched, now_ms)
            return
        if track.last_ms is None:
            # It was restarted meanwhile: a few candles are not the history that is wanted now.
            return
        candles = track.fill(fetched, now_ms=now_ms)
        self.gaps += bool(candles)
        self.marked[FILLED] += len(candles)
        for candle in candles:
            self._on_append(candle, now_ms)

    def _is_followed(self, track: Track) -> bool:
        return self._tracks.get(track.key) is track

    def _read(self, track: Track, limit: int) -> list[Candle]:
        candles = self._venue.candles(track.symbol, track.interval, limit=limit)
        good = [candle for candle in candles if shape_refusal(candle) is None]
        if len(good) < len(candles):
            self.refused[REST_CANDLE] += len(candles) - len(good)
        return good

    async def _compare_forever(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_EVERY_S)
            begun = [track for track in self._tracks.values() if track.last is not None]
            if begun and self._may_write():
                try:
                    await self.compare(random.choice(begun))
                except VenueError as error:
                    log.info("comparison_postponed", extra={"error": str(error)})

    async def compare(self, track: Track) -> None:
        """Compare the newest candle of a history with REST; where they differ, fetch the history anew.

        Raises:
            VenueError: The venue could not be asked.
        """
        ours = track.last
        rows = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read, track, COMPARED_ROWS
        )
        theirs = next((row for row in rows if ours is not None and row.open_ms == ours.open_ms), None)
        if ours is None or theirs is None:
            return
        self.marked[COMPARED] += 1
        if not is_same(ours, theirs):
            self.marked[DIFFERED] += 1
            log.warning("candle_differs", extra={"history": track.key, "open_ms": ours.open_ms})
            self.restart([track.key])

    async def _write_whole(self, track: Track, fetched: list[Candle], now_ms: int) -> None:
        """Write a fetched history; what closed meanwhile follows it."""
        history = fetched[-KEPT_ROWS:]
        await self._writer.replace(track.symbol, track.interval, history)
        if not history:
            track.postpone(now_ms)
            return
        for candle in track.begin(history):
            self._on_append(candle, now_ms)


def is_same(ours: Candle, theirs: Candle) -> bool:
    """Tell whether two candles of one moment say the same."""
    pairs = zip(
        (ours.open, ours.high, ours.low, ours.close, ours.volume),
        (theirs.open, theirs.high, theirs.low, theirs.close, theirs.volume),
        strict=True,
    )
    return all(math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) for one, other in pairs)


def whole_tail(track: Track, tail: Candles, *, now_ms: int) -> Candle | None:
    """Give the newest candle of a stored history that can be gone on from; None where it cannot.

    It must be as long as one that is fetched, without holes, and not older than what one question fills.
    """
    opens = tail.open_ms
    if len(opens) < WARM_ROWS or bool((np.diff(opens) != track.step_ms).any()):
        return None
    if not 0 <= now_ms - int(opens[-1]) < (MAX_ROWS - EXTRA) * track.step_ms:
        return None
    values = (float(column[-1]) for column in (tail.open, tail.high, tail.low, tail.close, tail.volume))
    return Candle(track.symbol, track.interval, int(opens[-1]), *values)
