"""The file of a backup: a ZIP with a manifest, the open part of the configuration, and one member a table.

Written whole or not at all, readable by its owner alone. Every member's checksum stands in the manifest and
is compared while the member is read. Used by the modules beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

FORMAT = 1
MANIFEST = "manifest.json"
CONFIGURATION = "configuration.json"
FILE_MODE = 0o600
LEVEL = 3  # of nine: the size of six at half the time


class UnusableBackup(ValueError):
    """The file is no backup of ours, is damaged, or does not fit; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class Table:
    """One member: which model, its columns, how many rows, and the checksum of its lines."""

    model: str
    columns: list[str]
    rows: int
    sha256: str

    @property
    def member(self) -> str:
        """Name of the member in the file."""
        return member_of(self.model)


def member_of(model: str) -> str:
    """Give the name of a table's member."""
    return f"tables/{model}.jsonl"


@contextmanager
def create(path: Path) -> Iterator[zipfile.ZipFile]:
    """Give a file to write into; it takes its name when all is written, and is gone where something broke."""
    draft = path.with_suffix(".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_table(archive: zipfile.ZipFile, model: str, columns: list[str], lines: Iterable[bytes]) -> Table:
    """Write one table and give what the manifest says of it."""
    digest, rows = hashlib.sha256(), 0
    with archive.open(member_of(model), "w", force_zip64=True) as member:
        for line in lines:
            digest.update(line)
            member.write(line)
            rows += 1
    return Table(model, columns, rows, digest.hexdigest())


def write_json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    """Write a small member."""
    archive.writestr(name, json.dumps(value, indent=1, sort_keys=True))


class Backup:
    """A backup that is read. Raises UnusableBackup, also while lines are read."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.manifest = self._read_json(MANIFEST)
        if self.manifest.get("format") != FORMAT:
            raise UnusableBackup(f"the backup's format is {self.manifest.get('format')}, not {FORMAT}")
        self.tables = {each["model"]: Table(**each) for each in self.manifest["tables"]}

    def lines(self, table: Table) -> Iterator[bytes]:
        """Give the lines of a table and demand its count and checksum at the end."""
        digest, rows = hashlib.sha256(), 0
        try:
            with self._archive.open(table.member) as member:
                for line in _lines(member):
                    digest.update(line)
                    rows += 1
                    yield line
        except (KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise UnusableBackup(f"{table.member} is damaged: {error}") from error
        if rows != table.rows or digest.hexdigest() != table.sha256:
            raise UnusableBackup(f"{table.member} is not what the manifest says")

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self._archive.read(name))
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UnusableBackup(f"the file has no usable {name}") from error
        if not isinstance(value, dict):
            raise UnusableBackup(f"{name} is no object")
        return value


def _lines(member: IO[bytes]) -> Iterator[bytes]:
    return iter(member)


@contextmanager
def open_backup(path: Path) -> Iterator[Backup]:
    """Give a backup to read. Raises UnusableBackup."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no ZIP, or was cut off"
        raise UnusableBackup(f"{path} cannot be read: {reason}") from error
    with archive:
        yield Backup(archive)
