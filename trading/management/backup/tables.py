"""Which tables a backup holds, and how a row becomes a line and a line a row. Used by the modules beside it.

A line is a JSON array in the order of the columns: numbers of the ledger and moments as text, exact on both
databases. Read and written in chunks, so that a million trades need no more memory than a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson
from django.apps import apps
from django.db import connections
from django.db.models import Field, Model

from trading.models.fields import FigureField

CHUNK = 2000
# A session is a key to the site: it stays behind, and everybody logs in again.
LEFT_OUT = frozenset({"sessions.session"})
# What every new database is given by its migrations; a restore puts the backup's rows in their place.
SEEDED = frozenset({"contenttypes.contenttype", "auth.permission", "auth.group", "auth.group_permissions"})
# SQLite keeps conclusions as floating numbers of 15 digits; facts are exact everywhere.
FIGURE_TOLERANCE = 1e-14

Row = Sequence[Any]


class DiffersFromBackup(ValueError):
    """A row in the database is not the one in the file."""


def list_tables() -> list[type[Model]]:
    """Give the models of all tables of a backup, in a fixed order."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.label_lower not in LEFT_OUT
    ]
    return sorted(found, key=lambda model: model._meta.label_lower)


def columns(model: type[Model]) -> list[str]:
    """Give the names of a table's columns in the order of a line."""
    return [field.attname for field in model._meta.concrete_fields]


def read_rows(model: type[Model], *, alias: str) -> Iterator[Row]:
    """Give all rows by their key, without holding them."""
    rows = model._base_manager.using(alias).order_by("pk").values_list(*columns(model))
    return iter(rows.iterator(chunk_size=CHUNK))


def to_line(row: Row) -> bytes:
    """Write a row."""
    return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)


def insert_rows(model: type[Model], lines: Iterable[bytes], *, alias: str) -> int:
    """Write lines into the table and give how many; the keys stay what they were."""
    connection = connections[alias]
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join("%s" for _ in fields)
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608 -- names of our own tables
    count, remaining = 0, iter(lines)
    with connection.cursor() as cursor:
        while chunk := list(islice(remaining, CHUNK)):
            cursor.executemany(statement, [_prepare(fields, line, connection) for line in chunk])
            count += len(chunk)
    return count


def _prepare(fields: Sequence[Field[Any, Any]], line: bytes, connection: Any) -> list[Any]:
    values = orjson.loads(line)
    return [
        None if value is None else field.get_db_prep_save(field.to_python(value), connection)
        for field, value in zip(fields, values, strict=True)
    ]


def demand_equal(model: type[Model], lines: Iterable[bytes], *, alias: str) -> None:
    """Compare every row of the table with its line.

    Raises:
        DiffersFromBackup: A row is missing, one too many, or differs; the text names table and column.
    """
    rows = read_rows(model, alias=alias)
    for line in lines:
        row = next(rows, None)
        if row is None:
            raise DiffersFromBackup(f"{model._meta.label} lacks {line[:60]!r}")
        if to_line(row) != line:
            _demand_equal_values(model, orjson.loads(line), row)
    if next(rows, None) is not None:
        raise DiffersFromBackup(f"{model._meta.label} holds more rows than the backup")


def _demand_equal_values(model: type[Model], wanted: Row, row: Row) -> None:
    for field, text, value in zip(model._meta.concrete_fields, wanted, row, strict=True):
        expected = None if text is None else field.to_python(text)
        if expected == value or (isinstance(field, FigureField) and _is_close(expected, value)):
            continue
        raise DiffersFromBackup(f"{model._meta.label} {row[0]}: {field.attname} differs from the backup")


def _is_close(expected: Decimal | None, value: Decimal | None) -> bool:
    if expected is None or value is None:
        return False
    return math.isclose(expected, value, rel_tol=FIGURE_TOLERANCE)


def find_rows(*, alias: str) -> str | None:
    """Name the first table that holds something of its own; None where the database is new."""
    present = set(connections[alias].introspection.table_names())
    for model in list_tables():
        if model._meta.label_lower in SEEDED or model._meta.db_table not in present:
            continue
        if model._base_manager.using(alias).exists():
            return model._meta.label
    return None
