"""Configurations to go back to, what changed between them, and incidents. Acts go through services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join

from trading import bootstrap
from trading.admin.actions import OPERATE, Act, Call, confirm
from trading.admin.base import CappedPaginator, LookedAdmin, column, moment
from trading.models import ConfigChange, ConfigSnapshot, Incident
from trading.services import incidents, rollback

LIST = "admin:trading_configsnapshot_changelist"
ROLL_BACK = "trading.roll_back"
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Target:
    """A configuration to go back to, as the confirm page shows it."""

    snapshot: ConfigSnapshot
    state: str

    def __str__(self) -> str:
        differences = [str(each) for each in rollback.preview(self.snapshot)]
        more = f" and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        told = "; ".join(differences[:SHOWN]) or "nothing differs"
        return f"Configuration {self.snapshot.pk} of {moment(self.snapshot.made_at)}: {told}{more}"


def _roll_back(*, sell: bool) -> Callable[[Any, Call], str]:
    def run(target: Target, call: Call) -> str:
        title = f"Rollback to configuration {target.snapshot.pk}"
        with bootstrap.follow("rollback", title, total=rollback.STEPS, unit="steps") as work:
            done = rollback.roll_back(
                target.snapshot,
                by=call.actor,
                desk=bootstrap.get_desk(),
                sell=sell,
                reason=call.reason,
                tell=work.step,
            )
        return (
            f"Configuration {done.snapshot} is restored; {len(done.remaining)} fields still differ. "
            f"{done.left.sentence} Incident {done.incident} waits for your finding."
        )

    return run


ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            "rollback",
            "Roll back",
            "Everything halts, the configuration becomes the one below, and trading begins again in the "
            "first stage. Open trades run out by their own exits. An incident is opened.",
            _roll_back(sell=False),
            permission=ROLL_BACK,
            is_dangerous=True,
        ),
        Act(
            "rollback-flatten",
            "Sell all and roll back",
            "Everything held is sold at market, at once. Then the configuration becomes the one below, and "
            "trading starts again in the first stage. An incident is opened.",
            _roll_back(sell=True),
            permission=ROLL_BACK,
            is_dangerous=True,
        ),
    )
}


@admin.register(ConfigSnapshot)
class ConfigSnapshotAdmin(LookedAdmin):
    """Every configuration that ever was, the newest first."""

    list_display = ("number", "made", "stable", "workers")
    ordering = ("-pk",)
    paginator = CappedPaginator
    show_full_result_count = False
    actions = ("roll_back", "sell_and_roll_back")

    def has_roll_back_permission(self, request: HttpRequest) -> bool:
        """Say who may roll back."""
        return bool(request.user.has_perm(ROLL_BACK))

    @admin.action(description="Roll back to the chosen", permissions=["roll_back"])
    def roll_back(self, request: HttpRequest, rows: QuerySet[ConfigSnapshot]) -> HttpResponse:
        """Ask, then roll back."""
        return self._ask(request, "rollback", rows)

    @admin.action(description="Sell all and roll back to the chosen", permissions=["roll_back"])
    def sell_and_roll_back(self, request: HttpRequest, rows: QuerySet[ConfigSnapshot]) -> HttpResponse:
        """Ask, then sell and roll back."""
        return self._ask(request, "rollback-flatten", rows)

    def _ask(self, request: HttpRequest, name: str, rows: QuerySet[ConfigSnapshot]) -> HttpResponse:
        chosen = list(rows[:2])
        if len(chosen) != 1:
            messages.warning(request, "Choose one configuration.")
            return HttpResponseRedirect(reverse(LIST))
        address = reverse("admin:trading_configsnapshot_act", args=[name, chosen[0].pk])
        return HttpResponseRedirect(address)

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.act_view)
        own = path("act/<slug:name>/<int:pk>/", view, name="trading_configsnapshot_act")
        return [own, *super().get_urls()]

    def act_view(self, request: HttpRequest, name: str, pk: int) -> HttpResponse:
        """Confirm and roll back."""
        snapshot = ConfigSnapshot.objects.filter(pk=pk).first()
        if name not in ACTS or snapshot is None:
            messages.error(request, "There is no such act or configuration.")
            return HttpResponseRedirect(reverse(LIST))
        state = "stable" if snapshot.stable_at else "not marked stable"
        return confirm(request, ACTS[name], [Target(snapshot, state)], page=self)

    @column("Number", ordering="pk")
    def number(self, snapshot: ConfigSnapshot) -> str:
        """Give its number."""
        return str(snapshot.pk)

    @column("First seen (UTC)", ordering="made_at")
    def made(self, snapshot: ConfigSnapshot) -> str:
        """Give when it was first seen."""
        return moment(snapshot.made_at)

    @column("Stable since (UTC)", ordering="stable_at")
    def stable(self, snapshot: ConfigSnapshot) -> str:
        """Give when it had proven itself."""
        return moment(snapshot.stable_at) if snapshot.stable_at else "not yet"

    @column("Workers")
    def workers(self, snapshot: ConfigSnapshot) -> str:
        """Name its workers."""
        return ", ".join(sorted(snapshot.content.get("workers", {}))) or "none"


@admin.register(ConfigChange)
class ConfigChangeAdmin(LookedAdmin):
    """Who changed what, and why, the newest first."""

    list_display = ("made", "actor", "action", "what", "reason")
    list_filter = ("actor", "action")
    search_fields = ("actor", "subject", "reason")
    ordering = ("-pk",)
    paginator = CappedPaginator
    show_full_result_count = False

    @column("At (UTC)", ordering="at")
    def made(self, change: ConfigChange) -> str:
        """Give the moment."""
        return moment(change.at)

    @column("What differs")
    def what(self, change: ConfigChange) -> str:
        """Give each field that differs on a line."""
        return format_html_join("", "<div>{}</div>", ((line[:200],) for line in change.differences[:SHOWN]))


def _close(incident: Any, call: Call) -> str:
    incidents.close_incident(incident.pk, by=call.actor, now=bootstrap.utc_now(), finding=call.reason)
    return f"Incident {incident.pk} is closed. Trading stays as it is."


CLOSE = Act("close", "Close", "It is closed with what you found. Trading stays as it is.", _close, OPERATE)


@admin.register(Incident)
class IncidentAdmin(LookedAdmin):
    """What halted everything, the open ones first."""

    list_display = ("opened", "standing", "cause", "opened_by", "finding")
    ordering = ("closed_at", "-opened_at")
    actions = ("close",)

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Say who may close one."""
        return bool(request.user.has_perm(CLOSE.permission))

    @admin.action(description="Close the chosen", permissions=["close"])
    def close(self, request: HttpRequest, rows: QuerySet[Incident]) -> HttpResponse:
        """Ask for the finding, then close."""
        ids = ",".join(str(pk) for pk in rows.values_list("pk", flat=True))
        return HttpResponseRedirect(f"{reverse('admin:trading_incident_close')}?ids={ids}")

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.close_view)
        return [path("close/", view, name="trading_incident_close"), *super().get_urls()]

    def close_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm and close the incidents that `ids` names."""
        ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdigit()]
        rows = list(Incident.objects.filter(pk__in=ids, closed_at__isnull=True))
        return confirm(request, CLOSE, rows, page=self)

    @column("Opened (UTC)", ordering="opened_at")
    def opened(self, incident: Incident) -> str:
        """Give when it was opened."""
        return moment(incident.opened_at)

    @column("Standing", label={"open": "danger", "closed": "info"})
    def standing(self, incident: Incident) -> str:
        """Say whether it waits for a finding."""
        return "open" if incident.closed_at is None else "closed"
