"""What operations have to show for themselves, as plain facts. Pure; filled by selectors.operations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Operations:
    """Newest facts; None = it never happened. Times in seconds.

    `drains` are workers that ran out and stopped, `draining` those that still do. `halts` were made by bad
    health; carried out means that their incident tells what was done.
    """

    backup: dict[str, Any] | None
    backup_at: datetime | None
    doctor: dict[str, Any] | None
    doctor_at: datetime | None
    validation: dict[str, Any] | None
    validation_at: datetime | None
    stage: str
    trades_in_stage: int
    trades_beyond_stage: int
    drains: int
    draining: int
    halts: int
    halts_carried_out: int
    rollbacks: int
    rollback_s: float | None
    rollback_remaining: int
