"""The ledger against the venue: every reconcile, what others did, and how a difference is accepted."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from trading import bootstrap
from trading.admin.actions import Act, Call, confirm
from trading.admin.base import CappedPaginator, LedgerAdmin, LookedAdmin, column, moment, number
from trading.models import ExternalChange, ReconcileRun
from trading.services import reconcile
from trading.services.comparison import Difference


def _accept(difference: Difference, call: Call) -> str:
    reconcile.accept(
        difference.asset,
        expected=difference.amount,
        actor=call.actor,
        reason=call.reason,
        desk=bootstrap.get_desk(),
    )
    return f"{difference.asset}: the ledger follows the venue."


ACCEPT = Act(
    "accept",
    "Accept",
    "The ledger follows the venue by these amounts. Do it only when you know where they come from.",
    _accept,
    is_dangerous=True,
)


@admin.register(ReconcileRun)
class ReconcileRunAdmin(LookedAdmin):
    """Every comparison of the ledger with the venue, the newest first."""

    list_display = (
        "shown_at",
        "verdict",
        "what_differs",
        "unknown_orders",
        "foreign",
        "fills_added",
        "reason",
    )
    list_filter = ("reason",)
    ordering = ("-at", "-id")
    paginator = CappedPaginator
    show_full_result_count = False
    actions = ("accept",)

    def has_accept_permission(self, request: HttpRequest) -> bool:
        """Say who may accept a difference."""
        return bool(request.user.has_perm(ACCEPT.permission))

    @admin.action(description="Accept what differs", permissions=["accept"])
    def accept(self, request: HttpRequest, rows: QuerySet[ReconcileRun]) -> HttpResponse:
        """Ask, then accept what the newest of the chosen runs found."""
        newest = rows.order_by("-at", "-pk").first()
        return HttpResponseRedirect(
            f"{reverse('admin:trading_reconcilerun_accept')}?run={newest.pk if newest else ''}"
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.accept_view)
        return [path("accept/", view, name="trading_reconcilerun_accept"), *super().get_urls()]

    def accept_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm and accept the differences of a run, as far as they are still the same."""
        pk = request.GET.get("run", "")
        run = ReconcileRun.objects.filter(pk=pk).first() if pk.isdigit() else None
        found = run.differences if run is not None else []
        return confirm(request, ACCEPT, [Difference.from_json(each) for each in found], page=self)

    @column("At (UTC)", ordering="at")
    def shown_at(self, run: ReconcileRun) -> str:
        """Give the moment."""
        return moment(run.at)

    @column("Verdict", label={"clean": "success", "not clean": "danger"})
    def verdict(self, run: ReconcileRun) -> str:
        """Say whether nothing was unknown and nothing differed."""
        return "not clean" if run.differences or run.unknown_orders else "clean"

    @column("Differs")
    def what_differs(self, run: ReconcileRun) -> str:
        """Give each asset with what the venue holds more or less."""
        return ", ".join(f"{each['difference']} {each['asset']}" for each in run.differences) or "–"

    @column("Foreign orders")
    def foreign(self, run: ReconcileRun) -> str:
        """Name the open orders that are not ours."""
        orders = (f"{each['side']} {each['qty']} {each['symbol']}" for each in run.foreign_orders)
        return ", ".join(orders) or "–"


@admin.register(ExternalChange)
class ExternalChangeAdmin(LedgerAdmin):
    """What others did to the balances, the newest first."""

    export_kind = "external"
    list_display = ("happened", "kind", "asset", "shown_amount", "note", "booked_by")
    list_filter = ("kind", "asset")
    list_filter_submit = True
    search_fields = ("ref", "note")
    search_help_text = "Reference or note"
    ordering = ("-happened_at", "-id")

    @column("Happened (UTC)", ordering="happened_at")
    def happened(self, change: ExternalChange) -> str:
        """Give the venue's moment."""
        return moment(change.happened_at)

    @column("Amount")
    def shown_amount(self, change: ExternalChange) -> str:
        """Give the signed amount."""
        return number(change.amount)
