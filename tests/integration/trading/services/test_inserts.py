"""Rows that are inserted together: all of them, in order, by few statements."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from trading.models import ReconcileRun
from trading.services.inserts import insert_all

pytestmark = pytest.mark.django_db


def _runs(count: int, *, now: datetime) -> list[ReconcileRun]:
    return [
        ReconcileRun(at=now, reason="test", took_ms=number, resolved=0, fills_added=0, unknown_orders=0)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "statements"), [(0, 0), (1, 1), (2, 1), (7, 3), (16, 1), (20, 2), (37, 4), (64, 4)]
)
def test_rows_keep_their_order_and_get_their_ids(
    django_assert_num_queries: DjangoAssertNumQueries, now: datetime, count: int, statements: int
) -> None:
    rows = _runs(count, now=now)

    with django_assert_num_queries(statements):
        insert_all(rows)

    stored = ReconcileRun.objects.order_by("pk").values_list("pk", "took_ms")
    assert list(stored) == [(row.pk, number) for number, row in enumerate(rows)]


def test_few_statements_serve_all_numbers_of_rows(now: datetime) -> None:
    with CaptureQueriesContext(connection) as asked:
        for count in range(1, 41):
            insert_all(_runs(count, now=now))

    assert {str(query["sql"]).count("'test'") for query in asked.captured_queries} == {1, 2, 4, 8, 16}
