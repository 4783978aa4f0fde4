"""What the processes complained of in their logs: distinct errors, how often each, the loudest first."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

LOUD = ("error", "critical")
MARK = "Traceback (most recent call last)"
CHAINED = " exception"  # "During handling of the above exception, ..." and its sister
RECORD = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[")


def complaints(home: Path) -> list[str]:
    """Give every distinct error of all logs in one line; what nobody caught carries the word `unhandled`."""
    found: Counter[str] = Counter()
    for path in sorted((home / "logs").glob("*.log*")):
        name = path.name.split(".")[0]
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            complaint = _complaint(line)
            if complaint:
                found[f"{name}: {complaint}"] += 1
    for line in _bare_traces((home / "said.txt").read_text(encoding="utf-8", errors="replace")):
        found[f"up: unhandled: {line}"] += 1
    return [f"{text} ({times} times)" for text, times in found.most_common()]


def _bare_traces(said: str) -> list[str]:
    """Give the last line of every trace that no log record carries; those of records are in the files too."""
    lines = said.splitlines()
    begins = [
        place
        for place, line in enumerate(lines)
        if line.startswith(MARK)
        and not any(RECORD.match(before) or CHAINED in before for before in lines[max(place - 2, 0) : place])
    ]
    return [
        next(line for line in [*lines[place + 1 :], MARK] if not line.startswith(" ")) for place in begins
    ]


def _complaint(line: str) -> str:
    if not line.startswith("{"):
        return f"unhandled: {line}" if MARK in line else ""
    record: dict[str, Any] = json.loads(line)
    trace = str(record.get("exception") or "").strip().splitlines()
    if record.get("level") not in LOUD and not trace:
        return ""
    words = " ".join(str(record.get("event", "")).split())[:160]
    cause = f" [{trace[-1][:160]}]" if trace else ""
    return f"{record.get('level')} {record.get('logger')} {words}{cause}"
