"""Reads about rollouts: who stands in which stage, since when, what is missing, and what that allows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.domain.rollout import (
    INSTALLATION,
    Stage,
    StageLimits,
    limits_of,
    stage_of,
    strategy_subject,
    version_subject,
)
from trading.domain.values import to_text
from trading.models import Rollout, Worker, WorkerVersion
from trading.selectors.configuration import list_stages
from trading.selectors.prepared import Prepared
from trading.selectors.workers import list_workers


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one subject stands. `lacks` is what leaving the stage needs, as of the last look."""

    subject: str
    title: str
    stage: Stage
    entered_at: datetime | None
    reason: str
    lacks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {
            "subject": self.subject,
            "title": self.title,
            "stage": self.stage.number,
            "name": self.stage.name,
            "entered_at": self.entered_at.isoformat() if self.entered_at else None,
            "reason": self.reason,
            "lacks": list(self.lacks),
        }


def stage_limits(versions: Iterable[WorkerVersion]) -> dict[int, StageLimits]:
    """Give what holds for entries of each version, by its id; two questions to the database in all."""
    subjects = {
        version.pk: (strategy_subject(version.strategy), version_subject(version.pk)) for version in versions
    }
    stages = list_stages()
    named = {INSTALLATION}.union(*subjects.values())
    reached = {subject: stage for subject, stage in _REACHED.rows() if subject in named}
    installation = stage_of(INSTALLATION, stages, reached)
    return {
        pk: limits_of(installation, (stage_of(each, stages, reached) for each in pair))
        for pk, pair in subjects.items()
    }


# A row a version that moved on: read whole, because it is asked before every entry.
_REACHED: Prepared[tuple[str, int]] = Prepared(
    lambda: Rollout.objects.values_list("subject", "stage"), lambda subject, stage: (subject, stage)
)


def subject_titles(workers: Iterable[Worker]) -> dict[str, str]:
    """Give what has a stage because of these workers, with the words that people know it by."""
    found = {INSTALLATION: "The installation"}
    for worker in workers:
        version = worker.version
        if version is not None:
            found[strategy_subject(version.strategy)] = f"Strategy {version.strategy}"
            found[version_subject(version.pk)] = f"{worker.name} v{version.number}"
    return found


def running_since(workers: Iterable[Worker], *, since: datetime | None) -> dict[str, datetime]:
    """Give each subject of these workers with the moment since when the first of them is in its state.

    Args:
        since: Nobody counts as running before it.
    """
    found: dict[str, datetime] = {}
    for worker in workers:
        began = worker.state_changed_at if since is None else max(worker.state_changed_at, since)
        for subject in subject_titles([worker]):
            found[subject] = min(found.get(subject, began), began)
    return found


def list_standings() -> list[Standing]:
    """Give where everything in use stands: the installation, strategies, versions of workers."""
    titles = subject_titles(list_workers())
    stages = list_stages()
    rows = {row.subject: row for row in Rollout.objects.filter(subject__in=titles)}
    reached = {subject: row.stage for subject, row in rows.items()}
    return [
        Standing(
            subject,
            title,
            stage_of(subject, stages, reached),
            rows[subject].entered_at if subject in rows else None,
            rows[subject].reason if subject in rows else "",
            tuple(rows[subject].lacks) if subject in rows else (),
        )
        for subject, title in titles.items()
    ]


def tell_cut(version: WorkerVersion) -> str:
    """Say in a sentence what the stage makes of a version's size; empty where it changes nothing."""
    limits = stage_limits([version])[version.pk]
    wanted: Decimal = version.trade_notional
    allowed = limits.cut(wanted)
    if allowed == wanted:
        return ""
    return (
        f"it trades {to_text(allowed)} instead of {to_text(wanted)} until its rollout reaches a further "
        "stage: see Rollouts in the admin or `manage.py rollout show`"
    )
