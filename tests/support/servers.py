"""Private servers for the test session: Redis on a Unix socket, PostgreSQL from the machine's binaries.

Both live in folders of their own, listen on no port, keep nothing, and are gone when the session ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from trading.management.supervisor.redis_server import redis_command

START_LIMIT_S = 30.0
POSTGRES_USER = "postgres"


def wait_until(condition: Callable[[], bool], *, limit_s: float, what: str) -> float:
    """Wait for a condition; give the seconds it took, or fail with what was awaited."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < limit_s, f"no {what} within {limit_s} s"
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def run_redis(socket: Path) -> Iterator[None]:
    """Run a private Redis on `socket` until the block ends."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(redis_command(socket), stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _answers(socket), limit_s=START_LIMIT_S, what="answer of the private Redis")
            yield
        finally:
            server.kill()


def _answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def find_postgres() -> Path | None:
    """Give the folder of PostgreSQL's server programs, the newest of several, or None."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda path: float(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def run_postgres(sockets: Path) -> Iterator[None]:
    """Run a private cluster that listens in the folder `sockets` until the block ends."""
    binaries = find_postgres()
    assert binaries is not None, "no PostgreSQL server binaries on this machine"
    user = pwd.getpwnam(POSTGRES_USER).pw_uid if os.geteuid() == 0 else None
    data = Path(tempfile.mkdtemp(prefix="fc-pg-"))
    sockets.mkdir(parents=True, exist_ok=True)
    if user is not None:
        for folder in (data, sockets):
            os.chown(folder, user, -1)
    try:
        _initdb(binaries, data=data, user=user)
        with _serving(binaries, data=data, sockets=sockets, user=user):
            yield
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _initdb(binaries: Path, *, data: Path, user: int | None) -> None:
    options = f"-U {POSTGRES_USER} -A trust -E UTF8 -N --locale=C".split()
    command = [str(binaries / "initdb"), "-D", str(data), *options]
    subprocess.run(command, check=True, user=user, cwd=data, stdout=subprocess.DEVNULL)


@contextmanager
def _serving(binaries: Path, *, data: Path, sockets: Path, user: int | None) -> Iterator[None]:
    options = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")
    settings = [part for option in options for part in ("-c", option)]
    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(sockets), *settings]
    with (data / "server.log").open("wb") as log:
        server = subprocess.Popen(command, user=user, cwd=data, stdout=log, stderr=log)
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(sockets)]
    try:
        wait_until(
            lambda: subprocess.run(ready, check=False).returncode == 0,
            limit_s=START_LIMIT_S,
            what="answer of the private PostgreSQL",
        )
        yield
    finally:
        server.send_signal(
            signal.SIGINT
        )  # PostgreSQL's fast stop: it does not wait for forgotten connections
        server.wait(timeout=START_LIMIT_S)


if __name__ == "__main__":
    sys.exit(find_postgres() is None)
