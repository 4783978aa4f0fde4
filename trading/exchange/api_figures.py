"""Figures of the venue's REST door over all processes, as the governor keeps them in Redis.

Called by selectors. Reads only, in two round trips; what nobody told is None, never 0.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from trading.domain.values import to_ms
from trading.exchange.budgets import ORDERS_1D, ORDERS_10S, REQUESTS, WEIGHT, Budget, slot
from trading.exchange.throttle import (
    BLOCKED,
    BREAKERS,
    CLOCK,
    LIMITS,
    ORDERS_BLOCKED,
    PREFIX,
    CallClass,
    budget_limit,
)

CLOCK_SHOWN_S = 600
SHOWN = (REQUESTS, WEIGHT, ORDERS_10S, ORDERS_1D)


@dataclass(frozen=True, slots=True)
class ClockFigures:
    """How far the venue's clock is ahead of ours, how fast that grows, and how far off both may be."""

    offset_ms: float
    drift_ppm: float
    error_ms: float


@dataclass(frozen=True, slots=True)
class ApiStatistics:
    """Figures of the last minute over all processes.

    `headroom` is what each class may still use, by budget, in the current window. `breakers` names the open
    ones. `errors_ratio` is None before the first answer, `clock` before the first measurement.
    """

    requests_1m: int
    requests_limit: int
    weight_1m: int
    weight_limit: int
    errors_1m: int
    errors_ratio: float | None
    latency_ms_mean: float | None
    blocked_s: float
    orders_blocked_s: float
    headroom: dict[str, dict[str, int]]
    breakers: tuple[str, ...]
    clock: ClockFigures | None


def read_statistics(client: redis.Redis, *, now: datetime) -> ApiStatistics:
    """Give the figures of the last minute; the previous minute counts for the part still in view."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(LIMITS)
        pipe.hgetall(CLOCK)
        pipe.hgetall(BREAKERS)
        told, clocks, breakers = pipe.execute()
    clock = _newest_clock(clocks, now_ms=to_ms(now))
    venue_ms = to_ms(now) + round(clock.offset_ms if clock else 0)
    minute, seconds = divmod(venue_ms / 1000, 60)
    with client.pipeline(transaction=False) as pipe:
        pipe.pttl(BLOCKED)
        pipe.pttl(ORDERS_BLOCKED)
        for window in (int(minute) - 1, int(minute)):
            pipe.hgetall(f"{PREFIX}stats:{window}")
        pipe.hgetall(PREFIX + slot(REQUESTS, int(minute) - 1))
        for budget in SHOWN:
            pipe.hgetall(PREFIX + slot(budget, venue_ms // budget.length_ms))
        blocked_ms, orders_blocked_ms, before, current, requests_before, *rows = pipe.execute()
    share = 1 - seconds / 60
    used = {budget: _used(row) for budget, row in zip(SHOWN, rows, strict=True)}
    limits = {budget: budget_limit(budget, _whole_numbers(told)) for budget in SHOWN}

    def figure(name: bytes) -> float:
        return int(before.get(name, 0)) * share + int(current.get(name, 0))

    answers = figure(b"answers")
    return ApiStatistics(
        requests_1m=round(_used(requests_before) * share + used[REQUESTS]),
        requests_limit=limits[REQUESTS],
        weight_1m=used[WEIGHT],
        weight_limit=limits[WEIGHT],
        errors_1m=round(figure(b"errors")),
        errors_ratio=figure(b"errors") / answers if answers else None,
        latency_ms_mean=figure(b"latency_us") / answers / 1000 if answers else None,
        blocked_s=max(blocked_ms, 0) / 1000,
        orders_blocked_s=max(orders_blocked_ms, 0) / 1000,
        headroom={call.name: _headroom(call, limits, used) for call in CallClass},
        breakers=_open_breakers(breakers, now_ms=to_ms(now)),
        clock=clock,
    )


def _headroom(call: CallClass, limits: dict[Budget, int], used: dict[Budget, int]) -> dict[str, int]:
    return {
        budget.name: max(int(limits[budget] * budget.part * call.value + 1e-6) - used[budget], 0)
        for budget in SHOWN
    }


def _used(row: dict[bytes, bytes]) -> int:
    return int(row.get(b"open", 0)) + int(row.get(b"told", 0))


def _whole_numbers(row: dict[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in row.items()}


def _newest_clock(rows: dict[bytes, bytes], *, now_ms: int) -> ClockFigures | None:
    """Give what the process that measured last says; each measures for itself."""
    told: list[dict[str, Any]] = [json.loads(raw) for raw in rows.values()]
    young = [each for each in told if now_ms - each["at_ms"] < CLOCK_SHOWN_S * 1000]
    if not young:
        return None
    newest = max(young, key=lambda each: int(each["at_ms"]))
    return ClockFigures(newest["offset_ms"], newest["drift_ppm"], newest["error_ms"])


def _open_breakers(rows: dict[bytes, bytes], *, now_ms: int) -> tuple[str, ...]:
    """Name the open breakers with their reasons; one whose process ended says nothing any more."""
    told: list[dict[str, Any]] = [json.loads(raw) for raw in rows.values()]
    return tuple(sorted({f"{each['name']}: {each['reason']}" for each in told if each["until_ms"] > now_ms}))
