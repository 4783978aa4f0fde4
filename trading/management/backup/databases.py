"""Extra connections that a backup needs: a view of the database that stands still, and a scratch database."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

SNAPSHOT = "snapshot"
SCRATCH = "scratch"


@contextmanager
def open_snapshot() -> Iterator[str]:
    """Give the alias of a connection that sees one moment of the database, while others go on writing."""
    values = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    if values["ENGINE"].endswith("sqlite3"):
        # Everybody else begins as a writer; a backup must not keep one from its work.
        values["OPTIONS"] = {**values["OPTIONS"], "transaction_mode": "DEFERRED"}
    with open_database(SNAPSHOT, values), transaction.atomic(using=SNAPSHOT):
        with connections[SNAPSHOT].cursor() as cursor:
            if connections[SNAPSHOT].vendor == "postgresql":
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The moment is that of the first question.
            cursor.execute("SELECT COUNT(*) FROM django_migrations")
        yield SNAPSHOT


@contextmanager
def open_scratch(folder: Path) -> Iterator[str]:
    """Give the alias of an empty SQLite database in `folder`; it keeps nothing through a power cut."""
    values = copy.deepcopy(connections[DEFAULT_DB_ALIAS].settings_dict)
    values |= {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "scratch.sqlite3"),
        "OPTIONS": {"init_command": "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"},
        "CONN_HEALTH_CHECKS": False,
    }
    with open_database(SCRATCH, values):
        yield SCRATCH


@contextmanager
def open_database(alias: str, values: dict[str, Any]) -> Iterator[None]:
    """Let this process know one more database until the block ends."""
    connections.settings[alias] = values
    try:
        with connections[alias].wrap_database_errors:
            connections[alias].connect()
        yield
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def applied_migrations(alias: str) -> list[str]:
    """Give the names of all migrations that a database has, sorted."""
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)
