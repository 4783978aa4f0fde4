"""Reads of what is happening now, from the shared Redis: quotes, streams, processes, API, denials.

Called by monitoring and by commands with a client of their choice; one round trip a reading. Reads only.
What is absent is None, never 0: a key that expired means that nobody knows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

import redis

from trading.domain.values import to_ms
from trading.exchange.api_figures import read_statistics
from trading.market.decisions import CODES_PREFIX, DECIDED_PREFIX, SQUADS_KEY, own_name

QUOTES_KEY = "fc:quotes"
FEED_KEY = "fc:feed"
USER_STREAM_KEY = "fc:user_stream"
PROCESS_PREFIX = "fc:process:"
CACHE_HITS_KEY = "fc:cache:hits"
CACHE_MISSES_KEY = "fc:cache:misses"
SEQUENCE_KEY = "fc:event_seq"
# Every role that `manage.py up` starts and that reports its heartbeat; the venue and Redis have none.
PROCESS_NAMES = ("web", "feed", "executions", "trader", "analyst", "beat")


class LiveQuote(TypedDict):
    """Best bid and ask as text, exact, and when they arrived here."""

    bid: str
    ask: str
    arrival_ms: int


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What a stream says about itself. `age_ms` counts from its last frame; None = none came yet."""

    is_connected: bool
    age_ms: int | None
    uptime_ratio: float | None
    reconnects: int | None
    unknown_messages: int | None


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A role that reported a heartbeat within the last seconds."""

    name: str
    pid: int
    started_at_ms: int
    beat_age_ms: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class ApiFigures:
    """REST requests of all processes in the last minute; None = not known (say, no request yet).

    `headroom` is what each class of calls may still use in the current windows, by budget; `blocked_s` is how
    long the venue wants to hear nothing, `orders_blocked_s` no new orders; `breakers` names
    what pauses, and why.
    """

    weight_1m: int | None = None
    weight_limit: int | None = None
    requests_1m: int | None = None
    requests_limit: int | None = None
    errors_ratio: float | None = None
    latency_ms: float | None = None
    headroom: dict[str, dict[str, int]] | None = None
    blocked_s: float | None = None
    orders_blocked_s: float | None = None
    breakers: tuple[str, ...] = ()
    clock_offset_ms: float | None = None
    clock_drift_ppm: float | None = None
    clock_error_ms: float | None = None

    @property
    def weight_ratio(self) -> float | None:
        """Part of the weight budget that is used."""
        return (
            self.weight_1m / self.weight_limit if self.weight_1m is not None and self.weight_limit else None
        )


@dataclass(frozen=True, slots=True)
class CacheReads:
    """Questions of the product for a quote or a candle history, since Redis began.

    A hit was there. A miss was not, or had to be asked of the venue. What the feed fetches by itself, to fill
    a history or to compare one, answers no question and is neither.
    """

    hits: int = 0
    misses: int = 0

    @property
    def hit_ratio(self) -> float | None:
        """Part of the questions that the cache answered; None where nothing was asked."""
        total = self.hits + self.misses
        return self.hits / total if total else None

    def since(self, before: CacheReads) -> CacheReads:
        """Give the questions after an earlier look; all of them where Redis began anew in between."""
        if self.hits < before.hits or self.misses < before.misses:
            return self
        return CacheReads(self.hits - before.hits, self.misses - before.misses)


@dataclass(frozen=True, slots=True)
class LiveReading:
    """One look at the shared memory of all processes."""

    seq: int
    feed: StreamStatus | None
    user_stream: StreamStatus | None
    processes: tuple[ProcessStatus, ...]
    api: ApiFigures
    cache: CacheReads
    quotes: dict[str, LiveQuote] = field(default_factory=dict)


class WhyNot(TypedDict):
    """Why a worker did (not) trade: its decisions by code, and the newest on each symbol, newest first.

    Counted since the worker's squad last changed: workers of equal settings that act together.
    """

    counts: dict[str, int]
    decisions: list[dict[str, Any]]


def read_live(client: redis.Redis, *, now: datetime) -> LiveReading:
    """Read everything that the dashboard's health and prices need. Raises redis.RedisError."""
    now_ms = to_ms(now)
    keys = [
        SEQUENCE_KEY,
        FEED_KEY,
        USER_STREAM_KEY,
        CACHE_HITS_KEY,
        CACHE_MISSES_KEY,
        *(f"{PROCESS_PREFIX}{name}" for name in PROCESS_NAMES),
    ]
    with client.pipeline(transaction=False) as pipeline:
        pipeline.mget(keys)
        pipeline.hgetall(QUOTES_KEY)
        values, quotes = pipeline.execute()
    return LiveReading(
        seq=int(values[0] or 0),
        feed=_stream(values[1], now_ms=now_ms),
        user_stream=_stream(values[2], now_ms=now_ms),
        processes=tuple(_processes(zip(PROCESS_NAMES, values[5:], strict=True), now_ms=now_ms)),
        api=_api(client, now=now),
        cache=CacheReads(hits=int(values[3] or 0), misses=int(values[4] or 0)),
        quotes={_plain(symbol): _quote(_plain(raw)) for symbol, raw in quotes.items()},
    )


