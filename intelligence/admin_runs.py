"""Runs in the admin: back-tests of a worker are ordered here, trades of another installation brought."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from intelligence import runs, tasks
from intelligence.models import Run, RunState
from intelligence.trade_files import NotTrades, read_trades
from trading import history
from trading.selectors.workers import list_workers

LIST = "admin:intelligence_run_changelist"
MOST_BYTES = 20_000_000
USUAL_DAYS = 7
TONES = {"kept": "success", "failed": "danger", "under way": "info"}


class RunForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    """Which worker is tested, over which days."""

    class Meta:
        model = Run
        fields = ("worker", "begins_on", "ends_on")
        widgets = {
            "worker": UnfoldAdminSelectWidget(),
            "begins_on": UnfoldAdminSingleDateWidget(),
            "ends_on": UnfoldAdminSingleDateWidget(),
        }
        help_texts = {
            "worker": "Its version in force is played, on the symbols that it trades now",
            "begins_on": "First day (UTC). Candles that are missing are fetched from the venue first",
            "ends_on": "Last day (UTC), included",
        }

    def clean(self) -> dict[str, Any]:
        """Tell days that cannot be tested at their field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        since, until = cleaned.get("begins_on"), cleaned.get("ends_on")
        if since and until and since > until:
            self.add_error("ends_on", "Must not lie before the first day.")
        if since and since > history.now().date():
            self.add_error("begins_on", "Must have begun.")
        return cleaned


@admin.register(Run)
class RunAdmin(ModelAdmin):  # type: ignore[misc]  # comes without types
    """Back-tests and trades of other installations, the newest first; each opens beside the worker's own."""

    form = RunForm
    list_display = ("worker", "label", "shown_state", "begins_on", "ends_on", "trades", "beside", "made_at")
    list_filter = ("kind", "state")
    list_select_related = ("worker",)
    actions: Any = None
    actions_list = ("bring",)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """A run stays as it came out."""
        return False

    def get_fields(self, request: HttpRequest, obj: Run | None = None) -> tuple[str, ...]:
        """Ask for three things; show all."""
        asked = ("worker", "begins_on", "ends_on")
        return asked if obj is None else (*asked, "kind", "state", "label", "trades", "problem", "made_by")

    def get_form(self, request: HttpRequest, obj: Run | None = None, **kwargs: Any) -> Any:
        """Offer the workers that are there."""
        form = super().get_form(request, obj, **kwargs)
        if "worker" in form.base_fields:
            form.base_fields["worker"].queryset = form.base_fields["worker"].queryset.filter(
                pk__in=[worker.pk for worker in list_workers()]
            )
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Suggest the last days."""
        today = history.now().date()
        usual = {"begins_on": today - timedelta(days=USUAL_DAYS - 1), "ends_on": today}
        return {**usual, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Run, form: Any, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Order the back-test; a task plays it."""
        made = runs.begin_backtest(
            obj.worker_id,
            since=obj.begins_on,
            until=obj.ends_on,
            actor=request.user.get_username(),
            now=history.now(),
        )
        obj.__dict__.update(made.__dict__)
        transaction.on_commit(partial(tasks.fill_run.delay, run_id=made.pk))

    def response_add(
        self, request: HttpRequest, obj: Run, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Say that it takes a while."""
        messages.success(request, f"{obj} is being played; the dashboard shows how far it is.")
        return HttpResponseRedirect(reverse(LIST))

    def get_urls(self) -> list[URLPattern]:
        """Add the page that takes a file."""
        view = self.admin_site.admin_view(self.bring_view)
        return [path("bring-file/", view, name="intelligence_run_bring_file"), *super().get_urls()]

    @action(description="Bring trades", url_path="bring", permissions=["add"])  # type: ignore[untyped-decorator]  # comes without types
    def bring(self, request: HttpRequest) -> HttpResponse:
        """Go to the page that takes a file."""
        return HttpResponseRedirect(reverse("admin:intelligence_run_bring_file"))

    def bring_view(self, request: HttpRequest) -> HttpResponse:
        """Take the trades that another installation exported."""
        if not self.has_add_permission(request):
            return HttpResponse("You may look, but not bring trades.", status=403)
        context = {**self.admin_site.each_context(request), "title": "Bring trades", "opts": self.opts}
        if request.method == "POST":
            try:
                return self._bring(request)
            except (NotTrades, runs.CannotKeep, UnicodeDecodeError) as error:
                context["problem"] = str(error)
        context["back"] = reverse(LIST)
        return TemplateResponse(request, "admin/intelligence/bring_trades.html", context)

    def _bring(self, request: HttpRequest) -> HttpResponse:
        file: Any = request.FILES.get("file")
        if file is None:
            raise NotTrades("choose a file: CSV or JSON, as the export of trades gives it")
        if file.size > MOST_BYTES:
            raise NotTrades(f"more than {MOST_BYTES // 1_000_000} MB; use manage.py import_trades")
        label = request.POST.get("label", "").strip()[:60] or runs.LABEL
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        made, unknown = runs.keep_trades(
            read_trades(lines), label=label, actor=request.user.get_username(), now=history.now()
        )
        messages.success(request, f"Kept: {', '.join(f'{run} ({run.trades} trades)' for run in made)}.")
        if unknown:
            messages.warning(request, f"Not known here, passed over: {', '.join(unknown)}.")
        return HttpResponseRedirect(reverse(LIST))

    @display(description="State", label=TONES)  # type: ignore[untyped-decorator]  # comes without types
    def shown_state(self, run: Run) -> str:
        """Say whether it can be looked at."""
        return RunState(run.state).label

    @display(description="Compare")  # type: ignore[untyped-decorator]  # as above
    def beside(self, run: Run) -> str:
        """Lead to the page that holds it against the worker's own trades."""
        if run.state != RunState.KEPT:
            return run.problem or "–"
        address = f"{reverse('monitoring:compare')}?a_whose=run:{run.pk}&b_whose=worker:{run.worker_id}"
        return format_html('<a class="underline" href="{}">with its own trades</a>', address)
