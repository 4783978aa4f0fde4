"""`backup` and `restore`: one moment of everything, on either database, all of it or nothing."""

import contextlib
import copy
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.conftest import ON_POSTGRES
from tests.support.desk import Scene
from tests.support.servers import find_postgres, run_postgres
from tests.support.trading import a_worker, turn
from trading.management.backup import archive, databases, making, restoring, tables
from trading.management.backup.archive import UnusableBackup
from trading.models import FillRow, JournalEntry, Order, Trade, TradingControl
from trading.services import blacklist

OTHER = "other"
NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("always")


@pytest.fixture
def traded(site: Scene) -> Scene:
    """A desk with a trade, its orders and fills, and text that no format may bend."""
    a_worker(site)
    turn(site)
    site.pump()
    blacklist.bar_symbol(
        "ETHUSDT",
        reason="X",
        note='=1+1;"\n\u2028ü',
        actor="a",
        now=site.clock(),
        evidence={"x": [1.5, None]},
    )
    return site


@contextlib.contextmanager
def _other_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give an empty database on the engine that the test does not run on."""
    values: dict[str, Any] = copy.deepcopy(connection.settings_dict)
    if ON_POSTGRES:
        values |= {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "x.sqlite3"), "OPTIONS": {}}
        values["CONN_HEALTH_CHECKS"] = False
        with databases.open_database(OTHER, values):
            yield OTHER
        return
    # Where SQLite is the database, the settings keep the other driver from being loaded.
    for name in ("psycopg", "psycopg2"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    if find_postgres() is None:
        pytest.skip("PostgreSQL's server programs are not on this machine")
    folder.chmod(0o755)  # the server may run as another user
    with run_postgres(folder / "pg"):
        engine = "django.db.backends.postgresql"
        values |= {"ENGINE": engine, "NAME": "postgres", "USER": "postgres", "HOST": str(folder / "pg")}
        with databases.open_database(OTHER, {**values, "OPTIONS": {}}):
            yield OTHER


def _make(folder: Path) -> Path:
    return Path(making.make_backup(folder, keep=7, now=NOON).file)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(prefix="fc-b-") as name:
        yield Path(name)


def test_a_backup_is_whole_on_the_other_engine(
    traded: Scene, tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _make(tmp_path)

    with _other_engine(short_folder, monkeypatch) as alias:
        restoring.restore(file, alias=alias)

        for model in (Trade, Order, FillRow, JournalEntry):
            ours = list(model._base_manager.order_by("pk").values())
            theirs = list(model._base_manager.using(alias).order_by("pk").values())
            assert ours == theirs
        # A new row is numbered after the restored ones.
        newest = JournalEntry.objects.using(alias).create(at=NOON, actor="a", action="b", subject="c")
        assert newest.pk > max(JournalEntry.objects.values_list("pk", flat=True))
        with pytest.raises(UnusableBackup, match="not empty"):
            restoring.restore(file, alias=alias)


def test_writers_go_on_while_a_backup_sees_one_moment(traded: Scene) -> None:
    before = JournalEntry.objects.count()

    with databases.open_snapshot() as alias:
        JournalEntry.objects.create(at=NOON, actor="a", action="b", subject="c")
        seen = JournalEntry.objects.using(alias).count()

    assert (seen, JournalEntry.objects.count()) == (before, before + 1)


def test_a_damaged_backup_restores_nothing(traded: Scene, tmp_path: Path) -> None:
    file = _make(tmp_path)
    with zipfile.ZipFile(file) as source:
        members = {name: source.read(name) for name in source.namelist()}
    journal = archive.member_of("trading.journalentry")
    members[journal] = members[journal].replace(b"worker.created", b"worker.CREATED")
    bent = tmp_path / "bent.zip"
    with zipfile.ZipFile(bent, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)

    with databases.open_scratch(tmp_path) as alias:
        with pytest.raises(UnusableBackup, match="not what the manifest says"):
            restoring.restore(bent, alias=alias, prepare=restoring.make_tables)
        assert tables.find_rows(alias=alias) is None


def test_a_backup_that_was_cut_off_is_named(traded: Scene, tmp_path: Path) -> None:
    file = _make(tmp_path)
    file.write_bytes(file.read_bytes()[:-200])

    with pytest.raises(CommandError, match=r"nothing was restored: .* cut off"):
        call_command("restore", str(file))


def test_a_backup_of_another_version_is_refused(traded: Scene, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        insert = "INSERT INTO django_migrations (app, name, applied) VALUES ('trading', '9999_later', %s)"
        cursor.execute(insert, [NOON])

    with pytest.raises(CommandError, match=r"not usable and is removed: only the backup has .*9999_later"):
        call_command("backup", "--to", str(tmp_path))

    assert list(tmp_path.iterdir()) == []
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = '9999_later'")


def test_a_restore_into_a_used_database_is_refused(traded: Scene, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="the database is not empty"):
        call_command("restore", str(_make(tmp_path)))


def test_no_secret_is_in_a_backup_and_each_is_named(
    traded: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "planted-secret")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:planted-secret@host/name")

    made = making.make_backup(tmp_path, keep=7, now=NOON)

    with zipfile.ZipFile(made.file) as file:
        assert not any(b"planted-secret" in file.read(name) for name in file.namelist())
    assert {"BINANCE_API_SECRET", "DATABASE_URL"} <= set(made.secrets_apart)
    assert Path(made.file).stat().st_mode & 0o077 == 0


def test_the_newest_stay_and_foreign_files_are_left_alone(
    traded: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.zip").write_text("x")
    for _ in range(3):
        call_command("backup", "--to", str(tmp_path), "--keep", "2", "--json")
    made = json.loads(capsys.readouterr().out.splitlines()[-1])

    left = {path.name for path in tmp_path.iterdir()}
    assert len(made["removed"]) == 1
    assert len(left) == 3
    assert {"mine.zip", Path(made["file"]).name} <= left


def test_a_restored_database_is_whole_and_halted(
    traded: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, trades = _make(tmp_path), list(Trade.objects.values())
    call_command("flush", interactive=False)

    call_command("restore", str(file), "--json")

    assert json.loads(capsys.readouterr().out)["trading_state"] == "HALTED"
    control = TradingControl.objects.get()
    assert (control.state, control.changed_by) == ("HALTED", "restore")
    assert list(Trade.objects.values()) == trades
