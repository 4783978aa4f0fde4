"""Reports of an hour, a day and a week: made by schedule, kept as rows, sent to the operator.

The hour tells health, errors, streams, positions; the day wins and their trend, symbols, alerts, resources;
the week strategies against each other, risk, and when room runs out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from monitoring import links
from monitoring.machine import slope
from monitoring.models import Alert, Delivery, Report
from monitoring.sample_rows import SampleRow, mean, most, read_samples
from monitoring.sampling import span_begin
from trading.domain.values import to_text
from trading.selectors import evidence, overview, trades
from trading.selectors.evidence import Outcome
from trading.selectors.instruments import missed_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPANS = {"HOURLY": HOUR, "DAILY": DAY, "WEEKLY": 7 * DAY}
# 1970-01-01 was a Thursday; weeks begin on Monday, 00:00 UTC.
MONDAY = timedelta(days=4)
DAY_S = 86_400.0


def last_span(kind: str, *, now: datetime) -> tuple[datetime, datetime]:
    """Give the newest hour, day or week (from Monday) that has ended."""
    span = SPANS[kind]
    shift = MONDAY if kind == "WEEKLY" else timedelta(0)
    ends_at = span_begin(now - shift, int(span.total_seconds())) + shift
    return ends_at - span, ends_at


def make(kind: str, *, now: datetime) -> Report | None:
    """Make the report of the newest span that has ended; None where it was made before."""
    begins_at, ends_at = last_span(kind, now=now)
    if Report.objects.filter(kind=kind, begins_at=begins_at).exists():
        return None
    content = CONTENTS[kind](begins_at, ends_at)
    try:
        with transaction.atomic():
            report = Report.objects.create(
                kind=kind, begins_at=begins_at, ends_at=ends_at, made_at=now, content=content
            )
            # The watch sends what waits here; "*" is every channel.
            Delivery.objects.create(
                key=f"report:{kind}:{begins_at:%Y-%m-%dT%H}",
                channel="*",
                level="REPORT",
                title=f"[{kind}] {begins_at:%Y-%m-%d %H:%M} UTC",
                body="\n\n".join([to_lines(report), *links.lines(links.report(report.pk))]),
                made_at=now,
            )
    except IntegrityError:
        return None  # another node made it just now
    return report


def to_lines(report: Report) -> str:
    """Give a report as text: a line a figure, a blank line between its parts."""
    parts = []
    for title, figures in report.content.items():
        lines = [f"{title.replace('_', ' ').capitalize()}:"]
        rows = figures if isinstance(figures, list) else [figures]
        lines += [
            ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in row.items())
            for row in rows
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _figures(row: Mapping[str, object]) -> Iterator[str]:
    for name, value in row.items():
        yield f"{name.replace('_', ' ')} {_shown(value)}"


def _shown(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _hourly(begins_at: datetime, ends_at: datetime) -> dict[str, Any]:
    samples = read_samples(since=begins_at, until=ends_at)
    return {
        "health": _health(samples),
        "errors": {
            "error_ratio": mean(samples, "error_ratio"),
            "exceptions": most(samples, "exceptions"),
            "processes_that_died": most(samples, "restarts"),
        },
        "websocket": {
            "feed_up": mean(samples, "feed_up"),
            "user_stream_up": mean(samples, "user_stream_up"),
            "oldest_price_s": most(samples, "price_age_s"),
        },
        "positions": {
            "open_now": len(trades.list_open()),
            "most_unprotected": most(samples, "unprotected"),
            **_outcome(evidence.outcome(since=begins_at, until=ends_at)),
        },
        "alerts": _alerts(begins_at, ends_at),
    }


def _daily(begins_at: datetime, ends_at: datetime) -> dict[str, Any]:
    samples = read_samples(since=begins_at, until=ends_at)
    day = evidence.outcome(since=begins_at, until=ends_at)
    before = evidence.outcome(since=begins_at - 7 * DAY, until=begins_at)
    return {
        "health": _health(samples),
        "wins": {**_outcome(day), "win_rate_of_7_days_before": before.win_rate},
        "symbols": [
            {"symbol": name, **_outcome(each)}
            for name, each in evidence.outcome_by("symbol", since=begins_at, until=ends_at).items()
        ],
        "blacklisted": [
            {
                "symbol": entry.symbol,
                "reason": entry.reason,
                "by": entry.created_by,
                "kept_from_being_made": str(missed_of(entry)),
            }
            for entry in evidence.blacklistings(since=begins_at)
        ],
        "alerts": _alerts(begins_at, ends_at),
        "resources": _resources(samples),
    }


def _weekly(begins_at: datetime, ends_at: datetime) -> dict[str, Any]:
    samples = read_samples(since=begins_at, until=ends_at)
    now = evidence.outcome_by("version__strategy", since=begins_at, until=ends_at)
    before = evidence.outcome_by("version__strategy", since=begins_at - 7 * DAY, until=begins_at)
    return {
        "health": _health(samples),
        "strategies": [
            {
                "strategy": name,
                **_outcome(each),
                "win_rate_of_week_before": before[name].win_rate if name in before else None,
            }
            for name, each in now.items()
        ],
        "risk": {
            "largest_drawdown": most(samples, "drawdown"),
            "figures": [dict(row) for row in overview.closed_figures(now=ends_at)],
        },
        "alerts": _alerts(begins_at, ends_at),
        "resources": _resources(samples),
        "capacity": _capacity(samples),
    }


CONTENTS = {"HOURLY": _hourly, "DAILY": _daily, "WEEKLY": _weekly}


def _health(samples: Sequence[SampleRow]) -> dict[str, Any]:
    rounds = sum(each.rounds for each in samples)
    lost: dict[str, int] = {}
    for each in samples:
        for code, points in each.losses.items():
            lost[code] = max(points, lost.get(code, 0))
    return {
        "mean": sum(each.score_mean * each.rounds for each in samples) / rounds if rounds else None,
        "lowest": min((each.score_min for each in samples), default=None),
        "watched_s": round(sum(each.seen_s for each in samples)),
        "up_s": round(sum(each.up_s for each in samples)),
        "lost_to": ", ".join(f"{code} {points}" for code, points in sorted(lost.items())) or "nothing",
    }


def _outcome(found: Outcome) -> dict[str, Any]:
    figures = asdict(found)
    return {**figures, "pnl": to_text(found.pnl)}


def _alerts(begins_at: datetime, ends_at: datetime) -> dict[str, Any]:
    rows = Alert.objects.filter(opened_at__gte=begins_at, opened_at__lt=ends_at)
    named = ", ".join(sorted({str(row) for row in rows})) or "none"
    return {"opened": len(rows), "open_now": Alert.objects.filter(resolved_at=None).count(), "which": named}


def _resources(samples: Sequence[SampleRow]) -> dict[str, Any]:
    return {
        "memory_mb": mean(samples, "memory_mb"),
        "most_memory_mb": most(samples, "memory_mb"),
        "requests_1m": mean(samples, "requests_1m"),
        "most_weight_used": most(samples, "weight_ratio"),
        "longest_queue_lag_s": most(samples, "queue_lag_s"),
        "disk_free_mb": mean(samples[-1:], "disk_free_mb"),
    }


def _capacity(samples: Sequence[SampleRow]) -> dict[str, Any]:
    """Say when the disk is full if it fills as it did, and how much of the request budget is left."""
    points = [
        (each.at.timestamp() / DAY_S, free_mb)
        for each in samples
        if (free_mb := each.mean("disk_free_mb")) is not None
    ]
    a_day = slope(points) if len({day for day, _ in points}) > 1 else None
    left = points[-1][1] / -a_day if a_day is not None and a_day < 0 else None
    used = most(samples, "weight_ratio")
    return {
        "disk_mb_a_day": a_day,
        "days_until_disk_is_full": left,
        "request_budget_left": 1 - used if used is not None else None,
        "symbols": mean(samples, "symbols"),
    }
