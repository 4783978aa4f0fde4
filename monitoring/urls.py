"""Routes of monitoring: pages for `fastcycle.urls`, WebSocket for `fastcycle.asgi`."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from monitoring import alert_acts, analysis, charts, comparison, consumers, cuts, views, why, worker_choices

app_name = "monitoring"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("act/alerts/<int:alert_id>/acknowledge", alert_acts.acknowledge, name="acknowledge"),
    path("worker-choices.json", worker_choices.choices, name="worker_choices"),
    path("candles/<str:symbol>", charts.candles, name="candles"),
    path("sw.js", views.service_worker, name="service_worker"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("why/", why.page, name="why"),
    path("analysis/", analysis.page, name="analysis"),
    path("analysis/cuts/", cuts.page, name="cuts"),
    path("analysis/compare/", comparison.page, name="compare"),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("acceptance/", views.acceptance_page, name="acceptance"),
    path("reports/", views.reports_page, name="reports"),
]

websocket_application = AuthMiddlewareStack(
    URLRouter([path("ws/dashboard", consumers.DashboardConsumer.as_asgi())])
)
