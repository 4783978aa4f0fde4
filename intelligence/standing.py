"""Which models may be listened to: the newest proven one of each worker's signals, unless it drifted.

Called by `manage.py tune`, `manage.py watch_models` and its task, and every second by monitoring for the
alert: light, without the analysis libraries.
"""

from __future__ import annotations

from intelligence.models import ModelVersion

COLUMNS = ("strategy", "interval", "signals", "drifted_at")


def list_newest() -> list[ModelVersion]:
    """Give the newest proven version for all signals that have one, also one that drifted."""
    newest: dict[str, ModelVersion] = {}
    for version in ModelVersion.objects.filter(is_proven=True).exclude(signals="").order_by("pk"):
        newest[version.signals] = version
    return list(newest.values())


def list_drifted() -> tuple[str, ...]:
    """Name the newest proven versions that are not listened to, because signals are not what they were."""
    rows = ModelVersion.objects.filter(is_proven=True).exclude(signals="").order_by("pk")
    newest = {
        signals: (f"{name} {interval}", at) for name, interval, signals, at in rows.values_list(*COLUMNS)
    }
    return tuple(dict.fromkeys(name for name, at in newest.values() if at is not None))
