"""The import pages of workers and blacklist: a file, its preview with a line for each bad row, then all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from trading import bootstrap
from trading.domain.workers import InvalidConfiguration
from trading.services.imports import CannotImport, Planned

MOST_BYTES = 2_000_000
Plan = Callable[..., Planned]
ListPage = Callable[[Any, HttpRequest], HttpResponse]
# Offers the page above a list, to those who may add rows.
offered: Callable[[ListPage], ListPage] = action(
    description="Import", url_path="import-file", permissions=["add"]
)


def import_view(request: HttpRequest, plan: Plan, *, page: Any, what: str) -> HttpResponse:
    """Ask for a file, show what it would do, and do it once that was confirmed and no row is wrong."""
    context: dict[str, Any] = {
        **page.admin_site.each_context(request),
        "title": f"Import {what}",
        "what": what,
        "opts": page.opts,
        "back": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
    }
    if request.method == "POST":
        try:
            text = _text(request)
            planned = plan(text, actor=request.user.get_username(), now=bootstrap.utc_now())
            if request.POST.get("confirmed") == "yes" and not planned.problems:
                planned.run()
                messages.success(request, f"{len(planned.lines)} rows of the file are imported.")
                return HttpResponseRedirect(context["back"])
            context |= {"planned": planned, "text": text}
        except (CannotImport, InvalidConfiguration) as error:
            context["problem"] = str(error)
    return TemplateResponse(request, "admin/trading/import.html", context)


def _text(request: HttpRequest) -> str:
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("text", "")
        if not text:
            raise CannotImport("Choose a file: CSV or JSON, as the export gives it")
        return text
    if (file.size or 0) > MOST_BYTES:
        raise CannotImport(f"The file must have at most {MOST_BYTES // 1_000_000} MB")
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError:
        raise CannotImport("The file must be text in UTF-8") from None
