"""Reads of long work: what was told in Redis, and what runs out by itself, which the ledger knows.

Called by monitoring with a client of its choice. Reads only.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from trading.domain.risk import TradingState
from trading.domain.values import to_ms
from trading.domain.workers import WorkerState
from trading.market.progress import KEY
from trading.models import Trade, TradingControl, Worker
from trading.selectors.trades import OPEN_STATE_NAMES

ENDED_SHOWN_MS = 60_000
# Work that was killed says nothing any more; its row shows the age of its last word until then.
SILENT_SHOWN_MS = 600_000


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work: `done` of `total` units; a total of 0 is not known. `ended_ms` is set at its end."""

    name: str
    title: str
    note: str
    done: int
    total: int
    unit: str
    begun_ms: int
    told_ms: int
    ended_ms: int | None = None
    failed: str = ""


def told_work(client: redis.Redis, *, now: datetime) -> list[Work]:
    """Give what was told of within the last minutes, oldest first. Raises redis.RedisError."""
    raw: Any = client.hgetall(KEY)
    rows = [Work(name=name.decode(), **json.loads(row)) for name, row in raw.items()]
    shown = [each for each in rows if _is_shown(each, to_ms(now))]
    return sorted(shown, key=lambda each: (each.begun_ms, each.name))


def _is_shown(work: Work, now_ms: int) -> bool:
    if work.ended_ms is not None:
        return now_ms - work.ended_ms <= ENDED_SHOWN_MS
    return now_ms - work.told_ms <= SILENT_SHOWN_MS


def running_out(*, now: datetime) -> list[Work]:
    """Give the trades that run out: of workers that enter no more, or of all where nobody may enter.

    The total is what was open when that began. Two queries, and one a worker that runs out.
    """
    control = TradingControl.objects.filter(pk=1).exclude(state=TradingState.ACTIVE.value).first()
    if control is not None:
        held = Trade.objects.filter(state__in=OPEN_STATE_NAMES).count()
        state = "exits only" if control.state == TradingState.REDUCING.value else "halted"
        found = _run_out("account", f"Trading is {state}: positions run out", control.changed_at, held, now)
        return [found] if held else []
    of_worker = Counter(
        Trade.objects.filter(state__in=OPEN_STATE_NAMES)
        .exclude(worker__state=WorkerState.ACTIVE.value)
        .values_list("worker_id", flat=True)
    )
    titles = {
        WorkerState.DRAINING.value: "drains",
        WorkerState.STOPPED.value: "is stopped, its trades run out",
    }
    return [
        _run_out(
            f"worker:{worker.pk}",
            f"{worker.name} {titles[worker.state]}",
            worker.state_changed_at,
            of_worker[worker.pk],
            now,
            worker=worker,
        )
        for worker in Worker.objects.filter(pk__in=of_worker).order_by("name")
    ]


def _run_out(
    name: str, title: str, since: datetime, left: int, now: datetime, *, worker: Worker | None = None
) -> Work:
    closed = Trade.objects.filter(closed_at__gte=since, decided_at__lt=since)
    done = (closed if worker is None else closed.filter(worker=worker)).count()
    return Work(name, title, "", done, done + left, "trades closed", to_ms(since), to_ms(now))
