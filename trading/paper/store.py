"""Keeps the account between runs: every change is in the file before anybody is told of it.

The venue calls `record` after each change and `close` at the end. A kill -9 loses nothing acknowledged: a
write is in the kernel's hands before the reply leaves (a power cut may lose the last ones; this is paper).
The file is JSON lines: one whole state first, then what changed, line by line.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from trading.paper.engine import Engine


class StoreError(Exception):
    """A state file that cannot be used; the text says why."""


class Store:
    """The state file; None for a venue that forgets."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def restore(self, engine: Engine) -> bool:
        """Put the kept state into a fresh engine; False when there is none.

        Raises:
            StoreError: The file is there but cannot be read or understood.
        """
        if self._path is None:
            return False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            raw = self._path.read_bytes() if self._path.exists() else b""
            if not raw:
                return False
            engine.restore(orjson.loads(raw))
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(repr(error)) from error
        return True

    def record(self, engine: Engine) -> None:
        """Write the present state in place of the former one, in one step."""
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(engine.snapshot()))
        os.replace(fresh, self._path)

    def close(self, engine: Engine) -> None:
        """Write the last state."""
        self.record(engine)
