"""The evidence of the acceptance page, gathered from samples, alerts, reports, trades and orders."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from intelligence.models import Challenge, ChallengeState
from monitoring import acceptance_rules, retention
from monitoring.acceptance_rules import Evidence
from monitoring.models import Alert, HealthSample, Report
from monitoring.sample_rows import SampleRow, mean, most, read_samples
from monitoring.verdicts import Verdict
from trading.selectors import evidence, operations
from trading.selectors.exports import EXPORTS, iterate, query, to_cell, to_json_value

DAY = timedelta(hours=24)
# A test has spoken; what was overtaken by a change of the operator's was not decided.
DECIDED = (
    ChallengeState.ADVISED,
    ChallengeState.PROMOTED,
    ChallengeState.DROPPED,
    ChallengeState.RETURNED,
    ChallengeState.CONFIRMED,
)
WEEK = timedelta(days=7)
HOUR_S = 3600
EXPORTED_ROWS = 20


def build(*, now: datetime) -> dict[str, Any]:
    """Give every criterion with its verdict, and how many of each there are."""
    rows = acceptance_rules.judge_all(gather(now=now))
    counts = {verdict.value: sum(row.verdict == verdict for row in rows) for verdict in Verdict}
    return {"at": now.isoformat(), "counts": counts, "criteria": [asdict(row) for row in rows]}


def gather(*, now: datetime) -> Evidence:
    """Measure everything that the criteria are judged by."""
    since = now - DAY
    samples = read_samples(since=since)
    all_trades = evidence.outcome(since=None)
    closed, unprotected = evidence.exits_gone_wrong(since=since)
    exports, exports_wrong = _try_exports()
    return Evidence(
        **_of_samples(samples, now=now),
        **_of_alerts(now=now),
        **_of_reports(now=now),
        **_of_week(now=now),
        **_of_challenges(),
        operations=operations.read_operations(),
        trades=all_trades.trades,
        win_rate=all_trades.win_rate,
        win_rate_low=all_trades.win_rate_low,
        win_rate_high=all_trades.win_rate_high,
        profit_factor=all_trades.profit_factor,
        signal_ms=evidence.signal_to_order_ms(since=since),
        conflicts=evidence.conflicts(since=since),
        closed_recently=closed,
        unprotected_exits=unprotected,
        unprotected_s=evidence.unprotected_seconds(since=since),
        exports=exports,
        exports_wrong=exports_wrong,
        blacklisted=evidence.automatic_blacklistings(),
        rows_kept=retention.kept_rows(),
        rows_allowed=retention.ALLOWED_ROWS,
    )


def _of_samples(samples: Sequence[SampleRow], *, now: datetime) -> dict[str, Any]:
    if not samples:
        return {}
    return {
        "seen_s": sum(sample.seen_s for sample in samples),
        # What nobody watched counts as down: a stack that is off is not up.
        "spanned_s": (now - samples[0].at).total_seconds(),
        "up_s": sum(sample.up_s for sample in samples),
        "error_ratio": mean(samples, "error_ratio"),
        "memory_max_mb": most(samples, "memory_mb"),
        "memory_growth_mb_h": mean(samples[-6:], "memory_growth_mb_h"),
        "exceptions": _summed_windows(samples, "exceptions"),
        "requests_max_1m": most(samples, "requests_1m"),
        "requests_mean_1m": mean(samples, "requests_1m"),
        "blocked_s": most(samples, "blocked_s"),
        "feed_up": mean(samples, "feed_up"),
        "user_stream_up": mean(samples, "user_stream_up"),
        "cache_hit_ratio": mean(samples[-6:], "cache_hit_ratio"),
        "latency_ms": mean(samples, "latency_ms"),
        "symbols": mean(samples, "symbols"),
    }


def _summed_windows(samples: Iterable[SampleRow], name: str) -> float | None:
    """Sum a count of the last ten minutes over windows of ten minutes."""
    windows: dict[int, float] = {}
    for each in samples:
        value = each.most(name)
        if value is not None:
            window = int(each.at.timestamp() // 600)
            windows[window] = max(windows.get(window, 0.0), value)
    return sum(windows.values()) if windows else None


def _of_alerts(*, now: datetime) -> dict[str, Any]:
    alerts = list(Alert.objects.filter(opened_at__gte=now - WEEK))
    told = [
        (each.notified_at - each.opened_at).total_seconds()
        for each in alerts
        if each.notified_at and each.level == "CRITICAL" and each.cause_id is None
    ]
    return {
        "alerts_seen": len(alerts),
        "alerts_unseen_by_health": sum(each.points == 0 for each in alerts),
        "told_after_s": told,
        "week_critical": sum(each.level == "CRITICAL" for each in alerts),
    }


def _of_reports(*, now: datetime) -> dict[str, Any]:
    first = HealthSample.objects.aggregate(first=Min("at"))["first"]
    if first is None:
        return {}
    begin = max(first, now - DAY)
    # The first hour that was watched from its begin, to the last that has ended.
    whole_hours = int(now.timestamp() // HOUR_S) - -(-int(begin.timestamp()) // HOUR_S)
    made = Report.objects.filter(kind="HOURLY", begins_at__gte=begin, ends_at__lte=now).count()
    return {"reports_due": max(whole_hours, 0), "reports_made": made}


def _of_challenges() -> dict[str, Any]:
    rows = Challenge.objects.values_list("state", "evidence")
    states = Counter(ChallengeState(state).label for state, _ in rows)
    decided = [evidence for state, evidence in rows if state in DECIDED]
    return {
        "challenges": dict(states),
        "challenges_decided": len(decided),
        "challenges_unproven": sum(not evidence for evidence in decided),
    }


def _of_week(*, now: datetime) -> dict[str, Any]:
    rows = HealthSample.objects.filter(at__gte=now - WEEK).values_list("at", "score_mean", "rounds", "seen_s")
    hours: dict[int, list[tuple[float, int]]] = {}
    seen_s = 0.0
    for at, score, rounds, seconds in rows:
        hours.setdefault(int(at.timestamp() // HOUR_S), []).append((score, rounds))
        seen_s += seconds
    means = [
        sum(score * rounds for score, rounds in each) / sum(rounds for _, rounds in each)
        for each in hours.values()
    ]
    return {"week_s": seen_s, "week_score_min": min(means, default=None)}


def _try_exports() -> tuple[int, int]:
    """Write rows of every kind as CSV and JSON, read them back, count what came out otherwise."""
    wrong = 0
    for export in EXPORTS.values():
        rows = next(iterate(export, query(export, since=None, until=None)), [])[:EXPORTED_ROWS]
        names = [name for name, _ in export.columns]
        cells = [[to_cell(value) for value in row] for row in rows]
        sheet = io.StringIO()
        csv.writer(sheet).writerows([names, *cells])
        values = [dict(zip(names, map(to_json_value, row), strict=True)) for row in rows]
        is_same_sheet = list(csv.reader(io.StringIO(sheet.getvalue()))) == [names, *cells]
        is_same_json = json.loads(json.dumps(values)) == values
        wrong += not (is_same_sheet and is_same_json)
    return len(EXPORTS), wrong
