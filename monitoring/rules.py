"""The health score: measured inputs in, 0 to 100 and every lost point out. Pure.

Each input loses points between the value where it is fine and the value where it is bad, and sets a ceiling
that the whole score cannot exceed, so that a good average never hides one bad input. An input that nobody
knows is named as unknown; where trading depends on it, not knowing has a ceiling of its own. The page
docs/health.md is written from SCALES and FIXED.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

FULL = 100
# With a position that nothing protects, nothing else can make the system healthy.
UNPROTECTED_CEILING = 40
UNKNOWN_CEILING = 60
VITAL_PROCESSES = ("feed", "executions", "trader")
OTHER_PROCESSES = ("beat", "web")
# What a heartbeat that comes every two seconds may be late on a busy machine.
BEAT_LATE_S = 4.0
# Roles that may live in another's process: where both fall silent, the process is named and not the guest,
# whose heartbeat may be seen to be late a moment earlier.
HOSTS = {"beat": "trader", "executions": "feed"}
GUEST_LATE_S = 6.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How one measured input is judged: fine up to `fine`, worst from `bad` on, linear between.

    Where `bad` is below `fine`, less is worse.
    """

    code: str
    what: str
    unit: str
    fine: float
    bad: float
    points: int
    ceiling: int


# A quote older than two seconds is not traded on.
PRICE_AGE = Scale("PRICE_AGE", "newest market message is", "s old", 2, 20, 50, 50)
USER_STREAM_AGE = Scale("USER_STREAM_AGE", "newest user stream message is", "s old", 12, 30, 40, 60)
WEIGHT_USED = Scale("WEIGHT_USED", "request budget used:", "of 1", 0.7, 1.0, 25, 70)
ERROR_RATIO = Scale("ERROR_RATIO", "failed requests:", "of 1", 0.005, 0.1, 40, 60)
# It runs every minute: three in a row have failed, or nobody runs it.
RECONCILE_AGE = Scale("RECONCILE_AGE", "newest reconcile is", "s old", 180, 900, 40, 60)
# Upkeep is published every two seconds; a turn that waits longer than its candle is fresh is lost.
QUEUE_LAG = Scale("QUEUE_LAG", "oldest task of the trading queue waits", "s", 2, 20, 40, 50)
# Orders are signed by the venue's clock; ages of prices and candles are measured by ours.
CLOCK_SKEW = Scale("CLOCK_SKEW", "the clock differs from the venue's by", "ms", 500, 1000, 30, 65)
# The user's limit for the whole stack is 500 MB.
MEMORY_USED = Scale("MEMORY_USED", "memory of the whole stack:", "MB", 400, 500, 20, 75)
MEMORY_GROWTH = Scale("MEMORY_GROWTH", "memory grows by", "MB an hour", 15, 60, 10, 85)
DISK_FREE = Scale("DISK_FREE", "free space for database and logs:", "MB", 2000, 200, 40, 60)
DRAWDOWN = Scale("DRAWDOWN", "lost since the best moment of 24 hours:", "of 1", 0.03, 0.1, 25, 70)
EXCEPTIONS = Scale("EXCEPTIONS", "unhandled exceptions in ten minutes:", "", 0, 10, 20, 80)
# One that died has an alert of its own; more of them are a pattern.
RESTARTS = Scale("RESTARTS", "processes that died in ten minutes:", "", 1, 5, 20, 80)
SCALES = (
    PRICE_AGE, USER_STREAM_AGE, WEIGHT_USED, ERROR_RATIO, RECONCILE_AGE, QUEUE_LAG, CLOCK_SKEW, MEMORY_USED,
    MEMORY_GROWTH, DISK_FREE, DRAWDOWN, EXCEPTIONS, RESTARTS,
)  # fmt: skip
# What is known without the watch.
VENUE_SCALES = SCALES[:5]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A state that is either so or not, and what it takes."""

    code: str
    what: str
    points: int
    ceiling: int


# What a fill may take until its protection rests, where the venue cannot take both in one request.
BARE_AFTER = timedelta(seconds=1)
UNPROTECTED = Fixed(
    "POSITION_UNPROTECTED", "something is held that nothing has protected for a second",
    FULL - UNPROTECTED_CEILING, UNPROTECTED_CEILING,
)  # fmt: skip
REDIS_SILENT = Fixed("REDIS_SILENT", "the shared memory does not answer", FULL, 0)
DATABASE_SILENT = Fixed("DATABASE_SILENT", "the database does not answer", 80, 20)
DATABASE_READ_ONLY = Fixed("DATABASE_READ_ONLY", "the database takes no writes", 70, 30)
VENUE_DOWN = Fixed("VENUE_DOWN", "neither stream reaches the venue", 50, 30)
VENUE_BLOCKED = Fixed("VENUE_BLOCKED", "the venue wants to hear nothing for a while (429 or 418)", 40, 60)
BREAKER_OPEN = Fixed("BREAKER_OPEN", "requests of a kind pause because they failed too often", 20, 75)
FEED_DOWN = Fixed("FEED_DOWN", "the market feed is not connected", 50, 50)
USER_STREAM_DOWN = Fixed("USER_STREAM_DOWN", "the user stream is not connected", 50, 50)
LEDGER_DIFFERS = Fixed("LEDGER_DIFFERS", "ledger and venue hold different totals", 40, 60)
ORDERS_UNKNOWN = Fixed("ORDERS_UNKNOWN", "orders whose end is not known at the newest reconcile", 20, 80)
POSITION_MISSING = Fixed("POSITION_MISSING", "others took from the account what trades hold", 30, 60)
PROCESS_MISSING = Fixed("PROCESS_MISSING", "feed, executions or trader died or does not run", 30, 50)
HELPER_MISSING = Fixed("PROCESS_MISSING", "beat or web died or does not run", 10, 80)
WATCH_SILENT = Fixed("WATCH_SILENT", "nobody looks: the watch in the web process says nothing", 10, 80)
# What is learned is not needed: nothing is lost but its word, and no alert leaves the score whole.
MODEL_DRIFTED = Fixed(
    "MODEL_DRIFTED", "signals are not those that a model learned from; it is not listened to", 1, FULL
)
FIXED = (
    UNPROTECTED, REDIS_SILENT, DATABASE_SILENT, DATABASE_READ_ONLY, VENUE_DOWN, VENUE_BLOCKED, BREAKER_OPEN,
    FEED_DOWN, USER_STREAM_DOWN, LEDGER_DIFFERS, ORDERS_UNKNOWN, POSITION_MISSING, PROCESS_MISSING,
    HELPER_MISSING, WATCH_SILENT, MODEL_DRIFTED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReconcileInputs:
    """What the newest reconcile found: assets that differ, and how many orders nobody knows the end of.

    `missing_symbols` are open trades of which others took a part from the account.
    """

    age_s: float
    different_assets: tuple[str, ...]
    unknown_orders: int
    missing_symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HouseInputs:
    """What the watch measures of the house itself; None = not known.

    `queue_lag_s` is how long the oldest task of the trading queue has been waiting, `clock_skew_ms` our clock
    against the venue's, `memory_mb` the sum of PSS over the stack on this machine. `exceptions` and
    `restarts` count the last ten minutes; `cache_hit_ratio` is the part of their price questions that the
    cache answered.
    """

    queue_lag_s: float | None = None
    queue_length: int | None = None
    clock_skew_ms: float | None = None
    memory_mb: float | None = None
    memory_growth_mb_h: float | None = None
    disk_free_mb: float | None = None
    database_writes: bool | None = None
    drawdown: float | None = None
    exceptions: int | None = None
    restarts: int | None = None
    cache_hit_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class HealthInputs:
    """What was measured; None = not known. Ages in seconds, ratios from 0 to 1.

    `is_reading` is False when the shared memory did not answer, so that no live input is known, `is_stored`
    when the database did not. `reconcile` is None where none has ended yet, `house` where no watch runs.
    """

    is_reading: bool
    feed_is_connected: bool | None
    price_age_s: float | None
    user_stream_is_connected: bool | None
    user_stream_age_s: float | None
    unprotected_symbols: tuple[str, ...]
    weight_ratio: float | None
    error_ratio: float | None
    processes: frozenset[str]
    reconcile: ReconcileInputs | None
    house: HouseInputs | None = None
    is_stored: bool = True
    blocked_s: float | None = None
    breakers: tuple[str, ...] = ()
    drifted_models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """Points lost to one cause, and the ceiling that it sets. `subject` tells apart causes of one code."""

    code: str
    points: int
    ceiling: int
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The score, what took points from it, and what nobody knows."""

    score: int
    losses: tuple[Loss, ...]
    unknown: tuple[str, ...]


