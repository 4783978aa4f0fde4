"""Builds the parts of this process from the settings: venue, market view, Redis, clock, desk, streams.

The only reader of settings.VENUE and settings.REDIS_URL. Everything is made on first use and once per
process: a forked child makes its own, because connections and threads do not survive a fork.
"""

import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from trading.domain.ports import Clock, VenueError
from trading.exchange.client import BinanceVenue
from trading.exchange.market_stream import MarketStream, OnCandle, OnQuotes
from trading.exchange.signing import Signer
from trading.exchange.throttle import Throttle
from trading.exchange.user_stream import OnEvent, OnResync, UserStream
from trading.market.cache import MarketCache, MarketWriter
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis
from trading.market.progress import Progress
from trading.services.context import Desk, Limits
from trading.services.roster import Roster

log = logging.getLogger(__name__)

SENDERS = 20
THREADS_WITHIN_S = 5.0
REDIS_TIMEOUT_S = 2.0
USER_STREAM_KEY = "fc:user_stream"
USER_STREAM_ASKED_FOR_S = 0.25


def utc_now() -> datetime:
    """Give the moment, aware UTC."""
    return datetime.now(UTC)


def get_clock() -> Clock:
    """Give the clock of this process."""
    return utc_now


@functools.cache
def get_redis() -> redis.Redis:
    """Give this process's Redis client; answers are bytes. A broken connection is tried once more."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(ConstantBackoff(0.01), 1),
    )


def warm_up() -> None:
    """Do beforehand what orders would wait for: threads, the venue's clock and the symbols' rules."""
    desk = get_desk()
    # By itself a thread is started when none is idle, the last of them by the largest burst of orders.
    all_there = threading.Barrier(SENDERS, timeout=THREADS_WITHIN_S)
    wait([desk.senders.submit(all_there.wait) for _ in range(SENDERS)])
    try:
        get_venue().sync_clock()
    except VenueError as error:
        log.warning("warm_up_postponed", extra={"error": str(error)})
    desk.roster.refresh(desk.clock())


def get_async_redis() -> redis.asyncio.Redis:
    """Give a new Redis client for the event loop that is running; it belongs to that loop."""
    # Never tried again by itself: an append that is repeated would store a candle twice.
    return open_redis(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=AsyncRetry(ConstantBackoff(0.01), 0),
    )


@functools.cache
def get_venue() -> BinanceVenue:
    """Give the account at the venue."""
    venue = settings.VENUE
    return BinanceVenue(
        rest_url=venue.rest_url,
        api_key=venue.api_key,
        api_secret=venue.api_secret,
        private_key_file=venue.private_key_file or None,
        throttle=Throttle(get_redis(), clock=utc_now, requests_1m=settings.API_REQUESTS_1M),
        clock=utc_now,
    )


def follow(name: str, title: str, *, total: int, unit: str) -> Progress:
    """Give what tells the dashboards how far a piece of long work has come."""
    return Progress(get_redis(), name, title, total=total, unit=unit, clock=utc_now)


@functools.cache
def get_market() -> MarketCache:
    """Give the market as the feed keeps it."""
    return MarketCache(get_redis())


@functools.cache
def get_desk() -> Desk:
    """Give what services need from outside."""
    return Desk(
        venue=get_venue(),
        market=get_market(),
        clock=utc_now,
        senders=ThreadPoolExecutor(SENDERS, thread_name_prefix="sender"),
        limits=Limits(),
        user_stream_is_up=_user_stream_switch(),
        roster=Roster(),
    )


def get_market_writer() -> MarketWriter:
    """Give the feed's door to Redis, for the event loop that is running."""
    return MarketWriter(get_async_redis())


def open_lease(role: str) -> Lease:
    """Give the lease of a role, for the event loop that is running."""
    return Lease(get_async_redis(), role)


def open_market_stream(on_quotes: OnQuotes, on_candle: OnCandle) -> MarketStream:
    """Give the venue's market stream, not yet running."""
    return MarketStream(settings.VENUE.stream_url, clock=utc_now, on_quotes=on_quotes, on_candle=on_candle)


def open_user_stream(on_event: OnEvent, on_resync: OnResync) -> UserStream:
    """Give the account's own stream, not yet running."""
    venue = settings.VENUE
    return UserStream(
        venue.ws_api_url,
        api_key=venue.api_key,
        signer=Signer(api_secret=venue.api_secret, private_key_file=venue.private_key_file or None),
        clock=utc_now,
        on_event=on_event,
        on_resync=on_resync,
        on_blocked=Throttle(get_redis(), clock=utc_now).hold,
    )


def _user_stream_switch() -> Callable[[], bool]:
    """Give a question that costs a round trip to Redis at most a few times a second."""
    asked_s, answer = -USER_STREAM_ASKED_FOR_S, False

    def is_up() -> bool:
        nonlocal asked_s, answer
        if time.monotonic() - asked_s >= USER_STREAM_ASKED_FOR_S:
            answer = _user_stream_is_up()
            asked_s = time.monotonic()
        return answer

    return is_up


def _user_stream_is_up() -> bool:
    try:
        status = get_redis().get(USER_STREAM_KEY)
    except redis.RedisError as error:
        log.warning("user_stream_unknown", extra={"error": str(error)})
        return False
    if not isinstance(status, bytes):
        return False
    told = json.loads(status)
    # Connected is not enough: what was missed before must have been asked for.
    return told.get("connected") is True and told.get("reconciled") is True


def _forget_all() -> None:
    for part in (get_redis, get_venue, get_market, get_desk):
        part.cache_clear()


os.register_at_fork(after_in_child=_forget_all)
