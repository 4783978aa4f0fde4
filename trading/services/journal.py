"""Writes the journal. Called by every service inside its own transaction; never by anybody else.

A row about configuration brings the snapshot of it along, in the same transaction: services write the row
last, when everything that they change is changed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trading import events
from trading.models import JournalEntry
from trading.services import snapshots


def write(
    action: str,
    subject: str,
    *,
    actor: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> JournalEntry:
    """Add one entry: who did what to whom, before, after and why."""
    entry = JournalEntry.objects.create(
        at=now,
        actor=actor[:150],
        action=action,
        subject=subject[:80],
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason[:300],
    )
    if snapshots.is_about_configuration(action):
        snapshots.note_change(entry)
    events.journal_added(entry)
    return entry
