"""The page /metrics: figures of all processes, read from Redis and the database when Prometheus asks.

No process counts anything for it, so it is right however many there are, and wherever they run. A figure that
is not known is left out, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from monitoring import live, rules
from monitoring.models import Alert
from monitoring.snapshot import health_inputs
from monitoring.status_report import process_rows
from trading.domain.risk import TradingState
from trading.selectors import overview, trades
from trading.selectors.live import LiveReading

CONTENT_TYPE = CONTENT_TYPE_LATEST
MIB = 1024 * 1024


def expose(*, now: datetime) -> bytes:
    """Give the exposition of this moment."""
    figures = CollectorRegistry(auto_describe=False)
    figures.register(_Figures(now))
    return generate_latest(figures)


class _Figures(Collector):
    """Everything, read once."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Read and give all families."""
        reading = live.read(now=self._now)
        inputs = health_inputs(reading, now=self._now)
        health = rules.judge(inputs)
        yield _gauge("fastcycle_health_score", "Health from 0 to 100.", health.score)
        yield from _losses(health)
        yield from _inputs(inputs, reading)
        if reading is not None:
            yield from _process_figures(reading)
        yield from _stored(self._now)


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], float(value))
    return family


def _losses(health: rules.Health) -> Iterator[Metric]:
    lost = GaugeMetricFamily("fastcycle_health_lost_points", "Points lost now, by cause.", labels=["code"])
    points: dict[str, int] = {}
    for loss in health.losses:
        points[loss.code] = points.get(loss.code, 0) + loss.points
    for code in sorted({each.code for each in (*rules.SCALES, *rules.FIXED)}):
        lost.add_metric([code], points.get(code, 0))
    yield lost


def _inputs(inputs: rules.HealthInputs, reading: LiveReading | None) -> Iterator[Metric]:
    house = inputs.house or rules.HouseInputs()
    api = reading.api if reading else None
    figures: tuple[tuple[str, str, float | None], ...] = (
        ("fastcycle_feed_connected", "1 while the market feed is connected.", inputs.feed_is_connected),
        ("fastcycle_user_stream_connected", "1 while the user stream is.", inputs.user_stream_is_connected),
        ("fastcycle_price_age_seconds", "Age of the newest market message.", inputs.price_age_s),
        ("fastcycle_user_stream_age_seconds", "Age of the newest user message.", inputs.user_stream_age_s),
        ("fastcycle_unprotected_positions", "Positions without protection.", len(inputs.unprotected_symbols)),
        (
            "fastcycle_reconcile_age_seconds", "Age of the newest reconcile.",
            inputs.reconcile.age_s if inputs.reconcile else None,
        ),
        (
            "fastcycle_ledger_differences", "Assets whose ledger differs from the venue.",
            len(inputs.reconcile.different_assets) if inputs.reconcile else None,
        ),
        ("fastcycle_api_error_ratio", "Failed part of requests, last minute.", inputs.error_ratio),
        ("fastcycle_api_requests_per_minute", "Requests, last minute.", api.requests_1m if api else None),
        ("fastcycle_api_weight_ratio", "Used part of the request weight.", inputs.weight_ratio),
        (
            "fastcycle_api_latency_seconds", "Mean answer time, last minute.",
            api.latency_ms / 1000 if api and api.latency_ms is not None else None,
        ),
        (
            "fastcycle_cache_hit_ratio", "Price questions answered by the cache, ten minutes.",
            house.cache_hit_ratio,
        ),
        ("fastcycle_queue_lag_seconds", "Wait of the oldest trading task.", house.queue_lag_s),
        ("fastcycle_queue_length", "Trading tasks that wait.", house.queue_length),
        (
            "fastcycle_clock_skew_seconds", "Our clock minus the venue's.",
            house.clock_skew_ms / 1000 if house.clock_skew_ms is not None else None,
        ),
        (
            "fastcycle_memory_bytes", "PSS of the whole stack on this machine.",
            house.memory_mb * MIB if house.memory_mb is not None else None,
        ),
        (
            "fastcycle_disk_free_bytes", "Free space for database and logs.",
            house.disk_free_mb * MIB if house.disk_free_mb is not None else None,
        ),
        ("fastcycle_database_writable", "1 while the database takes writes.", house.database_writes),
        ("fastcycle_drawdown_ratio", "Lost since the best moment of 24 hours.", house.drawdown),
        ("fastcycle_recent_exceptions", "Exceptions in ten minutes.", house.exceptions),
        ("fastcycle_recent_restarts", "Processes that died in ten minutes.", house.restarts),
    )  # fmt: skip
    for name, text, value in figures:
        yield _gauge(name, text, value)


def _process_figures(reading: LiveReading) -> Iterator[Metric]:
    up = GaugeMetricFamily("fastcycle_process_up", "1 for a process with a heartbeat.", labels=["process"])
    running = {process.name for process in reading.processes}
    for name in (*rules.VITAL_PROCESSES, *rules.OTHER_PROCESSES):
        up.add_metric([name], name in running)
    yield up
    memory = GaugeMetricFamily("fastcycle_process_pss_bytes", "PSS of a process.", labels=["process"])
    for row in process_rows(reading):
        if row["pss_mb"] is not None:
            memory.add_metric([row["name"]], row["pss_mb"] * MIB)
    yield memory


def _stored(now: datetime) -> Iterator[Metric]:
    yield _gauge("fastcycle_open_trades", "Trades that are open.", len(trades.list_open()))
    unprotected = CounterMetricFamily(
        "fastcycle_unprotected_seconds", "Seconds without protection in all trades so far."
    )
    unprotected.add_metric([], trades.unprotected_s_total(now=now))
    yield unprotected
    closed = CounterMetricFamily("fastcycle_closed_trades", "Closed trades.", labels=["quote_asset"])
    won = CounterMetricFamily("fastcycle_won_trades", "Closed trades with a gain.", labels=["quote_asset"])
    pnl = GaugeMetricFamily("fastcycle_realised_pnl", "PnL of all closed trades.", labels=["quote_asset"])
    for row in overview.closed_figures(now=now):
        asset = row["quote_asset"]
        closed.add_metric([asset], row["trades"])
        won.add_metric([asset], row["wins"])
        pnl.add_metric([asset], float(row["pnl"]))
    yield from (closed, won, pnl)
    orders = GaugeMetricFamily("fastcycle_orders", "Orders by status.", labels=["status"])
    for status, number in trades.order_counts().items():
        orders.add_metric([status], number)
    yield orders
    alerts = GaugeMetricFamily("fastcycle_open_alerts", "Alerts that are open.", labels=["level"])
    rows = Alert.objects.filter(resolved_at__isnull=True).values_list("level").annotate(Count("id"))
    found = dict(rows.order_by())
    for level in ("CRITICAL", "WARNING"):
        alerts.add_metric([level], found.get(level, 0))
    yield alerts
    state = overview.get_trading_state()
    control = GaugeMetricFamily("fastcycle_trading_state", "1 for the state that holds.", labels=["state"])
    for each in TradingState:
        control.add_metric([each.value], state == each.value)
    yield control
