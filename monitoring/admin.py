"""Alerts, deliveries, samples and reports in the admin: looked at, and alerts acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from monitoring import live, reports, rows
from monitoring.models import Alert, Delivery, HealthSample, Report

F = TypeVar("F", bound=Callable[..., Any])


def shown(
    description: str, *, ordering: str | None = None, label: Mapping[str, str] | None = None
) -> Callable[[F], F]:
    """Describe a column; `label` gives a tone to each value."""

    def describe(function: F) -> F:
        display(description=description, ordering=ordering, label=label)(function)
        return function

    return describe


class LookedAdmin(ModelAdmin):  # type: ignore[misc]  # comes without types
    """A page that is only looked at: the watch adds and changes, nobody deletes."""

    actions: Any = None
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The watch adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """The watch changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Retention deletes."""
        return False


@admin.register(Alert)
class AlertAdmin(LookedAdmin):
    """What was and is not fine, the newest first."""

    list_display = (
        "shown_level", "__str__", "text", "shown_state", "opened_at", "seen_at", "times", "cause",
        "notified_at", "acknowledged_by",
    )  # fmt: skip
    list_filter = ("level", "code", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("code", "subject", "text")
    ordering = ("-opened_at", "-id")
    list_select_related = ("cause",)
    readonly_fields = ("todo",)
    actions = ("acknowledge",)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Say who may acknowledge."""
        return bool(request.user.has_perm("monitoring.acknowledge_alert"))

    @admin.action(description="Acknowledge: somebody looks after it", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        """Note who looks after the chosen alerts; those that have somebody keep them."""
        now, actor = live.utc_now(), request.user.get_username()
        taken = sum(rows.acknowledge(row.pk, actor=actor, note="", now=now) for row in alerts)
        self.message_user(request, f"{taken} of {len(alerts)} alerts are yours now.", messages.SUCCESS)

    @shown("Level", ordering="level", label={"CRITICAL": "danger", "WARNING": "warning"})
    def shown_level(self, alert: Alert) -> str:
        """Give the level."""
        return alert.level

    @shown("State", label={"open": "danger", "acknowledged": "warning", "over": "success"})
    def shown_state(self, alert: Alert) -> str:
        """Say how it stands."""
        if alert.resolved_at is not None:
            return "over"
        return "open" if alert.acknowledged_at is None else "acknowledged"


@admin.register(Delivery)
class DeliveryAdmin(LookedAdmin):
    """What was sent to whom, the newest first."""

    list_display = (
        "title",
        "channel",
        "level",
        "made_at",
        "sent_at",
        "attempts",
        "given_up_at",
        "claimed_by",
    )
    list_filter = ("level", "channel")
    ordering = ("-made_at", "-id")


@admin.register(HealthSample)
class HealthSampleAdmin(LookedAdmin):
    """Samples of health, the newest first."""

    list_display = ("at", "span_s", "score_min", "score_mean", "up_s", "seen_s", "losses")
    list_filter = ("span_s",)
    ordering = ("-at",)


@admin.register(Report)
class ReportAdmin(LookedAdmin):
    """Reports, the newest first."""

    list_display = ("kind", "begins_at", "ends_at", "made_at")
    list_filter = ("kind",)
    ordering = ("-ends_at",)
    fields = ("kind", "begins_at", "ends_at", "made_at", "shown_content")
    readonly_fields = ("shown_content",)

    @shown("Content")
    def shown_content(self, report: Report) -> str:
        """Give the report as it was sent."""
        return reports.to_lines(report)
