"""Keeps every configuration that ever was, once, and every change with who, when, why and what differs.

Called by services.journal for rows about configuration, so that no change goes without; by the admin for what
is edited beside our services; and by whoever watches health, to mark what has proven itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from datetime import datetime
from typing import Any

from trading.domain.configuration import Configuration, Difference, compare, digest
from trading.domain.risk import TradingState
from trading.models import ConfigChange, ConfigSnapshot, JournalEntry, TradingControl
from trading.selectors.configuration import read_configuration

# The first word of a journal row's action.
CONFIGURING = frozenset({"worker", "limits", "symbol", "schedule", "rollout", "configuration"})

_is_gathering: ContextVar[bool] = ContextVar("is_gathering", default=False)


def is_about_configuration(action: str) -> bool:
    """Say whether a journal row may have changed the configuration."""
    return action.partition(".")[0] in CONFIGURING


@contextmanager
def gathered() -> Iterator[None]:
    """Take the changes of a block as one: rows in it bring no snapshot; the caller writes one after it."""
    token = _is_gathering.set(True)
    try:
        yield
    finally:
        _is_gathering.reset(token)


def note_change(entry: JournalEntry) -> ConfigChange | None:
    """Keep the configuration as it is now, if it is another than the newest; None where it is not."""
    if _is_gathering.get():
        return None
    # One after the other: a change that does not see its neighbour would keep what never was.
    ConfigChange.objects.select_for_update().order_by("-pk").first()
    newest = newest_snapshot()
    content = read_configuration()
    if newest is not None and newest.digest == digest(content):
        return None
    snapshot = _keep(content, now=entry.at)
    return ConfigChange.objects.create(
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        reason=entry.reason,
        before=newest,
        after=snapshot,
        differences=[str(each) for each in compare(newest.content if newest else {}, content)],
    )


def newest_snapshot() -> ConfigSnapshot | None:
    """Give the configuration after the newest change."""
    change = ConfigChange.objects.select_related("after").order_by("-pk").first()
    return change.after if change is not None else None


def _keep(content: Configuration, *, now: datetime) -> ConfigSnapshot:
    snapshot, _ = ConfigSnapshot.objects.get_or_create(
        digest=digest(content), defaults={"content": dict(content), "made_at": now}
    )
    return snapshot


def differences_from_now(snapshot: ConfigSnapshot) -> list[Difference]:
    """Give what going back to the snapshot would change."""
    return compare(read_configuration(), snapshot.content)


def unproven() -> tuple[ConfigSnapshot, datetime] | None:
    """Give the configuration in force and since when it trades; None where it is proven or does not trade."""
    change = ConfigChange.objects.select_related("after").order_by("-pk").first()
    control = TradingControl.objects.filter(pk=1).first()
    if change is None or change.after.stable_at is not None:
        return None
    if control is None:
        return change.after, change.at
    is_active = control.state == TradingState.ACTIVE.value
    return (change.after, max(change.at, control.changed_at)) if is_active else None


def mark_stable(snapshot: ConfigSnapshot, evidence: Mapping[str, Any], *, now: datetime) -> ConfigSnapshot:
    """Mark a configuration as one to go back to, with what was measured while it ran. The first proof stays.

    Whether the evidence is enough (a day with health above 80) is for the caller, who has measured it.
    """
    ConfigSnapshot.objects.filter(pk=snapshot.pk, stable_at__isnull=True).update(
        stable_at=now, evidence=dict(evidence)
    )
    snapshot.refresh_from_db()
    return snapshot


def difference_to_json(difference: Difference) -> dict[str, Any]:
    """Give a difference for scripts."""
    return asdict(difference)
