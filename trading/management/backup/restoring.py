"""Restores a backup into an empty database: everything or nothing, every row compared. Either database.

Called by the restore command, and by every backup to prove itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader

from trading.management.backup import tables
from trading.management.backup.archive import Backup, Table, UnusableBackup, open_backup


def migrate(alias: str) -> None:
    """Give a database the tables of this version."""
    call_command("migrate", database=alias, interactive=False, verbosity=0)


def make_tables(alias: str) -> None:
    """Give a scratch database the same tables at once, without the way there."""
    with connections[alias].schema_editor() as editor:
        for model in tables.list_tables():
            if not model._meta.auto_created:  # those come with their models
                editor.create_model(model)


def restore(
    path: Path,
    *,
    alias: str,
    prepare: Callable[[str], None] = migrate,
    finish: Callable[[], object] = lambda: None,
) -> int:
    """Bring the backup into the empty database `alias` in one transaction and give how many rows.

    Args:
        prepare: Makes the tables.
        finish: Runs at the end of the same transaction, say to halt trading.

    Raises:
        UnusableBackup: The file is damaged, of another version, or the database is not empty.
        DiffersFromBackup: What was written is not what is read back.
    """
    with open_backup(path) as backup:
        _demand_same_version(backup)
        demand_empty(alias)
        prepare(alias)
        with transaction.atomic(using=alias):
            demand_empty(alias)
            rows = _load(backup, alias)
            for model in tables.list_tables():
                tables.demand_equal(model, backup.lines(_table(backup, model)), alias=alias)
            _continue_numbers(alias)
            finish()
    return rows


def demand_empty(alias: str) -> None:
    """Refuse a database that holds anything. Raises UnusableBackup."""
    taken = tables.find_rows(alias=alias)
    if taken is not None:
        raise UnusableBackup(f"the database is not empty: {taken} holds rows; name a new one by DATABASE_URL")


def _demand_same_version(backup: Backup) -> None:
    theirs = set(backup.manifest["migrations"])
    loader = MigrationLoader(None)
    unknown = theirs - {f"{app}.{name}" for app, name in loader.disk_migrations}
    missing = {f"{app}.{name}" for app, name in loader.graph.leaf_nodes()} - theirs
    for names, side in ((unknown, "the backup"), (missing, "this program")):
        if names:
            raise UnusableBackup(
                f"only {side} has the migration {min(names)}: restore with the version that made the backup, "
                "then upgrade"
            )


def _table(backup: Backup, model: type) -> Table:
    label = model._meta.label_lower  # type: ignore[attr-defined]  # every model has it
    if label not in backup.tables:
        raise UnusableBackup(f"the backup has no table {label}")
    table = backup.tables[label]
    if table.columns != tables.columns(model):
        raise UnusableBackup(f"the columns of {label} are not those of this program")
    return table


def _load(backup: Backup, alias: str) -> int:
    models = tables.list_tables()
    for model in models:
        if model._meta.label_lower in tables.SEEDED:
            # At once, and not by the collector: nothing refers to them yet.
            model._base_manager.using(alias).all()._raw_delete(alias)
    return sum(
        tables.insert_rows(model, backup.lines(_table(backup, model)), alias=alias) for model in models
    )


def _continue_numbers(alias: str) -> None:
    """Let new rows be numbered after the restored ones."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables.list_tables()):
            cursor.execute(statement)
