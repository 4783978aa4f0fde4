"""Moves rollouts from stage to stage, and edits the stages. See domain.rollout for what they mean.

Called by services.entries (what an entry may be), services.rollback (back to the first stage),
services.restoring (the stages of a snapshot), whoever watches health (move_on), admin and command (override).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from trading.domain.risk import TradingState
from trading.domain.rollout import (
    INSTALLATION,
    Evidence,
    Stage,
    lacking,
    stage_of,
)
from trading.domain.strategy import STRATEGIES
from trading.domain.workers import WorkerState
from trading.models import Rollout, RolloutStage, TradingControl, Worker, WorkerVersion
from trading.selectors.configuration import list_stages, stage_to_json
from trading.selectors.rollout import running_since, subject_titles
from trading.selectors.workers import list_workers
from trading.services import journal

# Gives what was measured since a moment, judged by what leaving the stage needs.
Measure = Callable[[Stage, datetime], Evidence]
LARGEST = Decimal(1_000_000_000)
SMALLEST = Decimal("0.00000001")


class InvalidStage(ValueError):
    """A stage or a subject is wrong; the text names it and what is allowed."""


class EvidenceLacking(RuntimeError):
    """The stage may not be left yet; `lines` say what lacks."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("; ".join(self.lines))


def move_on(measure: Measure, *, by: str, now: datetime) -> list[Rollout]:
    """Move every rollout in use that has earned its next stage, note what the others lack, give those moved.

    The door of whoever watches health: it may be called as often as wanted. Only time in which the subject
    could trade counts: an active worker of it, and trading not halted.

    Args:
        measure: Gives what was measured from a moment up to now, by what leaving a stage needs.
    """
    control = TradingControl.objects.filter(pk=1).first()
    if control is not None and control.state != TradingState.ACTIVE.value:
        return []
    active = [worker for worker in list_workers() if worker.state == WorkerState.ACTIVE.value]
    last = list_stages()[-1].number
    moved = []
    for subject, since in running_since(active, since=control.changed_at if control else None).items():
        with transaction.atomic():
            row, _, stage = _lock(subject, now=now)
            if row.stage >= last:
                continue
            since = max(since, row.entered_at)
            evidence = measure(stage, since)
            lacks = lacking(stage, evidence, entered_at=since, now=now)
            if lacks:
                Rollout.objects.filter(pk=row.pk).update(lacks=lacks, evidence=evidence.to_json())
            else:
                moved.append(advance(subject, evidence, by=by, now=now))
    return moved


def advance(subject: str, evidence: Evidence, *, by: str, now: datetime) -> Rollout:
    """Move a rollout to the next stage on its evidence.

    Raises:
        InvalidStage: No such subject, or it is in the last stage.
        EvidenceLacking: With what lacks; nothing was moved.
    """
    with transaction.atomic():
        row, stages, stage = _lock(subject, now=now)
        later = [each for each in stages if each.number > stage.number]
        if not later:
            raise InvalidStage(f"{subject} is in the last stage, {stage.name}")
        missing = lacking(stage, evidence, entered_at=row.entered_at, now=now)
        if missing:
            raise EvidenceLacking(missing)
        _move(
            row, later[0], action="rollout.advanced", by=by, now=now, reason="", evidence=evidence.to_json()
        )
    return row


def override(subject: str, number: int, *, by: str, now: datetime, reason: str) -> Rollout:
    """Move a rollout to any stage without evidence; the caller has seen to the permission.

    Raises:
        InvalidStage: No such subject or stage, or no reason was given.
    """
    if not reason.strip():
        raise InvalidStage("reason: say why the evidence is not waited for")
    with transaction.atomic():
        row, stages, _ = _lock(subject, now=now)
        wanted = next((stage for stage in stages if stage.number == number), None)
        if wanted is None:
            known = ", ".join(f"{stage.number} {stage.name}" for stage in stages)
            raise InvalidStage(f"stage: there are {known}")
        _move(row, wanted, action="rollout.overridden", by=by, now=now, reason=reason)
    return row


def start_again(*, by: str, now: datetime, reason: str) -> Rollout:
    """Put the installation back into the first stage."""
    with transaction.atomic():
        row, stages, _ = _lock(INSTALLATION, now=now)
        _move(row, stages[0], action="rollout.restarted", by=by, now=now, reason=reason)
    return row


def define_stages(stages: list[Stage], *, actor: str, now: datetime, reason: str = "") -> None:
    """Replace all stages at once; equal ones change nothing. Raises InvalidStage."""
    _check(stages)
    with transaction.atomic():
        before = list_stages()
        if before == stages and RolloutStage.objects.exists():
            return
        RolloutStage.objects.all().delete()
        RolloutStage.objects.bulk_create(map(_to_row, stages))
        journal.write(
            "rollout.stages_defined",
            "rollout",
            actor=actor,
            now=now,
            before={str(stage.number): stage_to_json(stage) for stage in before},
            after={str(stage.number): stage_to_json(stage) for stage in stages},
            reason=reason,
        )


