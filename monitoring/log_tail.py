"""Counts exceptions in the logs of all processes on this machine, as they are written.

A process that dies of one can still be counted, and none has to tell of itself. Logs are one JSON object a
line (fastcycle.logs); a line with `exception` at level error or critical is one.
"""

from __future__ import annotations

import json
from pathlib import Path

LEVELS = ("error", "critical")
MAX_BYTES = 1_000_000


class LogTail:
    """Reads what is new in each `*.log` of a folder; what was there before is not counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[Path, tuple[int, int]] = {
            path: (path.stat().st_ino, path.stat().st_size) for path in folder.glob("*.log")
        }

    def count_exceptions(self) -> int:
        """Give how many exceptions were logged since the last call."""
        return sum(self._count(path) for path in sorted(self._folder.glob("*.log")))

    def _count(self, path: Path) -> int:
        try:
            found = path.stat()
            inode, offset = self._places.get(path, (found.st_ino, 0))
            if inode != found.st_ino or found.st_size < offset:
                offset = 0  # the file was turned over
            if found.st_size == offset:
                return 0
            with path.open("rb") as file:
                file.seek(max(offset, found.st_size - MAX_BYTES))
                text = file.read(MAX_BYTES)
        except FileNotFoundError:
            return 0
        whole, _, rest = text.rpartition(b"\n")
        self._places[path] = (found.st_ino, found.st_size - len(rest) if whole else offset)
        return sum(_is_exception(line) for line in whole.split(b"\n"))


def _is_exception(line: bytes) -> bool:
    if b'"exception"' not in line:
        return False
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and "exception" in entry and entry.get("level") in LEVELS
