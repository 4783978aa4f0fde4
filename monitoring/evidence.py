"""How long and how well the system has been healthy, from stored samples: what leaving a stage rests on."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min, Sum

from monitoring.alert_kinds import AlertLevel
from monitoring.models import Alert, HealthSample
from trading.domain.rollout import Evidence

HOUR_S = 3600.0


def healthy_since(since: datetime, *, least: int, now: datetime) -> Evidence:
    """Give the healthy hours without a break, up to now.

    A break is a sample whose mean health is below `least`, or a critical alert. Hours are those that were
    watched: a stretch in which nobody looked counts for nothing.
    """
    begin = since
    samples = HealthSample.objects.filter(at__gte=since, at__lt=now)
    last_bad = samples.filter(score_mean__lt=least).order_by("-at").first()
    if last_bad is not None:
        begin = last_bad.at + timedelta(seconds=last_bad.span_s)
    critical = Alert.objects.filter(level=AlertLevel.CRITICAL.value)
    last_alert = critical.filter(seen_at__gte=begin).order_by("-seen_at").first()
    if last_alert is not None:
        begin = max(begin, last_alert.seen_at)
    figures = samples.filter(at__gte=begin).aggregate(seen_s=Sum("seen_s"), lowest=Min("score_mean"))
    return Evidence(
        hours=(figures["seen_s"] or 0.0) / HOUR_S,
        lowest_health=int(figures["lowest"]) if figures["lowest"] is not None else least,
        critical_alerts=critical.filter(resolved_at__isnull=True).count(),
    )
