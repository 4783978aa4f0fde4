"""What the clock asks for, and how often. A first start copies it into the database, where operators edit it.

An entry that was not fetched within its own interval is dropped: the next one says the same.
"""

from __future__ import annotations

from typing import Any


def _every(every_s: float, task: str, **kwargs: str) -> dict[str, Any]:
    """Give a schedule; a task that waited until the next one is due, and for 2 s, is of no use any more."""
    expire_s = max(int(every_s), 2)
    return {"task": task, "schedule": every_s, "kwargs": kwargs, "options": {"expire_seconds": expire_s}}


# A report is asked for more often than it is due: that of a span is made once, also after an hour off.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "trading upkeep": _every(1.0, "trading.run_upkeep"),
    "trading reconcile": _every(60.0, "trading.reconcile", reason="schedule"),
    "trading instruments": _every(600.0, "trading.refresh_instruments"),
    "trading delistings": _every(3600.0, "trading.review_delistings"),
    "trading figures": _every(3600.0, "trading.roll_up"),
    "monitoring hourly report": _every(600.0, "monitoring.make_report", kind="HOURLY"),
    "monitoring daily report": _every(900.0, "monitoring.make_report", kind="DAILY"),
    "monitoring weekly report": _every(3600.0, "monitoring.make_report", kind="WEEKLY"),
    "intelligence screening": _every(3600.0, "intelligence.screen"),
    "intelligence model watch": _every(6 * 3600.0, "intelligence.watch_models"),
    "intelligence tuning": _every(6 * 3600.0, "intelligence.tune"),
    "monitoring thinning": _every(3600.0, "monitoring.thin"),
}
