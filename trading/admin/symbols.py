"""Symbols: the venue's rules, read-only, and the blacklist, which is written through services.blacklist."""

from __future__ import annotations

from typing import Any

import redis
from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from trading import bootstrap
from trading.admin.actions import LIFT, confirm
from trading.admin.base import CappedPaginator, LedgerAdmin, LookedAdmin, column, moment, number
from trading.admin.imports import import_view, offered
from trading.models import BlacklistEntry, InstrumentRow
from trading.selectors.instruments import missed_of, to_instrument
from trading.selectors.symbol_risk import list_risks
from trading.services import blacklist, imports

MANUAL = "MANUAL"


class BlacklistForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    """Which symbol is barred, why, and until when."""

    class Meta:
        model = BlacklistEntry
        fields = ("symbol", "reason", "note", "expires_at")
        widgets = {"symbol": UnfoldAdminTextInputWidget(), "reason": UnfoldAdminTextInputWidget()}

    def clean_symbol(self) -> str:
        """Take a symbol in any case; it must be one of the venue's where those are known."""
        symbol = str(self.cleaned_data["symbol"]).strip().upper()
        if not symbol.isalnum():
            raise forms.ValidationError("A symbol of the venue, say BTCUSDT.")
        if InstrumentRow.objects.exists() and not InstrumentRow.objects.filter(symbol=symbol).exists():
            raise forms.ValidationError(f"{symbol} is not traded on this venue.")
        return symbol

    def clean_expires_at(self) -> Any:
        """An entry must end in the future, or never."""
        moment_ = self.cleaned_data["expires_at"]
        if moment_ is not None and moment_ <= bootstrap.utc_now():
            raise forms.ValidationError("In the future (UTC), or empty for until lifted.")
        return moment_


@admin.register(BlacklistEntry)
class BlacklistAdmin(LedgerAdmin):
    """Barred symbols, the live ones first."""

    export_kind = "blacklist"
    form = BlacklistForm
    fields = ("symbol", "reason", "note", "expires_at")
    list_display = ("symbol", "standing", "reason", "note", "missed", "created_by", "created", "expires")
    list_filter = ("reason",)
    search_fields = ("symbol", "note")
    ordering = ("lifted_at", "-created_at")
    actions = ("lift",)
    actions_list = ("import_file",)

    @offered
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Bar the symbols of a file."""
        return import_view(request, imports.plan_blacklist, page=self, what="blacklist")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the reason of a person."""
        return {"reason": MANUAL}

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Symbols are barred here."""
        return bool(request.user.has_perm("trading.add_blacklistentry"))

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Say who may lift a bar."""
        return bool(request.user.has_perm(LIFT.permission))

    def save_model(self, request: HttpRequest, obj: BlacklistEntry, form: forms.Form, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Bar the symbol through the service."""
        made = blacklist.bar_symbol(
            obj.symbol,
            reason=obj.reason,
            note=obj.note,
            expires_at=obj.expires_at,
            actor=request.user.get_username(),
            now=bootstrap.utc_now(),
        )
        obj.__dict__.update(made.__dict__)

    @admin.action(description="Lift the chosen", permissions=["lift"])
    def lift(self, request: HttpRequest, rows: QuerySet[BlacklistEntry]) -> HttpResponse:
        """Ask, then lift."""
        ids = ",".join(str(pk) for pk in rows.values_list("pk", flat=True))
        return HttpResponseRedirect(f"{reverse('admin:trading_blacklistentry_lift')}?ids={ids}")

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page."""
        view = self.admin_site.admin_view(self.lift_view)
        return [path("lift/", view, name="trading_blacklistentry_lift"), *super().get_urls()]

    def lift_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm and lift the entries that `ids` names."""
        ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdigit()]
        rows = list(BlacklistEntry.objects.filter(pk__in=ids, lifted_at__isnull=True))
        return confirm(request, LIFT, rows, page=self)

    @column("Standing", label={"barred": "danger", "expired": "info"})
    def standing(self, entry: BlacklistEntry) -> str:
        """Say whether it still bars the symbol."""
        if entry.lifted_at is not None:
            return "lifted"
        is_over = entry.expires_at is not None and entry.expires_at <= bootstrap.utc_now()
        return "expired" if is_over else "barred"

    @column("What it kept from being made", ordering="missed_pnl")
    def missed(self, entry: BlacklistEntry) -> str:
        """Tell what the barred trades would have made, after fees and slippage, and how many they are."""
        return str(missed_of(entry))

    @column("Since (UTC)", ordering="created_at")
    def created(self, entry: BlacklistEntry) -> str:
        """Give when it was barred."""
        return moment(entry.created_at)

    @column("Until (UTC)", ordering="expires_at")
    def expires(self, entry: BlacklistEntry) -> str:
        """Give when it ends by itself."""
        return moment(entry.expires_at) if entry.expires_at else "until lifted"


@admin.register(InstrumentRow)
class InstrumentAdmin(LookedAdmin):
    """Rules of the venue per symbol."""

    list_display = (
        *("symbol", "status", "risk", "protection"),
        *("shown_tick", "shown_step", "shown_notional", "volume"),
    )
    list_filter = ("status", "quote_asset")
    search_fields = ("symbol",)
    ordering = ("symbol",)
    paginator = CappedPaginator
    show_full_result_count = False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Work out the risk of all rows of the page together."""
        page = super().get_changelist_instance(request)
        symbols = [row.symbol for row in page.result_list]
        try:
            risks = list_risks(symbols, market=bootstrap.get_desk().market, now=bootstrap.utc_now())
        except redis.RedisError:
            risks = {}  # nobody knows
        for row in page.result_list:
            row.now_at_risk = risks.get(row.symbol)
        return page  # type: ignore[no-any-return]  # unfold comes without types

    @column("Risk now, of 100")
    def risk(self, row: InstrumentRow) -> str:
        """Give the risk of entering it now, with its parts; a dash where it is not followed or not known."""
        score = getattr(row, "now_at_risk", None)
        return "–" if score is None else str(score)

    @column("Best protection")
    def protection(self, row: InstrumentRow) -> str:
        """Give the strongest order list that the symbol allows."""
        return str(to_instrument(row).protection)

    @column("Tick")
    def shown_tick(self, row: InstrumentRow) -> str:
        """Give the price step."""
        return number(row.tick_size)

    @column("Step")
    def shown_step(self, row: InstrumentRow) -> str:
        """Give the quantity step."""
        return number(row.step_size)

    @column("Least notional")
    def shown_notional(self, row: InstrumentRow) -> str:
        """Give the smallest order, in the quote asset."""
        return number(row.min_notional)

    @column("24 h volume", ordering="quote_volume_24h")
    def volume(self, row: InstrumentRow) -> str:
        """Give the volume in the quote asset."""
        return number(row.quote_volume_24h)
