"""How the criteria of operations (D1 to D6) are judged from what journal and incidents keep. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitoring.verdicts import Measured, judged, missing
from trading.domain.operations import Operations

ALL = "all"
ROLLBACK_LIMIT_S = 60.0


def backup(found: Operations) -> Measured:
    """A backup that was proven by restoring it."""
    if found.backup is None:
        return missing("no backup is recorded: manage.py backup", window=ALL)
    rows, took_s = found.backup["rows"], found.backup["verified_s"]
    return judged(True, f"{rows} rows restored and compared in {took_s} s, {_moment(found.backup_at)}", ALL)


def environment(found: Operations) -> Measured:
    """The newest run of the doctor found nothing unfit."""
    if found.doctor is None:
        return missing("no run is recorded: manage.py doctor", window=ALL)
    return _looked(found.doctor, found.doctor_at)


def validation(found: Operations) -> Measured:
    """The newest validation of a deployment passed its steps."""
    if found.validation is None:
        return missing("no run is recorded: manage.py doctor --after-deploy", window=ALL)
    return _looked(found.validation, found.validation_at)


def _looked(told: dict[str, Any], at: datetime | None) -> Measured:
    counts, failed = told["counts"], told["failed"]
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    names = f" ({', '.join(map(str, failed))})" if failed else ""
    return judged(not failed, f"{shown}{names}, {_moment(at)}", "newest run")


def stages(found: Operations) -> Measured:
    """No trade since the stage began cost more than it allows."""
    number = found.trades_in_stage + found.trades_beyond_stage
    if not number:
        return missing("no trade in this stage yet", f"stage {found.stage}", "this stage")
    text = f"stage {found.stage}: {found.trades_beyond_stage} of {number} trades beyond its size"
    return judged(not found.trades_beyond_stage, text, "this stage")


def drains(found: Operations) -> Measured:
    """Workers that were drained ran out and stopped."""
    if not found.drains:
        return missing("no worker has run out by draining yet", window=ALL)
    return judged(True, f"{found.drains} workers ran out and stopped, {found.draining} still drain", ALL)


def halts(found: Operations) -> Measured:
    """Halts by health were carried out, and rollbacks restored everything in time."""
    if not found.halts and not found.rollbacks:
        return missing("health has halted nothing and nothing was rolled back yet", window=ALL)
    took = "" if found.rollback_s is None else f", the longest {found.rollback_s:.1f} s"
    text = (
        f"{found.halts_carried_out} of {found.halts} halts carried out, {found.rollbacks} rollbacks{took}, "
        f"{found.rollback_remaining} fields left different"
    )
    is_met = (
        found.halts == found.halts_carried_out
        and not found.rollback_remaining
        and (found.rollback_s is None or found.rollback_s < ROLLBACK_LIMIT_S)
    )
    return judged(is_met, text, ALL)


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M") if at else "no moment"
