"""Which configuration was allowed to trade when: versions and states of all workers, from their history.

Called by intelligence to work out what would have been traded. Reads only; deleted workers are in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from trading.domain.workers import WorkerConfig, WorkerState
from trading.models import JournalEntry, WorkerVersion
from trading.selectors.workers import get_config

BEGINS = f"worker.{WorkerState.ACTIVE.value.lower()}"
ENDS = frozenset({"worker.stopped", "worker.draining", "worker.flattened", "worker.deleted"})


@dataclass(frozen=True, slots=True)
class Stint:
    """A version of a worker that was active from a moment to another; the end is not included."""

    worker_id: int
    config: WorkerConfig
    since: datetime
    until: datetime


def list_stints(since: datetime, until: datetime) -> list[Stint]:
    """Give what was active between two moments, by worker and time.

    Halts of the whole account are not taken out: they are short, and end everybody's entries alike.
    """
    active = {worker_id: list(_active(rows, until)) for worker_id, rows in _state_changes(until).items()}
    versions: dict[int, list[WorkerVersion]] = defaultdict(list)
    for version in WorkerVersion.objects.filter(worker_id__in=active).order_by("worker_id", "number"):
        versions[version.worker_id].append(version)
    return [
        stint
        for worker_id, rows in versions.items()
        for stint in _stints(worker_id, rows, active[worker_id], since, until)
    ]


def _state_changes(until: datetime) -> dict[int, list[tuple[datetime, bool]]]:
    found: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    rows = JournalEntry.objects.filter(
        action__in=[BEGINS, *ENDS], subject__startswith="worker:", at__lt=until
    )
    for subject, action, at in rows.order_by("pk").values_list("subject", "action", "at"):
        found[int(subject.removeprefix("worker:"))].append((at, action == BEGINS))
    return found


def _active(changes: Iterable[tuple[datetime, bool]], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    begun: datetime | None = None
    for at, is_active in changes:
        if is_active and begun is None:
            begun = at
        elif not is_active and begun is not None:
            yield begun, at
            begun = None
    if begun is not None:
        yield begun, until


def _stints(
    worker_id: int,
    versions: list[WorkerVersion],
    active: list[tuple[datetime, datetime]],
    since: datetime,
    until: datetime,
) -> Iterator[Stint]:
    ends = [version.created_at for version in versions[1:]] + [until]
    for version, replaced_at in zip(versions, ends, strict=True):
        for begun, ended in active:
            first = max(since, version.created_at, begun)
            last = min(until, replaced_at, ended)
            if first < last:
                yield Stint(worker_id, get_config(version), first, last)
