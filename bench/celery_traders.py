"""Traders as they really are: processes with a Celery worker each, which take the batch task from a broker.

Only their desk is the bench's. They tell through Redis how many tasks they have finished and which failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import redis
from celery import signals
from django.conf import settings

from bench.children import Child
from bench.real_desk import PRICES, RealDesk, batch
from bench.still_venue import StillVenue
from tests.support.servers import wait_until
from trading import bootstrap, tasks
from trading.domain.values import to_ms
from trading.management.supervisor.celery_worker import make_worker

READY, ROUND, DONE, FAILED = "bench:ready", "bench:round", "bench:done", "bench:failed"
READY_LIMIT_S = 60.0
ROUND_LIMIT_S = 120.0


@contextmanager
def celery_traders(venue: StillVenue, *, processes: int, said: Path) -> Iterator[None]:
    """Run so many traders until the block ends."""
    with redis.Redis.from_url(settings.REDIS_URL) as client, ExitStack() as running:
        client.delete(READY)
        for number in range(processes):
            child = Child(_work, venue, number, said=said)
            running.callback(child.kill)
        wait_until(
            lambda: _count(client, READY) == processes, limit_s=READY_LIMIT_S, what="traders that are ready"
        )
        yield


def publish(opened: datetime, ahead_s: float, *, copies: int) -> list[str]:
    """Publish the batch of this candle so many times, wait until all are done, and give what failed."""
    closed = [[each.symbol, each.interval, to_ms(each.open_at)] for each in batch(PRICES, opened)]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(DONE, FAILED)
        client.set(ROUND, json.dumps([opened.isoformat(), ahead_s]))
        for _ in range(copies):
            tasks.run_batch.apply_async(kwargs={"closed": closed, "arrived_ms": to_ms(opened)})
        wait_until(
            lambda: _count(client, DONE) >= copies, limit_s=ROUND_LIMIT_S, what="end of every delivery"
        )
        return [f"ESCAPED: {text.decode()}" for text in _texts(client.lrange(FAILED, 0, -1))]


def _work(venue: StillVenue, number: int) -> None:
    desk = RealDesk(venue)
    client = redis.Redis.from_url(settings.REDIS_URL)
    seen: list[bytes] = []

    def look(**_kwargs: Any) -> None:
        told = client.get(ROUND)
        if isinstance(told, bytes) and told not in seen:
            seen.append(told)
            opened, ahead_s = json.loads(told)
            desk.move_to(ahead_s)
            desk.see(PRICES, datetime.fromisoformat(opened))

    def count(**_kwargs: Any) -> None:
        client.incr(DONE)

    def keep(*, einfo: Any, **_kwargs: Any) -> None:
        client.rpush(FAILED, str(einfo))

    def tell_ready(**_kwargs: Any) -> None:
        client.incr(READY)

    signals.task_prerun.connect(look)
    signals.task_postrun.connect(count)
    signals.task_failure.connect(keep)
    signals.worker_ready.connect(tell_ready)
    with patch.object(bootstrap, "get_desk", lambda: desk.desk):
        make_worker(name=f"trader{number}", queue="trading", threads=1).start()


def _count(client: redis.Redis, name: str) -> int:
    told = client.get(name)
    return int(told) if isinstance(told, bytes) else 0


def _texts(found: Any) -> Sequence[bytes]:
    return list(found)
