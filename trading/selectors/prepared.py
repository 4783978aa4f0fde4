"""Questions without arguments that every turn asks: put together once a connection, then only executed.

Django takes longer to put a short statement together than a database takes to answer it, and a turn asks half
a dozen of them, most of them under the account's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row")


class _Statement(NamedTuple):
    """A question as one connection's database reads it."""

    connection: BaseDatabaseWrapper
    compiler: SQLCompiler
    text: str
    parameters: tuple[Any, ...]
    converters: dict[int, Any]


class Prepared(threading.local, Generic[Row]):
    """A question and its statement, which each thread keeps for its own connection.

    Args:
        ask: Gives the question, with `values_list` of what is wanted.
        row: Makes a row of one answer's values.
    """

    def __init__(self, ask: Callable[[], QuerySet[Any, Any]], row: Callable[..., Row]) -> None:
        self._ask = ask
        self._row = row
        self._statement: _Statement | None = None

    def rows(self) -> list[Row]:
        """Ask, and give the rows of the answer."""
        wrapper = connections[DEFAULT_DB_ALIAS]
        if self._statement is None or self._statement.connection is not wrapper:
            self._statement = _prepare(self._ask(), wrapper)
        _, compiler, text, parameters, converters = self._statement
        with wrapper.cursor() as cursor:
            cursor.execute(text, parameters)
            answers = cursor.fetchall()
        if converters:
            answers = compiler.apply_converters(answers, converters)
        return [self._row(*answer) for answer in answers]


def _prepare(question: QuerySet[Any, Any], wrapper: BaseDatabaseWrapper) -> _Statement:
    compiler = question.query.get_compiler(connection=wrapper)
    text, parameters = compiler.as_sql()
    fields = [expression for expression, _, _ in compiler.select]
    return _Statement(wrapper, compiler, text, tuple(parameters), compiler.get_converters(fields))
