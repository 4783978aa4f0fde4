"""Pages of monitoring: the dashboard's frame, health, metrics, acceptance and reports. They only look.

The dashboard's frame holds no figures: it appears at once, and the WebSocket fills it.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from monitoring import acceptance, alert_acts, exposition, live, reports
from monitoring.gate import viewers_only
from monitoring.models import Report
from trading.domain import words
from trading.selectors import overview

log = logging.getLogger(__name__)

REPORTS_SHOWN = 40


# The modules that the dashboard's script imports, told to the browser so that it fetches all of them at once.
MODULES = (
    "acts", "alerts", "chart", "connection", "dom", "format", "hold", "kept", "market", "overview", "state",
    "trades", "view", "work", "workers",
)  # fmt: skip
NAME = "Fast-Cycle"
ICON_SIZES = (192, 512)


@require_safe
@viewers_only
@ensure_csrf_cookie
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the frame of the dashboard."""
    context = {
        "can_operate": request.user.has_perm("trading.operate_worker"),
        "can_acknowledge": request.user.has_perm(alert_acts.PERMISSION),
        "can_create": request.user.has_perm("trading.add_worker"),
        "modules": [static(f"monitoring/{name}.js") for name in MODULES],
        "words": {"decisions": dict(words.DECISION_WORDS), "exits": dict(words.EXIT_WORDS)},
    }
    return render(request, "monitoring/dashboard.html", context)


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Say how a phone installs the dashboard as an app; tells nothing that a login would hide."""
    sizes = [
        {"src": static(f"monitoring/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in ICON_SIZES
    ]
    vector = {"src": static("monitoring/icon.svg"), "sizes": "any", "type": "image/svg+xml"}
    return JsonResponse(
        {
            "name": NAME,
            "short_name": NAME,
            "start_url": reverse("monitoring:dashboard"),
            "scope": "/",
            "display": "standalone",
            "background_color": "#0f1317",
            "theme_color": "#0f1317",
            "icons": [*sizes, vector],
        },
        content_type="application/manifest+json",
    )


@require_safe
@never_cache
def service_worker(request: HttpRequest) -> HttpResponse:
    """Give the script that keeps the dashboard's frame for times without a network."""
    script = Path(__file__).parent / "static" / "monitoring" / "sw.js"
    return HttpResponse(script.read_bytes(), content_type="text/javascript")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say whether this process can reach its database and Redis: 200 or 503, without login or secrets."""
    parts = {"database": _database_answers(), "redis": live.redis_answers()}
    is_fine = all(parts.values())
    return JsonResponse({"status": "ok" if is_fine else "degraded", **parts}, status=200 if is_fine else 503)


def _database_answers() -> bool:
    try:
        return overview.database_answers()
    except DatabaseError as error:
        log.error("database does not answer: %s", error)
        return False


@require_safe
@viewers_only
@never_cache
def acceptance_page(request: HttpRequest) -> HttpResponse:
    """Show every criterion with target, measured value, window and verdict."""
    return render(request, "monitoring/acceptance.html", acceptance.build(now=live.utc_now()))


@require_safe
@viewers_only
@never_cache
def reports_page(request: HttpRequest) -> HttpResponse:
    """Show the newest reports as they were sent."""
    rows = Report.objects.order_by("-ends_at", "kind")[:REPORTS_SHOWN]
    shown = [{"report": row, "text": reports.to_lines(row)} for row in rows]
    return render(request, "monitoring/reports.html", {"reports": shown})


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Give Prometheus its figures: 404 where no token is set, 403 for one who does not know it."""
    if not settings.METRICS_TOKEN:
        return HttpResponse("Set METRICS_TOKEN to have this page.\n", status=404, content_type="text/plain")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_known = secrets.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    if scheme.lower() != "bearer" or not is_known:
        return HttpResponse("Bearer token, please.\n", status=403, content_type="text/plain")
    return HttpResponse(exposition.expose(now=live.utc_now()), content_type=exposition.CONTENT_TYPE)
