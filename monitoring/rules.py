"""The health score: measured inputs in, 0 to 100 and every lost point out. Pure.

Each input loses points between the value where it is fine and the value where it is bad, and sets a ceiling
that the whole score cannot exceed, so that a good average never hides one bad input. An input that nobody
knows is named as unknown; where trading depends on it, not knowing has a ceiling of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FULL = 100
# With a position that nothing protects, nothing else can make the system healthy.
UNPROTECTED_CEILING = 40
UNKNOWN_CEILING = 60
VITAL_PROCESSES = ("feed", "executions", "trader")
OTHER_PROCESSES = ("beat", "web")


@dataclass(frozen=True, slots=True)
class Scale:
    """How one measured input is judged: fine up to `fine`, worst from `bad` on, linear between."""

    code: str
    what: str
    unit: str
    fine: float
    bad: float
    points: int
    ceiling: int
    is_vital: bool = False


PRICE_AGE = Scale("PRICE_AGE", "newest market message is", "s old", 3, 20, 50, 50, is_vital=True)
USER_STREAM_AGE = Scale(
    "USER_STREAM_AGE", "newest user stream message is", "s old", 12, 30, 40, 60, is_vital=True
)
WEIGHT_USED = Scale("WEIGHT_USED", "request budget used:", "of 1", 0.7, 1.0, 25, 70)
ERROR_RATIO = Scale("ERROR_RATIO", "failed requests:", "of 1", 0.005, 0.1, 40, 60)
# It runs every minute: three in a row have failed, or nobody runs it.
RECONCILE_AGE = Scale("RECONCILE_AGE", "newest reconcile is", "s old", 180, 900, 40, 60, is_vital=True)


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
class HealthInputs:
    """What was measured; None = not known. Ages in seconds, ratios from 0 to 1.

    `is_reading` is False when the shared memory did not answer, so that no live input is known. `reconcile`
    is None where none has ended yet.
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


@dataclass(frozen=True, slots=True)
class Loss:
    """Points lost to one cause, and the ceiling that it sets."""

    code: str
    points: int
    ceiling: int
    text: str


@dataclass(frozen=True, slots=True)
class Health:
    """The score, what took points from it, and what nobody knows."""

    score: int
    losses: tuple[Loss, ...]
    unknown: tuple[str, ...]


def judge(inputs: HealthInputs) -> Health:
    """Give the health score: 100 minus all lost points, at most the lowest ceiling, at least 0."""
    losses = sorted(_losses(inputs), key=lambda loss: loss.ceiling)
    total = FULL - sum(loss.points for loss in losses)
    score = min([total, *(loss.ceiling for loss in losses)])
    return Health(score=max(score, 0), losses=tuple(losses), unknown=tuple(_unknown(inputs)))


def _measured(inputs: HealthInputs) -> list[tuple[Scale, float | None]]:
    return [
        (PRICE_AGE, inputs.price_age_s),
        (USER_STREAM_AGE, inputs.user_stream_age_s),
        (WEIGHT_USED, inputs.weight_ratio),
        (ERROR_RATIO, inputs.error_ratio),
        (RECONCILE_AGE, inputs.reconcile.age_s if inputs.reconcile else None),
    ]


def _losses(inputs: HealthInputs) -> Iterator[Loss]:
    if inputs.unprotected_symbols:
        names = ", ".join(inputs.unprotected_symbols)
        text = f"positions without protection: {names}"
        yield Loss("POSITION_UNPROTECTED", FULL - UNPROTECTED_CEILING, UNPROTECTED_CEILING, text)
    yield from _ledger_losses(inputs.reconcile)
    if not inputs.is_reading:
        yield Loss("REDIS_SILENT", FULL, 0, "the shared memory does not answer; nothing live is known")
        return
    yield from _stream_losses("FEED_DOWN", "the market feed", is_connected=inputs.feed_is_connected)
    yield from _stream_losses(
        "USER_STREAM_DOWN", "the user stream", is_connected=inputs.user_stream_is_connected
    )
    for scale, value in _measured(inputs):
        loss = _judge(scale, value)
        if loss is not None:
            yield loss
    yield from _process_losses(inputs.processes)


def _stream_losses(code: str, what: str, *, is_connected: bool | None) -> Iterator[Loss]:
    if is_connected is None:
        yield Loss(code, FULL - UNKNOWN_CEILING, UNKNOWN_CEILING, f"{what} says nothing about itself")
    elif not is_connected:
        yield Loss(code, 50, 50, f"{what} is not connected")


def _ledger_losses(found: ReconcileInputs | None) -> Iterator[Loss]:
    if found is None:
        text = "no reconcile has ended yet: whether the ledger agrees with the venue is not known"
        yield Loss(RECONCILE_AGE.code, FULL - UNKNOWN_CEILING, UNKNOWN_CEILING, text)
        return
    if found.different_assets:
        names = ", ".join(found.different_assets)
        yield Loss("LEDGER_DIFFERS", 40, 60, f"ledger and venue hold different totals of {names}")
    if found.unknown_orders:
        text = f"orders whose end is not known: {found.unknown_orders}"
        yield Loss("ORDERS_UNKNOWN", 20, 80, text)
    if found.missing_symbols:
        names = ", ".join(found.missing_symbols)
        yield Loss("POSITION_MISSING", 30, 60, f"others took from the account what trades hold: {names}")


def _process_losses(running: frozenset[str]) -> Iterator[Loss]:
    for name in VITAL_PROCESSES:
        if name not in running:
            yield Loss("PROCESS_MISSING", 30, 50, f"process {name} sends no heartbeat")
    for name in OTHER_PROCESSES:
        if name not in running:
            yield Loss("PROCESS_MISSING", 10, 80, f"process {name} sends no heartbeat")


def _judge(scale: Scale, value: float | None) -> Loss | None:
    if value is None or value <= scale.fine:
        return None
    share = min((value - scale.fine) / (scale.bad - scale.fine), 1.0)
    points = max(round(scale.points * share), 1)
    ceiling = FULL - round((FULL - scale.ceiling) * share)
    return Loss(scale.code, points, ceiling, f"{scale.what} {value:.3g} {scale.unit} (fine: {scale.fine:g})")


def _unknown(inputs: HealthInputs) -> Iterator[str]:
    if inputs.feed_is_connected is None:
        yield "FEED"
    if inputs.user_stream_is_connected is None:
        yield "USER_STREAM"
    for scale, value in _measured(inputs):
        if value is None:
            yield scale.code
