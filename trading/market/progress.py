"""How far long work has come, for the operator's eyes: rows of a Redis hash that age and go away.

Told by whoever works long (backfill, tuning, a back-test, rollback); read by trading.selectors.work. It is a
hint: where Redis does not answer, the work goes on untold.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import redis

from trading.domain.values import to_ms

KEY = "fc:work"
TELL_EVERY_S = 0.5
# The hash itself goes when nobody has told anything for so long.
KEPT_S = 3600


class Progress:
    """One piece of work. As a context it says in the end whether it was done.

    Args:
        name: What it is called among all work; a second one of the same name takes its place.
        title: What the operator reads.
        total: How many units there are; 0 = not known.
    """

    def __init__(
        self,
        client: redis.Redis,
        name: str,
        title: str,
        *,
        total: int,
        unit: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._told_s = float("-inf")
        self._is_told = True
        self._row: dict[str, Any] = {
            "title": title, "note": "", "done": 0, "total": total, "unit": unit,
            "begun_ms": to_ms(clock()), "ended_ms": None, "failed": "",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._tell()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._row["ended_ms"] = to_ms(self._clock())
        if kind is not None:
            self._row["failed"] = (str(error) or kind.__name__)[:200]
        self._tell()

    def done(self, number: int = 1) -> None:
        """Count units that are done; told at most a few times a second."""
        self._row["done"] += number
        if time.monotonic() - self._told_s >= TELL_EVERY_S:
            self._tell()

    def say(self, note: str) -> None:
        """Say what is being done now."""
        self._row["note"] = note
        self._tell()

    def step(self, note: str) -> None:
        """Say what is being done now, where the units are steps: those before it are done."""
        self._row["done"] += bool(self._row["note"])
        self.say(note)

    def _tell(self) -> None:
        if not self._is_told:
            return
        self._told_s = time.monotonic()
        row = json.dumps({**self._row, "told_ms": to_ms(self._clock())})
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.hset(KEY, self._name, row)
                pipe.expire(KEY, KEPT_S)
                pipe.execute()
        except redis.RedisError:
            self._is_told = False  # a Redis that is away must not hold the work up each time
