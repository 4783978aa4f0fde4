"""Notes what was changed on the schedules' own page, which is a library's and knows no journal."""

from datetime import datetime

from trading.domain.configuration import compare
from trading.selectors.configuration import read_configuration
from trading.services import journal, snapshots


def note_edit(*, actor: str, now: datetime, reason: str = "") -> bool:
    """Write the journal row, and with it the snapshot, where schedules differ from the newest snapshot.

    The caller's transaction is the one in which they were changed. Says whether anything differed.
    """
    newest = snapshots.newest_snapshot()
    before = newest.content.get("schedules", {}) if newest is not None else {}
    after = read_configuration()["schedules"]
    differences = [str(each) for each in compare({"schedules": before}, {"schedules": after})]
    if not differences:
        return False
    journal.write(
        "schedule.changed",
        "schedules",
        actor=actor,
        now=now,
        after={"differences": differences},
        reason=reason,
    )
    return True
