"""Joins the parts: the one place that reads settings and builds venue, market, Redis and desk.

Entrances ask here. Everything is made on first use and once per process, never at import: the processes
are forked from one parent, and a connection must not be shared by two of them.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache

import orjson
import redis
import redis.asyncio
from django.conf import settings

from trading.exchange.client import BinanceVenue
from trading.exchange.throttle import Throttle
from trading.market.cache import MarketCache
from trading.services.context import Desk, Limits
from trading.services.roster import Roster

USER_STREAM_KEY = "fc:user_stream"
# As many requests as may leave at once; each sender keeps a warm connection.
SENDERS = 20


def utc_now() -> datetime:
    """Give the moment; the clock of every entrance."""
    return datetime.now(tz=UTC)


@lru_cache(maxsize=1)
def get_redis() -> redis.Redis:
    """Give the process's Redis client."""
    return redis.Redis.from_url(settings.REDIS_URL)


def make_async_redis() -> redis.asyncio.Redis:
    """Make a Redis client for the running event loop; the caller closes it."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL)


@lru_cache(maxsize=1)
def get_market() -> MarketCache:
    """Give the shared market data."""
    return MarketCache(get_redis())


@lru_cache(maxsize=1)
def get_venue() -> BinanceVenue:
    """Give the account's venue."""
    venue = settings.VENUE
    return BinanceVenue(
        rest_url=venue.rest_url,
        api_key=venue.api_key,
        api_secret=venue.api_secret,
        private_key_file=venue.private_key_file or None,
        throttle=Throttle(get_redis(), clock=utc_now),
        clock=utc_now,
    )


@lru_cache(maxsize=1)
def get_desk() -> Desk:
    """Give the process's trading desk."""
    return Desk(
        venue=get_venue(),
        market=get_market(),
        clock=utc_now,
        senders=ThreadPoolExecutor(max_workers=SENDERS, thread_name_prefix="sender"),
        limits=Limits(),
        user_stream_is_up=user_stream_is_up,
        roster=Roster(),
    )


def user_stream_is_up() -> bool:
    """Tell whether the executions process hears the account right now."""
    raw = get_redis().get(USER_STREAM_KEY)
    if not isinstance(raw, bytes):
        return False
    return bool(orjson.loads(raw).get("connected"))
