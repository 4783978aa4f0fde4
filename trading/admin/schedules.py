"""The schedules' own page, with a journal row and a snapshot of every change that is made on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from trading import bootstrap
from trading.services import schedules


class ScheduleAdmin(PeriodicTaskAdmin):  # type: ignore[misc]  # comes without types
    """The library's page; whatever it changes, in whichever of its ways, is noted in the same transaction."""

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer the library's actions, each of which changes or runs a task, to whoever may change one."""
        return super().get_actions(request) if self.has_change_permission(request) else {}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list, and run its actions."""
        with transaction.atomic():
            response = super().changelist_view(request, extra_context)
            _note(request)
        return response

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show and save one."""
        with transaction.atomic():
            response = super().changeform_view(request, *args, **kwargs)
            _note(request)
        return response

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Delete one."""
        with transaction.atomic():
            response = super().delete_view(request, *args, **kwargs)
            _note(request)
        return response


def _note(request: HttpRequest) -> None:
    if request.method == "POST":
        schedules.note_edit(actor=request.user.get_username(), now=bootstrap.utc_now())


admin.site.unregister(PeriodicTask)
admin.site.register(PeriodicTask, ScheduleAdmin)
