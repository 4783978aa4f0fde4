"""Acts of the admin behind one confirm page: permission, one service call, a sentence as the answer.

Used by trading.admin.workers and trading.admin.symbols. The page says what will happen before it does; only
its POST acts. A refusal by a rule is told in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from trading import bootstrap
from trading.domain.ports import VenueError
from trading.services import blacklist, incidents, rollback, rollout, workers
from trading.services.ledger import NothingToAccept

OPERATE = "trading.operate_worker"
REFUSALS = (
    workers.NotAllowedNow,
    workers.WorkerNotFound,
    blacklist.NotBarred,
    NothingToAccept,
    VenueError,
    incidents.NoOpenIncident,
    rollback.CannotRollBack,
    rollout.EvidenceLacking,
    rollout.InvalidStage,
)


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for what, and why."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one row. `run` calls a service once and gives the sentence for the operator."""

    name: str
    title: str
    consequence: str
    run: Callable[[Any, Call], str]
    permission: str = OPERATE
    is_dangerous: bool = False


def _simple(service: Callable[..., Any], sentence: str) -> Callable[[Any, Call], str]:
    def run(worker: Any, call: Call) -> str:
        service(worker.pk, actor=call.actor, now=bootstrap.utc_now(), reason=call.reason)
        return f"{worker.name} {sentence}."

    return run


def _flatten(worker: Any, call: Call) -> str:
    left = workers.flatten_worker(worker.pk, actor=call.actor, desk=bootstrap.get_desk(), reason=call.reason)
    return f"{worker.name} is stopped and its positions are sold; {left} trades are still open."


def _lift(entry: Any, call: Call) -> str:
    blacklist.lift_symbol(entry.symbol, actor=call.actor, now=bootstrap.utc_now(), reason=call.reason)
    return f"{entry.symbol} may be traded again."


WORKER_ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            "start",
            "Start",
            "It may open trades from its next turn on.",
            _simple(workers.start_worker, "is started"),
        ),
        Act(
            "stop",
            "Stop",
            "It opens no more trades. What is open keeps its protection and its time limit.",
            _simple(workers.stop_worker, "is stopped"),
        ),
        Act(
            "drain",
            "Drain",
            "It opens no more trades and stops by itself once its last trade is closed.",
            _simple(workers.drain_worker, "is draining"),
        ),
        Act(
            "flatten",
            "Flatten",
            "It is stopped, and everything it holds is sold at market, at once.",
            _flatten,
            is_dangerous=True,
        ),
        Act(
            "delete",
            "Delete",
            "It disappears from all lists. Its trades, orders and journal stay. It must be stopped and flat.",
            _simple(workers.delete_worker, "is deleted"),
            permission="trading.delete_worker",
            is_dangerous=True,
        ),
    )
}
LIFT = Act("lift", "Lift", "Workers may trade the symbol again.", _lift, "trading.change_blacklistentry")


def confirm(request: HttpRequest, act: Act, rows: Sequence[Any], *, page: Any) -> HttpResponse:
    """Show what the act will do, or do it when the operator has confirmed.

    Args:
        page: The ModelAdmin to return to.
    """
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    back = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
    if not rows:
        messages.warning(request, "Nothing was chosen.")
        return HttpResponseRedirect(back)
    if request.method == "POST" and request.POST.get("confirmed") == "yes":
        call = Call(actor=request.user.get_username(), reason=request.POST.get("reason", "")[:300])
        for row in rows:
            _run(request, act, row, call)
        return HttpResponseRedirect(back)
    context = {
        **page.admin_site.each_context(request),
        "title": f"{act.title}?",
        "act": act,
        "rows": rows,
        "opts": page.opts,
        "back": back,
    }
    return TemplateResponse(request, "admin/trading/confirm_action.html", context)


def _run(request: HttpRequest, act: Act, row: Any, call: Call) -> None:
    try:
        messages.success(request, act.run(row, call))
    except REFUSALS as error:
        messages.error(request, f"{row}: {error}")
