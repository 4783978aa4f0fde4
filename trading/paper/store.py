"""Keeps the account and the market's prices between runs, in files that only one venue may hold.

The venue calls `record` after each change, before anybody is told of it: a kill -9 loses nothing that was
acknowledged, for a line is in the kernel's hands before the reply leaves (a power cut may lose the last ones;
this is paper). The state file is JSON lines: one whole snapshot, then changes; rewritten whole when grown.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson

from trading.paper.engine import Engine
from trading.paper.market_sink import Market
from trading.paper.snapshots import merge

REWRITE_BYTES = 16 << 20


class StoreError(Exception):
    """A state file that cannot be used; the text says why."""


@runtime_checkable
class Resumable(Protocol):
    """A market that can go on from where it stopped, so that a restart is no price jump."""

    def snapshot(self) -> dict[str, Any]:
        """Give what a restart needs, JSON-able."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""


class Store:
    """The state file; with None for a path, a venue that forgets.

    Raises:
        StoreError: The folder cannot be made, or another venue holds the file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._journal: int | None = None
        self._whole_bytes = 0
        self._changed_bytes = 0
        if path is not None:
            self._market_path = path.with_name(path.name + ".market")
            self._lock = _lock(path.with_name(path.name + ".lock"))

    def load(self) -> dict[str, Any] | None:
        """Give the kept snapshot with all changes laid on it; None when there is none.

        A last line without its end was cut by a kill before its change was acknowledged, and is left out.

        Raises:
            StoreError: The file is there but cannot be read or understood.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            *lines, _torn = self._path.read_bytes().split(b"\n")
            if not lines:
                return None
            whole: dict[str, Any] = orjson.loads(lines[0])
            for line in lines[1:]:
                merge(whole, orjson.loads(line))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"not a state of this venue ({error!r})") from error
        return whole

    def begin(self, engine: Engine) -> None:
        """Write the whole state anew and get ready for changes."""
        if self._path is None:
            return
        raw = orjson.dumps(engine.snapshot()) + b"\n"
        engine.drain_changes()  # they are part of the whole
        _replace(self._path, raw)
        if self._journal is not None:
            os.close(self._journal)
        self._journal = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._whole_bytes, self._changed_bytes = len(raw), 0

    def record(self, engine: Engine) -> None:
        """Append what changed since the last time, if anything did."""
        if self._journal is None:
            return
        changes = engine.drain_changes()
        if changes is None:
            return
        raw = orjson.dumps(changes) + b"\n"
        os.write(self._journal, raw)
        self._changed_bytes += len(raw)
        if self._changed_bytes > max(REWRITE_BYTES, 2 * self._whole_bytes):
            self.begin(engine)

    def record_market(self, market: Market) -> None:
        """Keep the market's prices; the venue calls this every second or so."""
        if self._path is not None and isinstance(market, Resumable):
            _replace(self._market_path, orjson.dumps(market.snapshot()))

    def resume_market(self, market: Market) -> None:
        """Let the market go on from the kept prices, if it can and there are any."""
        if self._path is None or not isinstance(market, Resumable) or not self._market_path.exists():
            return
        try:
            market.restore(orjson.loads(self._market_path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"not prices of this venue ({error!r})") from error

    def close(self, engine: Engine) -> None:
        """Write the last state and let the file go."""
        if self._journal is None:
            return
        self.begin(engine)
        os.close(self._journal)
        self._journal = None
        os.close(self._lock)


def _replace(path: Path, raw: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(raw)
    os.replace(fresh, path)


def _lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreError("another venue holds it") from error
    return handle
