"""Stages of a rollout: what each allows, edited through the service, and moving without evidence."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from unfold.widgets import UnfoldAdminTextInputWidget

from trading import bootstrap
from trading.admin.actions import Act, Call, confirm
from trading.admin.base import LookedAdmin, column, moment, number
from trading.domain.rollout import INSTALLATION, stage_of
from trading.models import Rollout, RolloutStage
from trading.selectors.configuration import list_stages
from trading.selectors.rollout import subject_titles
from trading.selectors.workers import list_workers
from trading.services import rollout

FIELDS = ("max_workers", "max_trade_notional", "min_hours", "min_health")


def _move(stage: Any, call: Call) -> str:
    rollout.override(INSTALLATION, stage.pk, by=call.actor, now=bootstrap.utc_now(), reason=call.reason)
    return f"The installation is in stage {stage}."


MOVE = Act(
    "move",
    "Move the installation",
    "The installation stands in this stage at once, without the evidence for it. A reason is needed.",
    _move,
    permission="trading.override_rollout",
    is_dangerous=True,
)


def _move_on(row: Any, call: Call) -> str:
    later = [stage for stage in list_stages() if stage.number > row.stage]
    if not later:
        raise rollout.InvalidStage("it is in the last stage")
    rollout.override(row.subject, later[0].number, by=call.actor, now=bootstrap.utc_now(), reason=call.reason)
    return f"{row.subject} is in stage {later[0].number} {later[0].name}."


MOVE_ON = Act(
    "move_on",
    "Move to the next stage",
    "It stands in the next stage at once, without the evidence for it. A reason is needed.",
    _move_on,
    permission=MOVE.permission,
    is_dangerous=True,
)


class StageForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    """What a stage allows and needs; an empty limit is none."""

    reason = forms.CharField(
        label="Why", required=False, max_length=300, widget=UnfoldAdminTextInputWidget(), help_text="Journal"
    )

    class Meta:
        model = RolloutStage
        fields = FIELDS

    def changes(self) -> dict[str, Any]:
        """Give what the form holds."""
        return {name: self.cleaned_data[name] for name in FIELDS}

    def clean(self) -> dict[str, Any]:
        """Refuse by the service's rules."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if all(name in cleaned for name in FIELDS):
            try:
                rollout.check_change(self.instance.pk, {name: cleaned[name] for name in FIELDS})
            except rollout.InvalidStage as error:
                self.add_error(None, str(error))
        return cleaned


@admin.register(RolloutStage)
class RolloutStageAdmin(LookedAdmin):
    """The stages, the first first."""

    form = StageForm
    fields = (*FIELDS, "reason")
    list_display = ("number", "name", *FIELDS)
    actions = ("move",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the stages; those that come with the program become rows that can be edited."""
        rollout.keep_stages()
        return super().changelist_view(request, extra_context)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Stages are edited here."""
        return bool(request.user.has_perm("trading.change_rolloutstage"))

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Say who may move without evidence."""
        return bool(request.user.has_perm(MOVE.permission))

    def save_model(self, request: HttpRequest, obj: RolloutStage, form: StageForm, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Change the stage through the service."""
        rollout.change_stage(
            obj.pk,
            form.changes(),
            actor=request.user.get_username(),
            now=bootstrap.utc_now(),
            reason=form.cleaned_data["reason"],
        )

    @admin.action(description="Move the installation to the chosen", permissions=["move"])
    def move(self, request: HttpRequest, rows: QuerySet[RolloutStage]) -> HttpResponse:
        """Ask, then move."""
        ids = ",".join(str(pk) for pk in rows.values_list("pk", flat=True)[:1])
        return HttpResponseRedirect(f"{reverse('admin:trading_rolloutstage_move')}?ids={ids}")

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.move_view)
        return [path("move/", view, name="trading_rolloutstage_move"), *super().get_urls()]

    def move_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm and move the installation to the stage that `ids` names."""
        number = request.GET.get("ids", "")
        rows = list(RolloutStage.objects.filter(pk=int(number))) if number.isdigit() else []
        return confirm(request, MOVE, rows, page=self)


@admin.register(Rollout)
class RolloutAdmin(LookedAdmin):
    """Where everything in use stands, and what leaving its stage still needs."""

    list_display = ("title", "standing", "missing", "entered", "entered_by", "reason")
    ordering = ("pk",)
    actions = ("move_on",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        """Leave out versions and strategies that no worker has any more."""
        rows: QuerySet[Rollout] = super().get_queryset(request)
        return rows.filter(subject__in=subject_titles(list_workers()))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show all that is in use, also what was made a moment ago."""
        rollout.keep_rows(now=bootstrap.utc_now())
        return super().changelist_view(request, extra_context)

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Say who may move without evidence."""
        return bool(request.user.has_perm(MOVE_ON.permission))

    @admin.action(description="Move the chosen to the next stage", permissions=["move"])
    def move_on(self, request: HttpRequest, rows: QuerySet[Rollout]) -> HttpResponse:
        """Ask for the reason, then move."""
        ids = ",".join(str(pk) for pk in rows.values_list("pk", flat=True))
        return HttpResponseRedirect(f"{reverse('admin:trading_rollout_move')}?ids={ids}")

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.move_view)
        return [path("move/", view, name="trading_rollout_move"), *super().get_urls()]

    def move_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm and move the rollouts that `ids` names."""
        ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdigit()]
        return confirm(request, MOVE_ON, list(self.get_queryset(request).filter(pk__in=ids)), page=self)

    @column("What")
    def title(self, row: Rollout) -> str:
        """Name it by the words that people know it by."""
        return subject_titles(list_workers()).get(row.subject, row.subject)

    @column("Stage", ordering="stage")
    def standing(self, row: Rollout) -> str:
        """Give the stage with its name and what it allows."""
        stage = stage_of(row.subject, list_stages(), {row.subject: row.stage})
        most = stage.max_trade_notional
        size = "any size" if most is None else f"{number(most)} a trade"
        if row.subject != INSTALLATION:
            return f"{stage.number} {stage.name}: {size}"
        workers = "any number of workers" if stage.max_workers is None else f"{stage.max_workers} at once"
        return f"{stage.number} {stage.name}: {workers}, {size}"

    @column("Missing for the next")
    def missing(self, row: Rollout) -> str:
        """Give a line for each thing that leaving the stage needs."""
        return format_html_join("", "<div>{}</div>", ((line,) for line in row.lacks)) or "–"

    @column("Since (UTC)", ordering="entered_at")
    def entered(self, row: Rollout) -> str:
        """Give since when."""
        return moment(row.entered_at)
