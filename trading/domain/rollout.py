"""Stages of a rollout: what each allows, and the evidence that leaving it needs. Pure.

Everything new begins in the first stage: an installation, a strategy, a version of a worker. What holds for
an entry is the tightest of the three: a bigger trade is cut to it, a worker too many waits
(docs/decisions/0014). Called by services.rollout and services.entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from trading.domain.workers import whose_turn

INSTALLATION = "installation"
TIME_SLICE_S = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. Amounts in the quote asset, None = no limit; the rest is what leaving it needs."""

    number: int
    name: str
    max_workers: int | None
    max_trade_notional: Decimal | None
    min_hours: float
    min_health: int


# What holds until the operator edits the stages; the figures are those of the deployment guide.
DEFAULT_STAGES: tuple[Stage, ...] = (
    Stage(1, "first", 1, Decimal(10), 1.0, 80),
    Stage(2, "more", 3, Decimal(50), 24.0, 80),
    Stage(3, "full", None, None, 0.0, 0),
)


@dataclass(frozen=True, slots=True)
class StageLimits:
    """The tightest limits of all stages that an entry stands in; None = no limit."""

    max_workers: int | None = None
    max_trade_notional: Decimal | None = None

    def cut(self, trade_notional: Decimal) -> Decimal:
        """Give the size of a trade that is configured with `trade_notional`: at most what is allowed."""
        most = self.max_trade_notional
        return trade_notional if most is None else min(trade_notional, most)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured since the stage was entered, by whoever watches health.

    `hours` healthy without a break, up to now; the lowest health and the critical alerts in them.
    """

    hours: float
    lowest_health: int
    critical_alerts: int

    def to_json(self) -> dict[str, Any]:
        """Give the figures for the journal."""
        return {
            "hours": round(self.hours, 3),
            "lowest_health": self.lowest_health,
            "critical_alerts": self.critical_alerts,
        }


def strategy_subject(strategy: str) -> str:
    """Name the rollout of a strategy."""
    return f"strategy:{strategy}"


def version_subject(version_id: int) -> str:
    """Name the rollout of a worker's version."""
    return f"version:{version_id}"


def limits_of(installation: Stage, others: Iterable[Stage]) -> StageLimits:
    """Give what holds for an entry: the installation says how many workers, all say how much."""
    sizes = [
        stage.max_trade_notional for stage in (installation, *others) if stage.max_trade_notional is not None
    ]
    return StageLimits(installation.max_workers, min(sizes, default=None))


def may_add(worker_id: int, active: Sequence[int], *, places: int, now: datetime) -> bool:
    """Say whether a worker that holds trades may open further ones.

    Where more workers are active than may hold trades at once, time slices go round among them: out of its
    own a worker only closes, and once it is flat the place is free for whoever enters first. So nobody keeps
    a place for ever.

    Args:
        active: Ids of all active workers, in an order that stays.
        places: How many may hold trades at once.
    """
    if len(active) <= places or worker_id not in active:
        return True
    groups = -(-len(active) // places)
    return active.index(worker_id) // places == whose_turn(int(now.timestamp() // TIME_SLICE_S), groups)


def stage_of(subject: str, stages: Sequence[Stage], reached: Mapping[str, int]) -> Stage:
    """Give the stage of a subject; one that was never moved is in the first."""
    number = reached.get(subject, stages[0].number)
    # A stage that was removed meanwhile: the next lower one that is left.
    return max((stage for stage in stages if stage.number <= number), default=stages[0], key=_number)


def _number(stage: Stage) -> int:
    return stage.number


def lacking(stage: Stage, evidence: Evidence, *, entered_at: datetime, now: datetime) -> list[str]:
    """Give what the evidence lacks for leaving the stage, a line each; empty = it may be left."""
    found = []
    hours = min(evidence.hours, (now - entered_at) / timedelta(hours=1))
    if hours < stage.min_hours:
        found.append(f"{hours:.2f} healthy hours in stage {stage.name}, {stage.min_hours:g} are needed")
    if evidence.lowest_health < stage.min_health:
        found.append(f"health fell to {evidence.lowest_health}, {stage.min_health} is the least")
    if evidence.critical_alerts:
        found.append(f"{evidence.critical_alerts} critical alerts, none is allowed")
    return found
