"""How long monitoring keeps what: samples get coarser with age, old rows go. Every table here is bounded.

| what | kept |
|---|---|
| samples of 10 s | 48 hours |
| samples of a minute | 30 days |
| samples of an hour | 400 days |
| alerts that are over, deliveries | 400 days |
| reports: hourly, daily, weekly | 30, 400, 1200 days |
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction

from monitoring.models import Alert, Delivery, HealthSample, Report
from monitoring.sampling import SPAN_S, merge, span_begin

MINUTE_S, HOUR_S = 60, 3600
KEPT = {SPAN_S: timedelta(hours=48), MINUTE_S: timedelta(days=30), HOUR_S: timedelta(days=400)}
COARSER = {SPAN_S: MINUTE_S, MINUTE_S: HOUR_S}
REPORTS_KEPT = {"HOURLY": timedelta(days=30), "DAILY": timedelta(days=400), "WEEKLY": timedelta(days=1200)}
ALERTS_KEPT = timedelta(days=400)
# What the policy comes to, with a day of slack for a thinning that did not run.
ALLOWED_ROWS = int(
    sum((kept + timedelta(days=1)).total_seconds() / span_s for span_s, kept in KEPT.items())
    + 31 * 24 + 401 + 1201 / 7
)  # fmt: skip
# A sample in memory takes some 6 KB. At least two spans, since the last one waits for the next piece.
ROWS_AT_ONCE = 600


def thin(*, now: datetime) -> int:
    """Make what is old coarser and drop what is too old; give the rows that went. Safe to run twice."""
    gone = 0
    for span_s, coarser_s in COARSER.items():
        # Whole coarser spans only, so that none is made in two parts.
        until = span_begin(now - KEPT[span_s], coarser_s)
        gone += _coarsen(span_s, coarser_s, until=until)
    gone += HealthSample.objects.filter(span_s=HOUR_S, at__lt=now - KEPT[HOUR_S]).delete()[0]
    for kind, kept in REPORTS_KEPT.items():
        gone += Report.objects.filter(kind=kind, begins_at__lt=now - kept).delete()[0]
    gone += Delivery.objects.filter(made_at__lt=now - ALERTS_KEPT).delete()[0]
    gone += Alert.objects.filter(resolved_at__lt=now - ALERTS_KEPT).delete()[0]
    return gone


def kept_rows() -> int:
    """Count the rows that the policy bounds."""
    return HealthSample.objects.count() + Report.objects.count()


def _coarsen(span_s: int, coarser_s: int, *, until: datetime) -> int:
    gone = 0
    while True:
        rows = list(
            HealthSample.objects.filter(span_s=span_s, at__lt=until).order_by("at")[: ROWS_AT_ONCE + 1]
        )
        if not rows:
            return gone
        is_more = len(rows) > ROWS_AT_ONCE
        spans = list(_spans(rows, coarser_s))
        # The last span may go on beyond what was read; it waits for the next piece.
        gone += _replace(spans[:-1] if is_more else spans, coarser_s)


def _spans(rows: list[HealthSample], span_s: int) -> Iterator[tuple[datetime, list[HealthSample]]]:
    for begin, members in groupby(rows, key=lambda row: span_begin(row.at, span_s)):
        yield begin, list(members)


def _replace(spans: list[tuple[datetime, list[HealthSample]]], span_s: int) -> int:
    made = [merge(members, at=begin, span_s=span_s) for begin, members in spans]
    old = [row.pk for _, members in spans for row in members]
    with transaction.atomic():
        # A span that another run has made already is left as it is.
        HealthSample.objects.bulk_create(made, ignore_conflicts=True)
        HealthSample.objects.filter(pk__in=old).delete()
    return len(old) - len(made)
