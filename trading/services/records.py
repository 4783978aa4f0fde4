"""Notes in the journal what an operator's command found or made, so that it can be looked up later.

Called by the commands backup and doctor when they are done; the acceptance page reads it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseError

from trading.services import journal

BACKUP = "backup.made"
DOCTOR = "doctor.looked"
VALIDATION = "doctor.validated"


def note(action: str, figures: Mapping[str, Any], *, actor: str, now: datetime) -> bool:
    """Keep it; False where the database takes no rows, which the command itself has told by then."""
    try:
        journal.write(action, action.partition(".")[0], actor=actor, now=now, after=figures)
    except DatabaseError:
        return False
    return True
