"""Pages of monitoring: the dashboard's frame and the health page. They only look.

The dashboard's frame holds no figures: it appears at once, and the WebSocket fills it.
"""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_required
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from monitoring import live
from trading.selectors import overview

log = logging.getLogger(__name__)


@require_safe
@login_required
@ensure_csrf_cookie
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the frame of the dashboard."""
    can_operate = request.user.has_perm("trading.operate_worker")
    return render(request, "monitoring/dashboard.html", {"can_operate": can_operate})


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
