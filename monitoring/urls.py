"""Routes of monitoring: pages for `fastcycle.urls`, WebSocket for `fastcycle.asgi`."""

from __future__ import annotations

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from monitoring import charts, consumers, views, why

app_name = "monitoring"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("candles/<str:symbol>", charts.candles, name="candles"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("why/", why.page, name="why"),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("acceptance/", views.acceptance_page, name="acceptance"),
    path("reports/", views.reports_page, name="reports"),
]

websocket_application = AuthMiddlewareStack(
    URLRouter([path("ws/dashboard", consumers.DashboardConsumer.as_asgi())])
)
