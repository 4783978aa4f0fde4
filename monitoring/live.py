"""The door to what is live: one Redis client per process, one reading of everything that moves.

Called by the snapshot, the consumer, the health page and the status command. It never raises for a Redis
that is away: the reading then says that nothing is known.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache

import redis
from django.conf import settings

from monitoring.rules import HouseInputs
from trading.selectors import charts, live, work

log = logging.getLogger(__name__)

HOUSE_KEY = "fc:watch:house"
HOUSE_KEPT_S = 15


def utc_now() -> datetime:
    """Read the clock: the rim where monitoring learns what time it is."""
    return datetime.now(UTC)


@lru_cache(maxsize=1)
def get_client() -> redis.Redis:
    """Give the process's client; it connects at its first use."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2.0, socket_connect_timeout=2.0)


def read(*, now: datetime) -> live.LiveReading | None:
    """Give one reading of the shared memory, or None when it does not answer."""
    try:
        return live.read_live(get_client(), now=now)
    except redis.RedisError as error:
        log.warning("live reading failed: %s", error)
        return None


def read_why_not(worker_ids: list[int], *, shown: int) -> dict[int, live.WhyNot]:
    """Give why each worker did not trade; empty when nobody can say."""
    try:
        return live.read_why_not(get_client(), worker_ids, shown=shown)
    except redis.RedisError as error:
        log.warning("denials could not be read: %s", error)
        return {}


def read_work(*, now: datetime) -> list[work.Work]:
    """Give the long work that is told of; none when nobody can say."""
    try:
        return work.told_work(get_client(), now=now)
    except redis.RedisError as error:
        log.warning("work could not be read: %s", error)
        return []


def publish_house(client: redis.Redis, house: HouseInputs) -> None:
    """Tell every process what the watch measured. Raises redis.RedisError."""
    client.set(HOUSE_KEY, json.dumps(asdict(house)), ex=HOUSE_KEPT_S)


def read_house() -> HouseInputs | None:
    """Give what the watch measured within the last seconds, or None where nobody watches or can say."""
    try:
        raw = get_client().get(HOUSE_KEY)
    except redis.RedisError:
        return None
    return HouseInputs(**json.loads(raw)) if raw else None


def read_candles(
    symbol: str, interval: str | None, *, after_ms: int
) -> tuple[list[str], str, list[tuple[int, float, float, float, float, float]]] | None:
    """Give the intervals that are kept of a symbol, the one shown, and its candles; None: nobody can say."""
    try:
        kept = charts.kept_intervals(get_client(), symbol)
        shown = interval if interval in kept else next(iter(kept), "")
        candles = charts.read_candles(get_client(), symbol, shown, after_ms=after_ms) if shown else []
    except redis.RedisError as error:
        log.warning("candles could not be read: %s", error)
        return None
    return kept, shown, candles


def redis_answers() -> bool:
    """Say whether Redis answers."""
    try:
        return bool(get_client().ping())
    except redis.RedisError:
        return False


def redis_pid() -> int | None:
    """Give the process id of Redis where it is on this machine (a Unix socket), else None."""
    if not settings.REDIS_URL.startswith("unix:"):
        return None
    try:
        return int(get_client().info("server")["process_id"])
    except redis.RedisError:
        return None