def change_stage(
    number: int, changes: dict[str, Any], *, actor: str, now: datetime, reason: str = ""
) -> list[Stage]:
    """Change the named fields of one stage. Raises InvalidStage."""
    changed = check_change(number, changes)
    define_stages(changed, actor=actor, now=now, reason=reason)
    return changed


def check_change(number: int, changes: dict[str, Any]) -> list[Stage]:
    """Give all stages as they would be. Raises InvalidStage."""
    stages = list_stages()
    if number not in {stage.number for stage in stages}:
        raise InvalidStage(f"stage: there are {', '.join(str(stage.number) for stage in stages)}")
    changed = [replace(stage, **changes) if stage.number == number else stage for stage in stages]
    _check(changed)
    return changed


def keep_stages() -> None:
    """Make rows of the stages that come with the program, so that they can be edited; nothing else."""
    if not RolloutStage.objects.exists():
        RolloutStage.objects.bulk_create(map(_to_row, list_stages()), ignore_conflicts=True)


def keep_rows(*, now: datetime) -> None:
    """Make a row of everything in use that has none yet, in its first stage; nothing else."""
    with transaction.atomic():
        for subject in subject_titles(list_workers()):
            _lock(subject, now=now)


def _to_row(stage: Stage) -> RolloutStage:
    return RolloutStage(**{name: getattr(stage, name) for name in Stage.__dataclass_fields__})


def _check(stages: list[Stage]) -> None:
    if not stages:
        raise InvalidStage("stages: at least one")
    if sorted({stage.number for stage in stages}) != [stage.number for stage in stages]:
        raise InvalidStage("number: each once, in rising order")
    for stage in stages:
        if stage.max_workers is not None and not 1 <= stage.max_workers <= 10_000:
            raise InvalidStage(f"{stage.name}: max_workers: from 1 to 10,000, or none for no limit")
        most = stage.max_trade_notional
        if most is not None and not (0 < most <= LARGEST and most == most.quantize(SMALLEST)):
            raise InvalidStage(f"{stage.name}: max_trade_notional: more than 0, at most {LARGEST:,}, or none")
        if not 0 <= stage.min_hours <= 10_000:
            raise InvalidStage(f"{stage.name}: min_hours: from 0 to 10,000")
        if not 0 <= stage.min_health <= 100:
            raise InvalidStage(f"{stage.name}: min_health: from 0 to 100")


def _lock(subject: str, *, now: datetime) -> tuple[Rollout, list[Stage], Stage]:
    stages = list_stages()
    row, _ = Rollout.objects.select_for_update().get_or_create(
        subject=_check_subject(subject),
        defaults={
            "stage": stages[0].number,
            "entered_at": _began_at(subject, now=now),
            "entered_by": "new",
        },
    )
    return row, stages, stage_of(subject, stages, {subject: row.stage})


def _check_subject(subject: str) -> str:
    kind, _, name = subject.partition(":")
    is_known = (
        subject == INSTALLATION
        or (kind == "strategy" and name in STRATEGIES)
        or (kind == "version" and name.isdigit() and WorkerVersion.objects.filter(pk=int(name)).exists())
    )
    if not is_known:
        raise InvalidStage(f"subject: {INSTALLATION}, strategy:NAME or version:ID, not {subject!r}")
    return subject


def _began_at(subject: str, *, now: datetime) -> datetime:
    """Give since when something that was never moved is in its first stage."""
    kind, _, name = subject.partition(":")
    if kind == "version":
        return WorkerVersion.objects.get(pk=int(name)).created_at
    if kind == "strategy":
        first = WorkerVersion.objects.filter(strategy=name).order_by("created_at").first()
        return first.created_at if first is not None else now
    oldest = Worker.objects.order_by("created_at").first()
    return oldest.created_at if oldest is not None else now


def _move(
    row: Rollout,
    stage: Stage,
    *,
    action: str,
    by: str,
    now: datetime,
    reason: str,
    evidence: dict[str, Any] | None = None,
) -> None:
    before = row.stage
    row.stage, row.entered_at, row.entered_by = stage.number, now, by
    row.reason, row.evidence, row.lacks = reason[:300], evidence or {}, []
    row.save()
    journal.write(
        action,
        f"rollout:{row.subject}",
        actor=by,
        now=now,
        before={"stage": before},
        after={"stage": stage.number, "name": stage.name, "evidence": evidence or {}},
        reason=reason,
    )
