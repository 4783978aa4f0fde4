"""Runs: trades that a worker did not make here, kept as sums of days, to be held against those it made.

A back-test is begun by the admin and filled by `manage.py fill_run`; a file is brought by the admin or by
`manage.py import_trades`. Read by the compare page. A run is kept whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from intelligence.models import Run, RunDay, RunKind, RunState
from trading.domain.slices import Ended, Tally
from trading.domain.values import to_text
from trading.selectors.workers import list_workers
from trading.services import journal

Days = dict[tuple[date, str], Tally]
MOST_WORKERS = 100
# What trades of another installation are called unless they are given a name.
LABEL = "elsewhere"


class CannotKeep(ValueError):
    """The run is not kept; the text says why."""


def begin_backtest(worker_id: int, *, since: date, until: date, actor: str, now: datetime) -> Run:
    """Order a back-test of a worker's version in force over some days (UTC, both included).

    Raises:
        CannotKeep: The days are none that can be tested.
    """
    if since > until:
        raise CannotKeep("the first day must not be after the last")
    if since > now.date():
        raise CannotKeep("the first day must have begun")
    return _make(worker_id, RunKind.BACKTEST, "back-test", since, min(until, now.date()), actor, now)


def _make(
    worker_id: int, kind: RunKind, label: str, since: date, until: date, actor: str, now: datetime
) -> Run:
    with transaction.atomic():
        run = Run.objects.create(
            worker_id=worker_id, kind=kind, label=label, begins_on=since, ends_on=until, made_at=now,
            made_by=actor,
        )  # fmt: skip
        about = {"kind": str(kind), "label": label, "from": since.isoformat(), "to": until.isoformat()}
        journal.write("run.begun", f"run:{run.pk}", actor=actor, now=now, after=about)
    return run


def keep(run: Run, days: Days) -> None:
    """Keep the sums of a run; those it had before go."""
    with transaction.atomic():
        RunDay.objects.filter(run=run).delete()
        RunDay.objects.bulk_create(
            RunDay(run=run, day=day, quote_asset=asset, sums=_written(tally))
            for (day, asset), tally in sorted(days.items())
        )
        run.state, run.problem = RunState.KEPT, ""
        run.trades = sum(tally.trades for tally in days.values())
        run.save()


def fail(run: Run, problem: str) -> None:
    """Say why a run is not to be had."""
    run.state, run.problem = RunState.FAILED, problem[:300]
    run.save()


def keep_trades(
    trades: Iterable[tuple[str, Ended]], *, label: str, actor: str, now: datetime
) -> tuple[list[Run], list[str]]:
    """Keep closed trades of a file as one run for each worker that has the same name here.

    Nothing is held but the sums, so the file may have millions of rows.

    Returns:
        The runs, and the names of workers that are not known here: their trades are passed over.

    Raises:
        CannotKeep: No trade is of a worker that is known here, or the file names too many workers.
    """
    ours = {worker.name: worker.pk for worker in list_workers()}
    found: dict[str, Days] = {}
    for name, trade in trades:
        if name not in found and len(found) >= MOST_WORKERS:
            raise CannotKeep(f"the file must hold trades of at most {MOST_WORKERS} workers")
        add(found.setdefault(name, {}), trade)
    known = sorted(found.keys() & ours.keys())
    if not known:
        named = ", ".join(sorted(found)[:5]) or "nobody"
        raise CannotKeep(f"no closed trade of the file is of a worker of the same name here; it has {named}")
    runs = []
    with transaction.atomic():
        for name in known:
            moments = [day for day, _ in found[name]]
            run = _make(ours[name], RunKind.FILE, label, min(moments), max(moments), actor, now)
            keep(run, found[name])
            runs.append(run)
    return runs, sorted(found.keys() - ours.keys())


def add(days: Days, trade: Ended) -> None:
    """Count a trade into the day on which it closed."""
    day = trade.closed_at.astimezone(UTC).date()
    days.setdefault((day, trade.quote_asset), Tally()).count(trade)


def list_kept() -> list[Run]:
    """Give the runs that can be looked at, newest first."""
    return list(Run.objects.filter(state=RunState.KEPT).select_related("worker"))


def read_days(
    run_id: int, quote_asset: str, *, since: date | None, until: date | None
) -> list[tuple[date, Tally]]:
    """Give the sums of a run's days in one quote asset, oldest first; both bounds are included."""
    rows = RunDay.objects.filter(run_id=run_id, quote_asset=quote_asset)
    if since is not None:
        rows = rows.filter(day__gte=since)
    if until is not None:
        rows = rows.filter(day__lte=until)
    return [(row.day, _read(row.sums)) for row in rows.order_by("day")]


def _written(tally: Tally) -> dict[str, Any]:
    return {
        name: to_text(value) if isinstance(value, Decimal) else value for name, value in asdict(tally).items()
    }


def _read(sums: Mapping[str, Any]) -> Tally:
    values: dict[str, Any] = {each.name: sums[each.name] for each in fields(Tally)}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = Decimal(value)
    return Tally(**values)
