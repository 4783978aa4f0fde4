"""Versions of a worker: what each changed, and the way back to one. Acts go through services.workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from trading import bootstrap
from trading.admin.actions import Act, Call, confirm
from trading.models import Worker, WorkerVersion
from trading.selectors.workers import config_to_json, get_config
from trading.services import workers


@dataclass(frozen=True, slots=True)
class Told:
    """One version with its differences from the one before: (field, before, after)."""

    version: WorkerVersion
    changes: list[tuple[str, str, str]]
    is_current: bool


def _return(version: WorkerVersion, call: Call) -> str:
    made = workers.change_config(
        version.worker_id,
        get_config(version),
        actor=call.actor,
        now=bootstrap.utc_now(),
        reason=call.reason or f"back to version {version.number}",
    )
    return f"Version {made.number} is in force, equal to version {version.number}; open trades keep theirs."


RETURN = Act(
    "return",
    "Return to this version",
    "A new version is made that is equal to this one. Open trades keep what they were opened with.",
    _return,
    permission="trading.change_worker",
)


def differences(before: WorkerVersion | None, after: WorkerVersion) -> list[tuple[str, str, str]]:
    """Give what a version changed, field by field, parameters by their own names."""
    old = _flat(before) if before else {}
    new = _flat(after)
    names = dict.fromkeys([*old, *new])
    return [
        (name, old.get(name, "–"), new.get(name, "–"))
        for name in names
        if before is not None and old.get(name) != new.get(name)
    ]


def _flat(version: WorkerVersion) -> dict[str, str]:
    config = get_config(version)
    values = {**config_to_json(config), "model": config.model or "–"}  # its numbers tell a reader nothing
    parameters = values.pop("parameters")
    return {
        **{name: str(value) for name, value in values.items()},
        **{f"parameter {name}": f"{value:g}" for name, value in parameters.items()},
    }


def versions_view(request: HttpRequest, pk: int, *, page: Any) -> HttpResponse:
    """List the versions of a worker, newest first; with `back=ID` confirm and return to one."""
    worker = Worker.objects.filter(pk=pk, is_deleted=False).first()
    if worker is None:
        raise Http404(f"worker {pk} does not exist")
    versions = list(WorkerVersion.objects.filter(worker=worker).select_related("worker").order_by("number"))
    wanted = request.GET.get("back", "")
    if wanted:
        chosen = [each for each in versions if str(each.pk) == wanted]
        return confirm(request, RETURN, chosen, page=page)
    told = [
        Told(after, differences(before, after), after.pk == worker.version_id)
        for before, after in zip([None, *versions], versions, strict=False)
    ]
    context = {
        **page.admin_site.each_context(request),
        "title": f"Versions of {worker.name}",
        "worker": worker,
        "versions": told[::-1],
        "may_return": request.user.has_perm(RETURN.permission),
        "opts": page.opts,
    }
    return TemplateResponse(request, "admin/trading/versions.html", context)
