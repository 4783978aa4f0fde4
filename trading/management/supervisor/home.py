"""What one `manage.py up` claims before it starts anything: the home folder, and its ports.

Called by the command alone. It starts nothing; what it refuses, it refuses in one line.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

# A supervisor that was killed leaves the lock with its guard for the moment that the clean-up takes.
LOCK_PATIENCE_S = 1.0


class CannotStart(Exception):
    """A reason why nothing was started; the text is the one line to show."""


def lock_home(path: Path) -> int:
    """Claim the home folder for this process and give the descriptor that holds the claim.

    Raises:
        CannotStart: Another `up` runs on the same home.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            os.close(descriptor)
            raise CannotStart(f"already running here (process {holder}, home {path.parent.parent})")
        time.sleep(0.02)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def demand_port(host: str, port: int, *, option: str) -> None:
    """Make sure that a port can be listened on.

    Raises:
        CannotStart: It is taken, or not ours to take.
    """
    try:
        _bind(host, port)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise CannotStart(f"port {port} on {host} {reason}: choose another with {option}") from error


def choose_port(host: str, wanted: int) -> int:
    """Give the wanted port if it is free, else any free one."""
    try:
        return _bind(host, wanted)
    except OSError:
        return _bind(host, 0)


def _bind(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections of a former run that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def write_run_file(path: Path, values: Mapping[str, object]) -> None:
    """Keep what this run chose, for `status` and other commands on the same home; whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    draft.replace(path)