def read_why_not(client: redis.Redis, worker_ids: Sequence[int], *, shown: int) -> dict[int, WhyNot]:
    """Give counts and the `shown` newest decisions of each worker. Raises redis.RedisError."""
    if not worker_ids:
        return {}
    told: Any = client.hmget(SQUADS_KEY, [str(worker_id) for worker_id in worker_ids])
    squads = {worker_id: _plain(name) for worker_id, name in zip(worker_ids, told, strict=True) if name}
    own = {worker_id: own_name(squad, worker_id) for worker_id, squad in squads.items()}
    names = [*dict.fromkeys(squads.values()), *own.values()]
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hgetall(CODES_PREFIX + name)
            pipeline.hgetall(DECIDED_PREFIX + name)
        replies = pipeline.execute() if names else []
    codes = {name: _counts(replies[2 * index]) for index, name in enumerate(names)}
    decided = {name: _decided(replies[2 * index + 1]) for index, name in enumerate(names)}
    return {
        worker_id: _why_not(
            [codes[squads[worker_id]], codes[own[worker_id]]],
            [*decided[squads[worker_id]], *decided[own[worker_id]]],
            shown=shown,
        )
        if worker_id in squads
        else WhyNot(counts={}, decisions=[])
        for worker_id in worker_ids
    }


def _counts(raw: Mapping[bytes | str, bytes | str]) -> Counter[str]:
    return Counter({_plain(code): int(number) for code, number in raw.items()})


def _decided(raw: Mapping[bytes | str, bytes | str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.values()]


def _why_not(codes: Sequence[Counter[str]], decisions: Sequence[dict[str, Any]], *, shown: int) -> WhyNot:
    """Join what a squad has in common with what one of its workers met alone, which stands last."""
    counts: Counter[str] = Counter()
    for each in codes:
        counts.update(each)
    newest: dict[str, dict[str, Any]] = {}
    for decision in sorted(decisions, key=_opened_ms):
        newest[decision["symbol"]] = decision
    ordered = sorted(newest.values(), key=_opened_ms, reverse=True)[:shown]
    return WhyNot(counts={code: number for code, number in counts.items() if number}, decisions=ordered)


def _opened_ms(decision: Mapping[str, Any]) -> int:
    return int(decision["candle_open_ms"])


def _api(client: redis.Redis, *, now: datetime) -> ApiFigures:
    figures = read_statistics(client, now=now)
    return ApiFigures(
        weight_1m=figures.weight_1m,
        weight_limit=figures.weight_limit,
        requests_1m=figures.requests_1m,
        requests_limit=figures.requests_limit,
        errors_ratio=figures.errors_ratio,
        latency_ms=figures.latency_ms_mean,
        headroom=figures.headroom,
        blocked_s=figures.blocked_s,
        orders_blocked_s=figures.orders_blocked_s,
        breakers=figures.breakers,
        clock_offset_ms=figures.clock.offset_ms if figures.clock else None,
        clock_drift_ppm=figures.clock.drift_ppm if figures.clock else None,
        clock_error_ms=figures.clock.error_ms if figures.clock else None,
    )


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _quote(raw: str) -> LiveQuote:
    bid, _, ask, _, _, arrival_ms = raw.split("|")
    return LiveQuote(bid=bid, ask=ask, arrival_ms=int(arrival_ms))


def _stream(raw: bytes | None, *, now_ms: int) -> StreamStatus | None:
    if raw is None:
        return None
    status: Mapping[str, Any] = json.loads(raw)
    last_ms = status.get("last_message_ms")
    return StreamStatus(
        is_connected=bool(status.get("connected")),
        age_ms=max(now_ms - int(last_ms), 0) if last_ms else None,
        uptime_ratio=status.get("uptime_ratio"),
        reconnects=status.get("reconnects"),
        unknown_messages=status.get("unknown_messages"),
    )


def _processes(rows: Iterable[tuple[str, bytes | None]], *, now_ms: int) -> Iterable[ProcessStatus]:
    for name, raw in rows:
        if raw is not None:
            beat = json.loads(raw)
            yield ProcessStatus(
                name=name,
                pid=int(beat["pid"]),
                started_at_ms=int(beat["started_at_ms"]),
                beat_age_ms=max(now_ms - int(beat["beat_at_ms"]), 0),
                host=str(beat.get("host", "")),
            )
