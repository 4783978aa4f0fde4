"""The operator's main page: workers, their configuration, and the acts on them.

Saving makes a new immutable version through services.workers; open trades keep theirs. Rows are never
written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, QuerySet, Value, When
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import TabularInline
from unfold.decorators import action

from trading import bootstrap
from trading.admin.actions import WORKER_ACTS, confirm
from trading.admin.base import LedgerAdmin, column, moment, number
from trading.admin.imports import import_view, offered
from trading.admin.versions import versions_view
from trading.admin.worker_form import (
    UNIVERSE_FIELDS,
    WHOLE_FIELDS,
    WorkerForm,
    parameter_field,
)
from trading.admin.worker_preview import preview_view
from trading.domain.strategy import STRATEGIES
from trading.domain.workers import InvalidConfiguration
from trading.models import Trade, Worker, WorkerVersion
from trading.selectors.rollout import tell_cut
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.services import imports, workers

Page = Callable[[Any, HttpRequest, str], HttpResponse]
STATE_TONES = {"ACTIVE": "success", "DRAINING": "warning"}


def _detail_action(title: str) -> Callable[[Page], Page]:
    """Offer an act on the worker's own page."""
    decorate: Callable[[Page], Page] = action(
        description=title, url_path=title.lower(), permissions=["operate"]
    )
    return decorate


class VersionInline(TabularInline):  # type: ignore[misc]  # comes without types
    """All versions of a worker, newest first."""

    model = WorkerVersion
    fields = ("number", "strategy", "interval", "trade_notional", "budget", "created_at", "created_by")
    readonly_fields = fields
    ordering = ("-number",)
    extra = 0
    can_delete = False
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Saving the worker adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """A version never changes."""
        return False


