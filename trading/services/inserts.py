"""Inserts many rows of one model by statements that are put together once.

Used by services.entries and services.submit under the account's lock, where the bulk_create of Django takes
longest to write out what is the same at every turn. It calls no `save`, no signal and no validation either.

Rows leave in batches of 16, 8, 4, 2 and 1: a statement for each number of rows would be another one to put
together, and to keep in each connection, every time that a new number occurs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model

LARGEST_BATCH = 16


def insert_all(rows: Sequence[Model]) -> None:
    """Insert new rows of one model, all columns, and give each its id.

    Raises:
        IntegrityError: A constraint refuses one of them; the caller's transaction is over.
    """
    if not rows:
        return
    model = type(rows[0])
    connection = connections[DEFAULT_DB_ALIAS]
    fields = _columns(model)
    with connection.cursor() as cursor:
        for batch in _batches(rows, most=connection.ops.bulk_batch_size(fields, rows)):
            values = [
                field.get_db_prep_save(field.pre_save(row, add=True), connection)
                for row in batch
                for field in fields
            ]
            cursor.execute(_statement(model, len(batch)), values)
            for row, (pk,) in zip(batch, cursor.fetchall(), strict=True):
                row.pk, row._state.adding, row._state.db = pk, False, DEFAULT_DB_ALIAS


def _batches(rows: Sequence[Model], *, most: int) -> Iterator[Sequence[Model]]:
    """Cut rows into batches of a power of two, of at most `most` rows each."""
    begin, size = 0, LARGEST_BATCH
    while begin < len(rows):
        while size > min(most, len(rows) - begin):
            size //= 2
        yield rows[begin : begin + size]
        begin += size


@functools.cache
def _columns(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@functools.cache
def _statement(model: type[Model], count: int) -> str:
    quoted = connections[DEFAULT_DB_ALIAS].ops.quote_name
    columns = [quoted(str(field.column)) for field in _columns(model)]
    row = f"({', '.join(['%s'] * len(columns))})"
    key = quoted(str(model._meta.pk.column))
    return (  # names of our own tables and columns; every value is an argument
        f"INSERT INTO {quoted(model._meta.db_table)} ({', '.join(columns)}) "  # noqa: S608 -- as said
        f"VALUES {', '.join([row] * count)} RETURNING {key}"
    )
