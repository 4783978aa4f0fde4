"""One of several acts: it is taken over within seconds, and who was paused acts no more."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
import redis.asyncio

from tests.support.paper_venue import PaperServer
from tests.support.servers import wait_until
from trading.market.cache import MarketCache
from trading.market.ingest import FEED_KEY
from trading.market.lease import LEASE_PREFIX, Lease
from trading.market.packed_redis import open_redis
from trading.market.together import run_together

ROOT = Path(__file__).parents[3]
TAKEN_OVER_WITHIN_S = 5.0
SYMBOL = "BTCUSDT"


@pytest.fixture
async def client(redis_server: str, redis_client: redis.Redis) -> AsyncIterator[redis.asyncio.Redis]:
    """An empty Redis for the leases."""
    async with open_redis(redis_server) as client:
        yield client


class Watch:
    """A clock in the test's hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_one_holds_and_the_other_waits_until_it_is_given_up(client: redis.asyncio.Redis) -> None:
    first, second = Lease(client, "feed"), Lease(client, "feed")
    await first.renew()
    await second.renew()

    assert (first.is_held, second.is_held) == (True, False)
    assert second.status() == {"role": "standby", "holder": first.me}

    task = asyncio.ensure_future(run_together(first.run()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await second.renew()
    assert (first.is_held, second.is_held) == (False, True)


async def test_who_was_paused_acts_no_more_before_another_may(client: redis.asyncio.Redis) -> None:
    watch = Watch()
    paused = Lease(client, "feed", clock_s=watch)
    await paused.renew()
    watch.now_s += 2.9
    held = [paused.is_held]
    watch.now_s += 0.2
    held.append(paused.is_held)

    assert held == [True, False]
    assert await client.pttl(f"{LEASE_PREFIX}feed") > 0


async def test_a_key_that_redis_lost_is_taken_again_without_a_pause(client: redis.asyncio.Redis) -> None:
    lease = Lease(client, "feed")
    await lease.renew()
    await client.flushall()
    await lease.renew()

    assert (lease.is_held, lease.term) == (True, 1)


async def test_every_new_holding_is_told(client: redis.asyncio.Redis) -> None:
    watch, told = Watch(), []
    lease = Lease(client, "feed", clock_s=watch)
    lease.on_taken = lambda: told.append(lease.term)
    await lease.renew()
    watch.now_s += 10
    await lease.renew()

    assert told == [1, 2]


# two feeds in processes of their own


@contextmanager
def a_feed(server: PaperServer, address: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a real feed of one symbol in a process of its own."""
    command = [sys.executable, "-m", "tests.support.feed_process", server.url, address, SYMBOL]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def pid_of_holder(client: redis.Redis) -> int:
    holder = client.get(f"{LEASE_PREFIX}feed")
    return int(holder.split(b":")[1]) if isinstance(holder, bytes) else 0


def arrival_ms(client: redis.Redis) -> int:
    quote = MarketCache(client).quotes([SYMBOL]).get(SYMBOL)
    return 0 if quote is None else round(quote.arrived_at.timestamp() * 1000)


def fresh_after(client: redis.Redis, moment_ms: int) -> Callable[[], bool]:
    return lambda: arrival_ms(client) > moment_ms


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_standby_feed_takes_over_within_seconds(
    redis_client: redis.Redis, redis_server: str, blow: signal.Signals
) -> None:
    with PaperServer() as server, ExitStack() as running:
        feeds = [running.enter_context(a_feed(server, redis_server)) for _ in range(2)]
        wait_until(lambda: arrival_ms(redis_client) > 0, limit_s=20, what="first quote")
        wait_until(lambda: redis_client.exists(f"{FEED_KEY}:standby") == 1, limit_s=20, what="standby")
        holder = pid_of_holder(redis_client)
        os.kill(holder, blow)
        struck_ms = time.time_ns() // 1_000_000
        wait_until(
            lambda: (
                pid_of_holder(redis_client) not in (0, holder)
                and fresh_after(redis_client, struck_ms + 100)()
            ),
            limit_s=TAKEN_OVER_WITHIN_S,
            what="prices of the standby",
        )
        taken_by = pid_of_holder(redis_client)
        if blow == signal.SIGSTOP:
            os.kill(holder, signal.SIGCONT)
            wait_until(
                lambda: json.loads(redis_client.get(f"{FEED_KEY}:standby") or b"{}").get("role") == "standby",
                limit_s=20,
                what="the paused one as standby",
            )

        assert taken_by in {feed.pid for feed in feeds} - {holder}
        assert pid_of_holder(redis_client) == taken_by