@admin.register(Worker)
class WorkerAdmin(LedgerAdmin):
    """Workers that were not deleted."""

    export_kind = "workers"
    form = WorkerForm
    list_display = ("name", "shown_state", "strategy", "interval", "notional", "open_trades", "last_turn")
    list_filter = ("state",)
    list_select_related = ("version",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("start", "stop", "drain", "flatten", "delete_chosen")
    actions_detail = ("start_one", "stop_one", "drain_one", "flatten_one", "delete_one", "versions_of")
    actions_list = ("import_file",)
    inlines = (VersionInline,)
    conditional_fields = {
        parameter_field(spec.name, parameter.name): f"strategy == '{spec.name}'"
        for spec in STRATEGIES.values()
        for parameter in spec.parameters
    }
    warn_unsaved_form = True

    class Media:
        js = (Script("monitoring/worker-preview.js", type="module"),)

    # ---- what is shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Leave deleted workers out and give each its number of open trades.

        They are counted first, by the index of their state: a join would read all trades that ever closed.
        """
        counts = Counter(Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("worker_id", flat=True))
        known = (When(pk=worker_id, then=Value(count)) for worker_id, count in counts.items())
        rows: QuerySet[Worker] = super().get_queryset(request).filter(is_deleted=False)
        return rows.annotate(open_count=Case(*known, default=Value(0)))

    def get_fieldsets(self, request: HttpRequest, obj: Worker | None = None) -> list[tuple[str | None, Any]]:
        """Group the fields; only the chosen strategy's parameters are shown."""
        sizes = ("max_open_trades", "full_size_risk", "max_risk")
        parameters = [
            parameter_field(spec.name, each.name) for spec in STRATEGIES.values() for each in spec.parameters
        ]
        return [
            (None, {"fields": ("name", "reason")}),
            ("Which symbols", {"fields": UNIVERSE_FIELDS}),
            ("When to enter", {"fields": ("strategy", "interval", *parameters, "ask_model")}),
            ("How much", {"fields": ("trade_notional", "budget", *sizes)}),
            ("When to leave, and limits", {"fields": [each for each in WHOLE_FIELDS if each not in sizes]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Worker | None = None) -> tuple[str, ...]:
        """Keep the name once it is given: journal and trades speak of it."""
        return ("name",) if obj is not None else ()

    @column("State", ordering="state", label=STATE_TONES)
    def shown_state(self, worker: Worker) -> str:
        """Give the state."""
        return str(worker.state)

    @column("Strategy")
    def strategy(self, worker: Worker) -> str:
        """Give the strategy and the number of its version."""
        return f"{worker.version.strategy} v{worker.version.number}" if worker.version else "–"

    @column("Interval")
    def interval(self, worker: Worker) -> str:
        """Give the candle interval."""
        return worker.version.interval if worker.version else "–"

    @column("Trade / budget")
    def notional(self, worker: Worker) -> str:
        """Give the amount of one trade and the budget, in the quote asset."""
        version = worker.version
        return f"{number(version.trade_notional)} / {number(version.budget)}" if version else "–"

    @column("Open trades", ordering="open_count")
    def open_trades(self, worker: Any) -> int:
        """Give how many trades are open."""
        return int(worker.open_count)

    @column("Last turn (UTC)", ordering="last_turn_at")
    def last_turn(self, worker: Worker) -> str:
        """Give when it last decided."""
        return moment(worker.last_turn_at)

    # ---- what may be done

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Workers are made here."""
        return bool(request.user.has_perm("trading.add_worker"))

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Workers are configured here."""
        return bool(request.user.has_perm("trading.change_worker"))

    def has_operate_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Say who may start and stop."""
        return bool(request.user.has_perm(WORKER_ACTS["start"].permission))

    def save_model(self, request: HttpRequest, obj: Worker, form: WorkerForm, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Make the worker, or its next version, through the service."""
        actor, now = request.user.get_username(), bootstrap.utc_now()
        if change:
            reason = form.cleaned_data["reason"]
            version = workers.change_config(obj.pk, form.config, actor=actor, now=now, reason=reason)
            messages.info(request, f"Version {version.number} is in force; open trades keep theirs.")
            if form.cleaned_data["ask_model"] and version.model is None:
                messages.warning(request, "Its model learned from other settings and is not asked any more.")
        else:
            made = workers.create_worker(form.cleaned_data["name"], form.config, actor=actor, now=now)
            obj.__dict__.update(made.__dict__)
            assert made.version is not None
            version = made.version
        cut = tell_cut(version)
        if cut:
            messages.warning(request, f"{cut[0].upper()}{cut[1:]}.")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Tell in a sentence what another act made impossible while the form was open."""
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except (InvalidConfiguration, workers.WorkerNotFound) as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        return response

    # ---- acts

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page of an act, and the answers to "what would it do?"."""
        view, preview = (self.admin_site.admin_view(each) for each in (self.act_view, preview_view))
        return [
            path("act/<slug:name>/", view, name="trading_worker_act"),
            path("preview/", preview, name="trading_worker_preview"),
            path("<int:pk>/preview/", preview, name="trading_worker_preview_of"),
            *super().get_urls(),
        ]

    def act_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Confirm and run one act on the workers that `ids` names."""
        ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdigit()]
        if name not in WORKER_ACTS:
            messages.error(request, f"No act is called {name!r}.")
            return HttpResponseRedirect(reverse("admin:trading_worker_changelist"))
        rows = list(self.get_queryset(request).filter(pk__in=ids))
        return confirm(request, WORKER_ACTS[name], rows, page=self)

    def _ask(self, name: str, ids: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:trading_worker_act', args=[name])}?ids={ids}")

    def _ask_many(self, name: str, rows: QuerySet[Worker]) -> HttpResponse:
        return self._ask(name, ",".join(str(pk) for pk in rows.values_list("pk", flat=True)))

    @admin.action(description="Start the chosen", permissions=["operate"])
    def start(self, request: HttpRequest, rows: QuerySet[Worker]) -> HttpResponse:
        """Ask, then start."""
        return self._ask_many("start", rows)

    @admin.action(description="Stop the chosen", permissions=["operate"])
    def stop(self, request: HttpRequest, rows: QuerySet[Worker]) -> HttpResponse:
        """Ask, then stop."""
        return self._ask_many("stop", rows)

    @admin.action(description="Drain the chosen", permissions=["operate"])
    def drain(self, request: HttpRequest, rows: QuerySet[Worker]) -> HttpResponse:
        """Ask, then drain."""
        return self._ask_many("drain", rows)

    @admin.action(description="Flatten the chosen", permissions=["operate"])
    def flatten(self, request: HttpRequest, rows: QuerySet[Worker]) -> HttpResponse:
        """Ask, then flatten."""
        return self._ask_many("flatten", rows)

    @admin.action(description="Delete the chosen", permissions=["operate"])
    def delete_chosen(self, request: HttpRequest, rows: QuerySet[Worker]) -> HttpResponse:
        """Ask, then delete."""
        return self._ask_many("delete", rows)

    @_detail_action("Start")
    def start_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then start."""
        return self._ask("start", object_id)

    @_detail_action("Stop")
    def stop_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stop."""
        return self._ask("stop", object_id)

    @_detail_action("Drain")
    def drain_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then drain."""
        return self._ask("drain", object_id)

    @_detail_action("Flatten")
    def flatten_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then flatten."""
        return self._ask("flatten", object_id)

    @_detail_action("Delete")
    def delete_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then delete."""
        return self._ask("delete", object_id)

    @_detail_action("Versions")
    def versions_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what each version changed, and return to one."""
        return versions_view(request, int(object_id), page=self)

    @offered
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Make the workers of a file."""
        return import_view(request, imports.plan_workers, page=self, what="workers")
