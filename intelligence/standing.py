"""Which models may be listened to: the newest proven one of each strategy and interval, unless it drifted.

Called by `manage.py watch_models` and its task, and every second by monitoring for the alert: light, without
the analysis libraries.
"""

from __future__ import annotations

from intelligence.models import ModelVersion

COLUMNS = ("strategy", "interval", "drifted_at")


def list_newest() -> list[ModelVersion]:
    """Give the newest proven version for each strategy and interval, also one that drifted."""
    newest: dict[tuple[str, str], ModelVersion] = {}
    for version in ModelVersion.objects.filter(is_proven=True).order_by("pk"):
        newest[version.strategy, version.interval] = version
    return list(newest.values())


def list_drifted() -> tuple[str, ...]:
    """Name the newest proven versions that are not listened to, because signals are not what they were."""
    rows = ModelVersion.objects.filter(is_proven=True).order_by("pk")
    newest = {(name, interval): at for name, interval, at in rows.values_list(*COLUMNS)}
    return tuple(f"{name} {interval}" for (name, interval), at in newest.items() if at is not None)
