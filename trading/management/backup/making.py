"""Makes a backup, proves it by restoring it, and forgets the oldest. Called by the backup command."""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connections

from trading.management.backup import archive, databases, tables
from trading.management.backup.restoring import make_tables, restore

FOLDER_MODE = 0o700
NAME = re.compile(r"fast-cycle-\d{8}T\d{6}Z(-\d+)?\.zip")
# Variables whose values may be written down; every other one counts as a secret, and only its name is.
OPEN_VARIABLES = (
    "FASTCYCLE_HOME",
    "FASTCYCLE_LIVE",
    "PORT",
    "HOST",
    "BEHIND_TLS",
    "ALLOWED_HOSTS",
    "TRUSTED_ORIGINS",
    "VENUE",
    "VENUE_REST_URL",
    "VENUE_STREAM_URL",
    "VENUE_WS_API_URL",
    "LOG_LEVEL",
)
NAMED_IN_EXAMPLE = re.compile(r"^#?\s?([A-Z][A-Z0-9_]+)=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made."""

    file: str
    size_bytes: int
    rows: int
    took_s: float
    verified_s: float
    secrets_apart: list[str]
    removed: list[str]


def make_backup(folder: Path, *, keep: int, now: datetime) -> Made:
    """Write everything as of this moment into a new file in `folder`, prove it, keep the newest `keep`.

    Raises:
        UnusableBackup, DiffersFromBackup: What was written cannot be restored; the file is gone.
        OSError: The folder cannot be written.
    """
    began_s = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    path = _free_name(folder, now)
    rows = _write(path, now=now)
    took_s = time.monotonic() - began_s
    try:
        _prove(path, folder)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    verified_s = time.monotonic() - began_s - took_s
    return Made(
        file=str(path),
        size_bytes=path.stat().st_size,
        rows=rows,
        took_s=round(took_s, 2),
        verified_s=round(verified_s, 2),
        secrets_apart=_secrets(),
        removed=_forget_oldest(folder, keep=keep),
    )


def _free_name(folder: Path, now: datetime) -> Path:
    stem = f"fast-cycle-{now:%Y%m%dT%H%M%SZ}"
    names = (f"{stem}.zip", *(f"{stem}-{number}.zip" for number in range(2, 100)))
    return next(folder / name for name in names if not (folder / name).exists())


def _write(path: Path, *, now: datetime) -> int:
    with archive.create(path) as file, databases.open_snapshot() as alias:
        written = [
            archive.write_table(
                file,
                model._meta.label_lower,
                tables.columns(model),
                map(tables.to_line, tables.read_rows(model, alias=alias)),
            )
            for model in tables.list_tables()
        ]
        archive.write_json(file, archive.CONFIGURATION, _configuration())
        manifest = {
            "format": archive.FORMAT,
            "made_at": now.isoformat(),
            "venue": settings.VENUE.name,
            "database": connections[alias].vendor,
            "migrations": databases.applied_migrations(alias),
            "secrets_apart": _secrets(),
            "tables": [asdict(table) for table in written],
        }
        archive.write_json(file, archive.MANIFEST, manifest)
    return sum(table.rows for table in written)


def _configuration() -> dict[str, str]:
    return {name: os.environ[name] for name in OPEN_VARIABLES if os.environ.get(name)}


def _secrets() -> list[str]:
    """Name what has to be carried to a new machine by hand: variables that are set, and files."""
    example = (settings.BASE_DIR / ".env.example").read_text(encoding="utf-8")
    known = {word for name in NAMED_IN_EXAMPLE.findall(example) for word in (name, f"{name}_FILE")}
    variables = sorted(name for name in os.environ if name in known and name not in OPEN_VARIABLES)
    return [*variables, *(str(path) for path in settings.SECRET_FILES)]


def _prove(path: Path, folder: Path) -> None:
    """Restore the file into a scratch database, row by row compared."""
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".scratch-") as scratch,
        databases.open_scratch(Path(scratch)) as alias,
    ):
        restore(path, alias=alias, prepare=make_tables)


def _forget_oldest(folder: Path, *, keep: int) -> list[str]:
    files = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    removed = files[:-keep]
    for path in removed:
        path.unlink()
    return [str(path) for path in removed]
