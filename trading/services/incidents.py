"""Halts everything on a grave cause and keeps an incident of it, until a person closes it with a finding.

`open_incident_and_halt` is the door of whoever judges health. Halting needs nothing but the database; what is
held keeps its protection at the venue.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from trading.domain.ports import Clock
from trading.models import Incident, JournalEntry, ReconcileRun
from trading.selectors.leftovers import what_is_left
from trading.services import control, journal, snapshots
from trading.services.context import Desk
from trading.services.control import KillLevel

MINUTES_BEFORE = timedelta(minutes=10)
ROWS_KEPT = 100


class NoOpenIncident(LookupError):
    """There is no such incident, or it is closed."""


def open_incident_and_halt(cause: str, evidence: Mapping[str, Any], *, by: str, desk: Desk) -> Incident:
    """Halt the account, keep why, then cancel working entries; open trades keep their protection.

    A cause whose incident is open already changes nothing and gives that one: an operator who resumed in
    spite of it is not overruled by the same cause.

    Args:
        evidence: What the caller measured in the minutes before; trading's own part is added.
    """
    incident, is_new = _open(cause, evidence, by=by, clock=desk.clock)
    if is_new:
        left = control.clear(KillLevel.CANCEL, actor=by, desk=desk)
        add_action(
            incident, "halted; working entries cancelled", by=by, now=desk.clock(), figures=asdict(left)
        )
    return incident


def _open(cause: str, evidence: Mapping[str, Any], *, by: str, clock: Clock) -> tuple[Incident, bool]:
    cause = cause[:300]
    known = Incident.objects.filter(cause=cause, closed_at__isnull=True).first()
    if known is not None:
        return known, False
    try:
        with transaction.atomic():
            # First: whatever goes wrong with the evidence, nobody enters any more once this is committed.
            now = control.stop(KillLevel.CANCEL, actor=by, clock=clock, reason=cause)
            incident = Incident.objects.create(
                opened_at=now,
                opened_by=by,
                cause=cause,
                evidence={**evidence, "trading": _facts(now=now)},
            )
            journal.write("incident.opened", f"incident:{incident.pk}", actor=by, now=now, reason=cause)
    except IntegrityError:  # another judge was faster; its incident is the one
        return Incident.objects.get(cause=cause, closed_at__isnull=True), False
    return incident, True


def _facts(*, now: datetime) -> dict[str, Any]:
    """Give what trading itself knows of the minutes before."""
    rows = JournalEntry.objects.filter(at__gte=now - MINUTES_BEFORE).order_by("-pk")[:ROWS_KEPT]
    reconcile = ReconcileRun.objects.order_by("-at").first()
    newest = snapshots.newest_snapshot()
    return {
        "left": asdict(what_is_left()),
        "configuration": newest.pk if newest is not None else None,
        "reconcile": None
        if reconcile is None
        else {
            "at": reconcile.at.isoformat(),
            "unknown_orders": reconcile.unknown_orders,
            "differences": reconcile.differences,
        },
        "journal": [
            {
                "at": row.at.isoformat(),
                "actor": row.actor,
                "action": row.action,
                "subject": row.subject,
                "reason": row.reason,
            }
            for row in reversed(rows)
        ],
    }


def add_action(
    incident: Incident, what: str, *, by: str, now: datetime, figures: Mapping[str, Any] | None = None
) -> None:
    """Add what was done about it."""
    with transaction.atomic():
        row = Incident.objects.select_for_update().get(pk=incident.pk)
        row.actions = [*row.actions, {"at": now.isoformat(), "by": by, "what": what, **(figures or {})}]
        row.save(update_fields=["actions"])
    incident.actions = row.actions


def close_incident(incident_id: int, *, by: str, now: datetime, finding: str) -> Incident:
    """Close an incident with what was found; trading stays as it is. Raises NoOpenIncident."""
    with transaction.atomic():
        open_ones = Incident.objects.select_for_update().filter(pk=incident_id, closed_at__isnull=True)
        incident = open_ones.first()
        if incident is None:
            raise NoOpenIncident(f"incident {incident_id} is not open")
        incident.closed_at, incident.closed_by, incident.finding = now, by, finding[:1000]
        incident.save(update_fields=["closed_at", "closed_by", "finding"])
        journal.write("incident.closed", f"incident:{incident.pk}", actor=by, now=now, reason=finding)
    return incident
