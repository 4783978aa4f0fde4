"""The whole account: what it may do, the kill switch, and how much it may risk. Acts go through services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminTextInputWidget

from trading import bootstrap
from trading.admin.actions import OPERATE, Act, Call, confirm
from trading.admin.base import LookedAdmin, column
from trading.domain.risk import TradingState
from trading.domain.values import to_text
from trading.models import AccountLimit, TradingControl
from trading.selectors.leftovers import what_is_left
from trading.selectors.limits import LimitFigures, limit_figures
from trading.services import control, limits
from trading.services.control import KillLevel

LIST = "admin:trading_tradingcontrol_changelist"
NO_LIMIT = "no limit"


@dataclass(frozen=True, slots=True)
class Account:
    """What an act on the account is asked for, as the confirm page shows it."""

    state: str
    open_count: int

    def __str__(self) -> str:
        return "The whole account"


def _kill(level: KillLevel) -> Callable[[Any, Call], str]:
    def run(account: Account, call: Call) -> str:
        return control.kill(level, actor=call.actor, desk=bootstrap.get_desk(), reason=call.reason).sentence

    return run


def _resume(account: Account, call: Call) -> str:
    control.set_trading_state(
        TradingState.ACTIVE, actor=call.actor, now=bootstrap.utc_now(), reason=call.reason
    )
    return "Trading is ACTIVE. Active workers open trades from their next turn on."


ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            "entries",
            "Stop entries",
            "No worker opens a trade any more. What is open keeps its exits.",
            _kill(KillLevel.ENTRIES),
            is_dangerous=True,
        ),
        Act(
            "cancel",
            "Cancel entries",
            "No worker opens a trade any more, and entries that still work are cancelled.",
            _kill(KillLevel.CANCEL),
            is_dangerous=True,
        ),
        Act(
            "flatten",
            "Flatten",
            "No worker opens a trade any more, entries are cancelled, and everything held is sold at market, "
            "at once. Fees and slippage are paid.",
            _kill(KillLevel.FLATTEN),
            is_dangerous=True,
        ),
        Act("resume", "Resume", "Active workers may open trades again.", _resume),
    )
}


@admin.register(TradingControl)
class TradingControlAdmin(LookedAdmin):
    """What the whole account may do, the kill switch, and what is left of its trading now."""

    list_display = ("state", "changed_at", "changed_by", "reason")
    list_before_template = "admin/trading/kill_switch.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the switch and what is left above the row."""
        left = what_is_left()
        offered = [
            act for act in ACTS.values() if act.name != "resume" or left.trading_state != TradingState.ACTIVE
        ]
        context = {
            "title": "Trading state",
            "left": left,
            "acts": offered if request.user.has_perm(OPERATE) else [],
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        """Add the confirm page of an act."""
        view = self.admin_site.admin_view(self.act_view)
        return [path("act/<slug:name>/", view, name="trading_tradingcontrol_act"), *super().get_urls()]

    def act_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Confirm and run one act on the account."""
        if name not in ACTS:
            messages.error(request, f"No act is called {name!r}.")
            return HttpResponseRedirect(reverse(LIST))
        left = what_is_left()
        return confirm(request, ACTS[name], [Account(left.trading_state, left.open_trades)], page=self)


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    """Limits of one quote asset; an empty field is no limit."""

    reason = forms.CharField(
        label="Why", required=False, max_length=300, widget=UnfoldAdminTextInputWidget(), help_text="Journal"
    )

    class Meta:
        model = AccountLimit
        fields = ("quote_asset", *limits.FIELDS)
        widgets = {"quote_asset": UnfoldAdminTextInputWidget()}
        help_texts = {
            "quote_asset": "What is paid with, say USDT",
            "max_exposure": "In all open trades together, quote asset; empty = no limit",
            "max_symbol_exposure": "In one symbol, quote asset; empty = no limit",
            "max_daily_loss": "Loss since 00:00 UTC that stops new entries, with what open trades would "
            "lose at the bid; quote asset, empty = no limit",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in limits.FIELDS:
            amount = self.initial.get(name)
            self.initial[name] = None if amount is None else to_text(amount)

    def clean_quote_asset(self) -> str:
        """Take an asset in any case."""
        return str(self.cleaned_data["quote_asset"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        """Tell what is wrong at its field, by the service's rules."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        asset = cleaned.get("quote_asset") or self.instance.quote_asset
        try:
            limits.check_limits(asset, self.changes(cleaned))
        except limits.InvalidLimits as error:
            for name, text in error.problems.items():
                if name not in self.errors:
                    self.add_error(name if name in self.fields else None, text)
        return cleaned

    def changes(self, cleaned: Mapping[str, Any]) -> dict[str, Decimal | None]:
        """Give the limits that the form holds."""
        return {name: cleaned[name] for name in limits.FIELDS if name in cleaned}


@admin.register(AccountLimit)
class AccountLimitAdmin(LookedAdmin):
    """What all workers together may risk and lose, by quote asset."""

    form = LimitForm
    fields = ("quote_asset", *limits.FIELDS, "reason")
    list_display = ("quote_asset", "at_risk", "in_one_symbol", "lost_today", "changed_at", "changed_by")
    ordering = ("quote_asset",)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Limits are set here."""
        return bool(request.user.has_perm("trading.add_accountlimit"))

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Limits are changed here."""
        return bool(request.user.has_perm("trading.change_accountlimit"))

    def get_readonly_fields(self, request: HttpRequest, obj: AccountLimit | None = None) -> tuple[str, ...]:
        """Keep the asset once it is given."""
        return ("quote_asset",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: AccountLimit, form: LimitForm, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Set the limits through the service."""
        saved = limits.set_limits(
            obj.quote_asset,
            form.changes(form.cleaned_data),
            actor=request.user.get_username(),
            now=bootstrap.utc_now(),
            reason=form.cleaned_data["reason"],
        )
        obj.__dict__.update(saved.__dict__)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read what counts against the limits once for the whole page."""
        page = super().get_changelist_instance(request)
        figures = {row["quote_asset"]: row for row in limit_figures(now=bootstrap.utc_now(), bids=None)}
        for row in page.result_list:
            row.figures = figures[row.quote_asset]
        return page

    @column("At risk")
    def at_risk(self, row: Any) -> str:
        """Give what open trades bind, and the limit."""
        return f"{row.figures['exposure']} of {_limit(row.max_exposure)}"

    @column("In one symbol")
    def in_one_symbol(self, row: Any) -> str:
        """Give the largest exposure in a symbol, and the limit."""
        figures: LimitFigures = row.figures
        symbol = f" on {figures['largest_symbol']}" if figures["largest_symbol"] else ""
        return f"{figures['largest_symbol_exposure']}{symbol} of {_limit(row.max_symbol_exposure)}"

    @column("Lost since 00:00 UTC")
    def lost_today(self, row: Any) -> str:
        """Give the day's loss, and the limit."""
        figures: LimitFigures = row.figures
        reached = ", REACHED: no new entries" if figures["daily_loss_reached"] else ""
        return f"{figures['daily_loss']} of {_limit(row.max_daily_loss)}{reached}"


def _limit(amount: Decimal | None) -> str:
    return NO_LIMIT if amount is None else to_text(amount)