def judge(inputs: HealthInputs) -> Health:
    """Give the health score: 100 minus all lost points, at most the lowest ceiling, at least 0."""
    losses = sorted(_losses(inputs), key=lambda loss: loss.ceiling)
    return Health(score=score_of(losses), losses=tuple(losses), unknown=tuple(_unknown(inputs)))


def score_of(losses: Sequence[Loss]) -> int:
    """Give the score that these losses make."""
    total = FULL - sum(loss.points for loss in losses)
    return max(min([total, *(loss.ceiling for loss in losses)]), 0)


def _measured(inputs: HealthInputs) -> list[tuple[Scale, float | None]]:
    house = inputs.house or HouseInputs()
    skew_ms = house.clock_skew_ms
    return [
        (PRICE_AGE, inputs.price_age_s),
        (USER_STREAM_AGE, inputs.user_stream_age_s),
        (WEIGHT_USED, inputs.weight_ratio),
        (ERROR_RATIO, inputs.error_ratio),
        (RECONCILE_AGE, inputs.reconcile.age_s if inputs.reconcile else None),
        (QUEUE_LAG, house.queue_lag_s),
        (CLOCK_SKEW, abs(skew_ms) if skew_ms is not None else None),
        (MEMORY_USED, house.memory_mb),
        (MEMORY_GROWTH, house.memory_growth_mb_h),
        (DISK_FREE, house.disk_free_mb),
        (DRAWDOWN, house.drawdown),
        (EXCEPTIONS, house.exceptions),
        (RESTARTS, house.restarts),
    ]


