"""Samples read for sums: every figure that was known, and nothing that was not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from monitoring.models import HealthSample
from monitoring.sample_rows import CHUNK, read_samples

pytestmark = pytest.mark.django_db


def _write(at: datetime, **figures: list[float]) -> None:
    HealthSample.objects.create(
        at=at, span_s=10, rounds=9, seen_s=9.5, up_s=9.0, score_min=70, score_mean=80.5, figures=figures
    )


def test_a_row_tells_the_mean_and_the_most_of_what_was_known(now: datetime) -> None:
    _write(now, latency_ms=[1.0, 2.0, 4.0])
    _write(now + timedelta(seconds=10), memory_mb=[200.0, 201.0, 202.0], latency_ms=[3.0, 5.0, 6.0])

    first, second = read_samples(since=now)

    assert (first.mean("latency_ms"), first.most("latency_ms")) == (2.0, 4.0)
    assert (first.mean("memory_mb"), first.most("memory_mb")) == (None, None)
    assert (second.most("latency_ms"), second.most("memory_mb")) == (6.0, 202.0)
    assert (first.at, first.rounds, first.seen_s, first.up_s) == (now, 9, 9.5, 9.0)
    assert (first.score_min, first.score_mean, dict(first.losses)) == (70, 80.5, {})


def test_a_span_is_read_whole_in_order_and_without_its_end(now: datetime) -> None:
    count = CHUNK + 3
    for number in reversed(range(count)):
        _write(now + timedelta(seconds=10 * number), queue_lag_s=[0.0, 0.0, float(number)])

    rows = read_samples(since=now, until=now + timedelta(seconds=10 * (count - 1)))

    assert [row.most("queue_lag_s") for row in rows] == [float(number) for number in range(count - 1)]
