"""The dashboard's acknowledge button: a POST that notes who looks after an alert, answered by a sentence."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from monitoring import live, rows
from monitoring.models import Alert

PERMISSION = "monitoring.acknowledge_alert"


@require_POST
def acknowledge(request: HttpRequest, alert_id: int) -> JsonResponse:
    """Note that the operator looks after an alert; whoever was first stays named."""
    if not request.user.is_authenticated:
        return _answer("Please log in again.", status=401)
    if not request.user.has_perm(PERMISSION):
        return _answer("You may look, but not acknowledge alerts.", status=403)
    note, actor = request.POST.get("reason", "")[:300], request.user.get_username()
    if rows.acknowledge(alert_id, actor=actor, note=note, now=live.utc_now()):
        return _answer("It is yours now. It goes on until its cause is gone.", status=200)
    known = Alert.objects.filter(pk=alert_id).first()
    if known is None:
        return _answer(f"There is no alert {alert_id}.", status=404)
    return _answer(f"{known.acknowledged_by} looks after it already.", status=409)


def _answer(message: str, *, status: int) -> JsonResponse:
    return JsonResponse({"ok": status == 200, "message": message}, status=status)
