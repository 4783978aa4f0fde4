"""Tuning in the admin: the mode of each worker is set here, and each challenge shown with its evidence."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from intelligence.admin_runs import RunAdmin
from intelligence.models import Challenge, ModelVersion, Tuning, TuningMode
from trading import history
from trading.services import journal

__all__ = ["ChallengeAdmin", "ModelVersionAdmin", "RunAdmin", "TuningAdmin"]


@admin.register(Tuning)
class TuningAdmin(ModelAdmin):  # type: ignore[misc]  # comes without types
    """How far each worker may be tuned: off, advise, or automatic."""

    list_display = ("worker", "mode", "note", "tried", "challengers", "reviewed_at")
    readonly_fields = ("tried", "challengers", "reviewed_at", "note")
    fields = ("worker", "mode", *readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Tuning | None = None) -> tuple[str, ...]:
        """A row stays with its worker."""
        return self.readonly_fields if obj is None else ("worker", *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Off is a mode; what was tried must stay known."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Tuning,
        form: ModelForm[Any],
        change: bool,  # noqa: FBT001 -- Django calls it so
    ) -> None:
        """Save with its journal row."""
        before = form.initial.get("mode", TuningMode.OFF.value)
        super().save_model(request, obj, form, change)
        journal.write(
            "worker.tuning",
            f"worker:{obj.worker_id}",
            actor=request.user.get_username(),
            now=history.now(),
            before={"mode": str(before)},
            after={"mode": str(obj.mode)},
        )


class LookedAdmin(ModelAdmin):  # type: ignore[misc]  # comes without types
    """A page that is only looked at: learning adds and changes, evidence stays."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Learning adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Learning changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Evidence stays."""
        return False


@admin.register(Challenge)
class ChallengeAdmin(LookedAdmin):
    """Each proposed change, the newest first: what moved, on which evidence, and what became of it."""

    list_display = ("__str__", "worker", "state", "proof", "confidence", "begun_at", "ended_at")
    list_filter = ("state", "worker")
    list_select_related = ("worker",)

    @display(description="Evidence (needs 20 and more)")  # type: ignore[untyped-decorator]  # comes without types
    def proof(self, challenge: Challenge) -> str:
        """Say what the shadow has shown."""
        seen = challenge.evidence.get("shadow")
        if not seen:
            return "none yet"
        return f"{seen['better']:.1f} better, {seen['gaining']:.1f} gaining; {seen['trades']} trades"


@admin.register(ModelVersion)
class ModelVersionAdmin(LookedAdmin):
    """Trained models, the newest first, with what they were worth on signals they had not seen."""

    list_display = ("__str__", "standing", "worth", "heaviest", "seen_since", "trained_at")
    list_filter = ("strategy", "is_proven")

    @display(description="Standing")  # type: ignore[untyped-decorator]  # as above
    def standing(self, version: ModelVersion) -> str:
        """Say whether it may be listened to."""
        if not version.is_proven:
            return "not proven"
        if version.drifted_at is not None:
            return f"drifted since {version.drifted_at:%Y-%m-%d %H:%M}: not listened to"
        return "proven"

    @display(description="Signals since")  # type: ignore[untyped-decorator]  # as above
    def seen_since(self, version: ModelVersion) -> str:
        """Say what the watch for drift found last."""
        return str(version.drift.get("note", "not looked at yet"))

    @display(description="All signals, those let through")  # type: ignore[untyped-decorator]  # as above
    def worth(self, version: ModelVersion) -> str:
        """Say what a trade made, of all and of those that the model lets through."""
        seen = version.judgement
        return (
            f"{seen['all_bps']:+.1f} bps, {seen['taken_bps']:+.1f} bps ({seen['taken']} of {seen['judged']})"
        )

    @display(description="Heaviest features")  # type: ignore[untyped-decorator]  # as above
    def heaviest(self, version: ModelVersion) -> str:
        """Name what it looks at most."""
        return ", ".join(f"{name} {share:.0%}" for name, share in version.importances[:3])
