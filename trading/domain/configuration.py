"""The whole configuration as one value: its digest, and what differs between two of them. Pure.

A configuration is nested objects of text, numbers, truth values, lists and None: sections, in them names, in
them fields. Called by services.snapshots and services.rollback.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Configuration = Mapping[str, Mapping[str, Mapping[str, Any]]]
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not the same; `before` or `after` is ABSENT where the thing itself is not there."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} → {_shown(self.after)}"


def digest(configuration: Configuration) -> str:
    """Give the name of a configuration: equal ones have the same."""
    text = json.dumps(configuration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def compare(before: Configuration, after: Configuration) -> list[Difference]:
    """Give every field that differs, by section, name and field."""
    found: list[Difference] = []
    for section in sorted({*before, *after}):
        ours, theirs = before.get(section, {}), after.get(section, {})
        for name in sorted({*ours, *theirs}):
            found += _compare_fields(f"{section}.{name}", ours.get(name), theirs.get(name))
    return found


def _compare_fields(
    path: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[Difference]:
    if before is None or after is None:
        return [Difference(path, _or_absent(before), _or_absent(after))]
    return [
        Difference(f"{path}.{field}", before.get(field, ABSENT), after.get(field, ABSENT))
        for field in sorted({*before, *after})
        if before.get(field, ABSENT) != after.get(field, ABSENT)
    ]


def _or_absent(value: Mapping[str, Any] | None) -> Any:
    return ABSENT if value is None else dict(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