def _losses(inputs: HealthInputs) -> Iterator[Loss]:
    yield from _stored_losses(inputs)
    if not inputs.is_reading:
        yield _lose(REDIS_SILENT, "the shared memory does not answer; nothing live is known")
    else:
        yield from _live_losses(inputs)
    for scale, value in _measured(inputs):
        loss = _judge(scale, value)
        if loss is not None:
            yield loss


def _stored_losses(inputs: HealthInputs) -> Iterator[Loss]:
    if not inputs.is_stored:
        yield _lose(DATABASE_SILENT, "the database does not answer; what is held is not known")
        return
    if inputs.house and inputs.house.database_writes is False:
        yield _lose(DATABASE_READ_ONLY, "the database takes no writes: nothing can be ordered or booked")
    if inputs.unprotected_symbols:
        names = ", ".join(inputs.unprotected_symbols)
        yield _lose(UNPROTECTED, f"positions without protection: {names}")
    yield from _ledger_losses(inputs.reconcile)
    for model in inputs.drifted_models:
        yield _lose(
            MODEL_DRIFTED, f"signals are not those that the model of {model} learned from", subject=model
        )


def _live_losses(inputs: HealthInputs) -> Iterator[Loss]:
    if inputs.feed_is_connected is False and inputs.user_stream_is_connected is False:
        yield _lose(VENUE_DOWN, "neither stream reaches the venue")
    yield from _stream_losses(FEED_DOWN, "the market feed", is_connected=inputs.feed_is_connected)
    yield from _stream_losses(
        USER_STREAM_DOWN, "the user stream", is_connected=inputs.user_stream_is_connected
    )
    if inputs.blocked_s:
        yield _lose(VENUE_BLOCKED, f"the venue wants to hear nothing for {inputs.blocked_s:.0f} s")
    if inputs.breakers:
        yield _lose(BREAKER_OPEN, f"requests pause: {', '.join(inputs.breakers)}")
    yield from _process_losses(inputs.processes)
    if inputs.house is None:
        yield _lose(WATCH_SILENT, "the watch in the web process says nothing")


def _lose(fixed: Fixed, text: str, *, subject: str = "") -> Loss:
    return Loss(fixed.code, fixed.points, fixed.ceiling, text, subject)


def _stream_losses(fixed: Fixed, what: str, *, is_connected: bool | None) -> Iterator[Loss]:
    if is_connected is None:
        yield Loss(fixed.code, FULL - UNKNOWN_CEILING, UNKNOWN_CEILING, f"{what} says nothing about itself")
    elif not is_connected:
        yield _lose(fixed, f"{what} is not connected")


def _ledger_losses(found: ReconcileInputs | None) -> Iterator[Loss]:
    if found is None:
        text = "no reconcile has ended yet: whether the ledger agrees with the venue is not known"
        yield Loss(RECONCILE_AGE.code, FULL - UNKNOWN_CEILING, UNKNOWN_CEILING, text)
        return
    if found.different_assets:
        names = ", ".join(found.different_assets)
        yield _lose(LEDGER_DIFFERS, f"ledger and venue hold different totals of {names}")
    if found.unknown_orders:
        yield _lose(ORDERS_UNKNOWN, f"orders whose end is not known: {found.unknown_orders}")
    if found.missing_symbols:
        names = ", ".join(found.missing_symbols)
        yield _lose(POSITION_MISSING, f"others took from the account what trades hold: {names}")


def _process_losses(running: frozenset[str]) -> Iterator[Loss]:
    for name in (*VITAL_PROCESSES, *OTHER_PROCESSES):
        if name in HOSTS and HOSTS[name] not in running:
            continue
        if name not in running:
            fixed = PROCESS_MISSING if name in VITAL_PROCESSES else HELPER_MISSING
            yield _lose(fixed, f"process {name} died, or sends no heartbeat", subject=name)


def _judge(scale: Scale, value: float | None) -> Loss | None:
    if value is None:
        return None
    share = min((value - scale.fine) / (scale.bad - scale.fine), 1.0)
    if share <= 0:
        return None
    points = max(round(scale.points * share), 1)
    ceiling = FULL - round((FULL - scale.ceiling) * share)
    figure = f"{value:.3g} {scale.unit}".rstrip()
    return Loss(scale.code, points, ceiling, f"{scale.what} {figure} (fine: {scale.fine:g})")


def _unknown(inputs: HealthInputs) -> Iterator[str]:
    if inputs.feed_is_connected is None:
        yield "FEED"
    if inputs.user_stream_is_connected is None:
        yield "USER_STREAM"
    for scale, value in _measured(inputs):
        if value is None and (inputs.house is not None or scale in VENUE_SCALES):
            yield scale.code
