"""The machine's side: settings, variables, installed versions, disk, secret files, static files.

Called by the doctor command. No network; it reads only.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core import checks
from packaging.requirements import Requirement

from trading.management.doctor.findings import Area, Finding

LEAST_FREE = 500 * 1024 * 1024
COMFORTABLE_FREE = 5 * 1024 * 1024 * 1024
# Variables that begin like ours and that nobody reads are spelled wrong, as a rule.
OUR_VARIABLE = re.compile(r"^(FASTCYCLE|VENUE|BINANCE)(_|$)")
NAMED_IN_EXAMPLE = re.compile(r"^#?\s?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Read by the settings module before any other, or by the tests' own settings; not for an operator's .env.
ALSO_KNOWN = frozenset({"FASTCYCLE_ENV_FILE"})
PINNED = re.compile(r"^[A-Za-z0-9][^\s#]*==.*", re.MULTILINE)
SHOWN = 3


def check_settings() -> Iterator[Finding]:
    """Run Django's and our start-up checks."""
    area = Area("settings")
    messages = [message for message in checks.run_checks() if not message.is_silenced()]
    for message in messages:
        make = area.fail if message.level >= checks.ERROR else area.warn
        yield make(f"{message.id}: {message.msg}", message.hint or "see the id in Django's documentation")
    if not messages:
        yield area.ok("all start-up checks pass")


def check_variables() -> Iterator[Finding]:
    """Name variables that look like ours and are read by nobody."""
    area = Area("environment")
    example = settings.BASE_DIR / ".env.example"
    known = set(NAMED_IN_EXAMPLE.findall(example.read_text(encoding="utf-8"))) | ALSO_KNOWN
    known |= {f"{name}_FILE" for name in known}
    present = sorted(name for name in os.environ if name in known)
    strange = sorted(name for name in os.environ if OUR_VARIABLE.match(name) and name not in known)
    yield area.ok(f"venue {settings.VENUE.name}; set: {', '.join(present) or 'nothing, all defaults'}")
    if strange:
        yield area.warn(f"nobody reads {', '.join(strange)}", "correct the name; .env.example lists all")


def check_versions() -> Iterator[Finding]:
    """Compare what is installed with what is locked."""
    area = Area("versions")
    lock = settings.BASE_DIR / "requirements.txt"
    wrong, count = [], 0
    for line in PINNED.findall(lock.read_text(encoding="utf-8")):
        wanted = Requirement(line.rstrip(" \\"))
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        count += 1
        found = _installed(wanted.name)
        if found is None or found not in wanted.specifier:
            wrong.append(f"{wanted.name} {found or 'missing'}, locked {wanted.specifier}")
    python = ".".join(map(str, sys.version_info[:3]))
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        yield area.fail(
            f"not as locked: {'; '.join(wrong[:SHOWN])}{more}",
            "python -m pip install --require-hashes -r requirements.txt",
        )
    else:
        yield area.ok(f"Python {python}, {count} packages as locked")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_disk() -> Iterator[Finding]:
    """Look at the room left where everything is written."""
    area = Area("disk")
    usage = shutil.disk_usage(settings.FASTCYCLE_HOME)
    told = f"{usage.free / 1024**3:.1f} GiB free of {usage.total / 1024**3:.1f} at {settings.FASTCYCLE_HOME}"
    if not os.access(settings.FASTCYCLE_HOME, os.W_OK | os.X_OK):
        yield area.fail(f"{settings.FASTCYCLE_HOME} cannot be written", "give the folder to this user")
    elif usage.free < LEAST_FREE:
        yield area.fail(told, "make room: a full disk stops the ledger")
    elif usage.free < COMFORTABLE_FREE:
        yield area.warn(told, "make room, or move FASTCYCLE_HOME")
    else:
        yield area.ok(told)


def check_secret_files() -> Iterator[Finding]:
    """Look who may read the files that hold secrets."""
    area = Area("secrets")
    readable = [path for path in settings.SECRET_FILES if path.stat().st_mode & 0o077]
    for path in readable:
        mode = path.stat().st_mode & 0o777
        yield area.warn(f"others may use {path} (mode {mode:o})", f"chmod 600 {path}")
    if not readable:
        yield area.ok(f"{len(settings.SECRET_FILES)} secret files, readable by their owner alone")


def check_static_files() -> Iterator[Finding]:
    """Compare the collected files of pages with those that came with the program."""
    area = Area("static")
    stale: list[str] = []
    seen: set[str] = set()
    for finder in get_finders():
        for path, storage in finder.list([]):
            name = str(Path(getattr(storage, "prefix", None) or "", path))
            if name in seen:  # the first of a name is the one that is collected
                continue
            seen.add(name)
            collected = Path(settings.STATIC_ROOT) / name
            if not collected.is_file() or collected.stat().st_size != storage.size(path):
                stale.append(name)
    if stale:
        yield area.fail(
            f"{len(stale)} of {len(seen)} files of pages are missing or old, say {stale[0]}",
            "manage.py collectstatic --noinput (manage.py up does it at every start)",
        )
    else:
        yield area.ok(f"{len(seen)} files of pages are in {settings.STATIC_ROOT}")
