"""The account's pages: the kill switch behind its confirm page, limits through their service."""

from typing import Any

import pytest
from django.test import Client

from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.domain.values import to_text
from trading.models import AccountLimit, JournalEntry, Trade, TradingControl

pytestmark = pytest.mark.usefixtures("always")
STATE = "/admin/trading/tradingcontrol/"
LIMITS = "/admin/trading/accountlimit/"


def a_form(**changes: str) -> dict[str, str]:
    """What the operator fills in."""
    return {"quote_asset": "usdt", "max_exposure": "500", "max_symbol_exposure": "", **changes}


def errors_of(response: Any) -> dict[str, list[str]]:
    """Give the form's errors by field."""
    return dict(response.context["adminform"].form.errors)


def test_the_page_offers_three_levels_and_tells_what_is_open(site: Scene, operator: Client) -> None:
    a_worker(site)
    turn(site)
    site.pump()

    page = operator.get(STATE).content.decode()

    assert "1 open trades (1 protected)" in page
    qty = to_text(Trade.objects.get().qty)
    assert f"BTCUSDT: {qty} BTC held, protected, leaves by its own exits" in page
    assert all(f"{STATE}act/{level}/" in page for level in ("entries", "cancel", "flatten"))
    assert "Resume" not in page


@pytest.mark.parametrize(
    ("level", "state", "open_trades"),
    [("entries", "REDUCING", 1), ("cancel", "HALTED", 1), ("flatten", "HALTED", 0)],
)
def test_a_confirmed_level_is_pulled_and_answered_with_what_is_left(
    site: Scene, operator: Client, level: str, state: str, open_trades: int
) -> None:
    a_worker(site)
    turn(site)
    asked = operator.get(f"{STATE}act/{level}/").content.decode()
    assert not TradingControl.objects.filter(state=state).exists()

    done = operator.post(f"{STATE}act/{level}/", {"confirmed": "yes", "reason": "enough"}, follow=True)

    assert "The whole account · ACTIVE · 1 open trades" in asked
    assert f"Trading is {state}. Left now: {open_trades} open trades" in done.content.decode()
    entry = JournalEntry.objects.get(action="account.kill")
    assert (entry.actor, entry.after, entry.reason) == ("operator", {"level": level}, "enough")


def test_trading_is_resumed_from_the_page(site: Scene, operator: Client) -> None:
    operator.post(f"{STATE}act/cancel/", {"confirmed": "yes"})
    assert f"{STATE}act/resume/" in operator.get(STATE).content.decode()

    operator.post(f"{STATE}act/resume/", {"confirmed": "yes"})

    assert TradingControl.objects.get().state == "ACTIVE"


def test_a_viewer_sees_no_switch_and_pulls_none(site: Scene, viewer: Client) -> None:
    a_worker(site)
    turn(site)

    page = viewer.get(STATE)

    assert (page.status_code, "act/flatten" in page.content.decode()) == (200, False)
    assert viewer.post(f"{STATE}act/flatten/", {"confirmed": "yes"}).status_code == 403
    assert Trade.objects.get().state == "OPEN"


def test_limits_are_saved_through_their_service(site: Scene, operator: Client) -> None:
    operator.post(f"{LIMITS}add/", a_form())

    operator.post(f"{LIMITS}USDT/change/", a_form(max_exposure="", max_daily_loss="20", reason="calm"))

    row = AccountLimit.objects.get()
    entry = JournalEntry.objects.filter(action="limits.changed").latest("id")
    assert (row.quote_asset, row.max_exposure, row.changed_by) == ("USDT", None, "operator")
    assert (entry.before["max_exposure"], entry.after["max_daily_loss"], entry.reason) == (
        "500",
        "20",
        "calm",
    )
    assert "0 of 20" in operator.get(LIMITS).content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"quote_asset": "nosuch"}, "quote_asset", "nothing is paid with NOSUCH"),
        ({"max_exposure": "0"}, "max_exposure", "more than 0"),
        ({"max_daily_loss": "much"}, "max_daily_loss", "number"),
    ],
)
def test_a_wrong_limit_is_told_at_its_field(
    site: Scene, operator: Client, changes: dict[str, str], field: str, says: str
) -> None:
    response = operator.post(f"{LIMITS}add/", a_form(**changes))

    assert list(errors_of(response)) == [field]
    assert says in errors_of(response)[field][0]
    assert not AccountLimit.objects.exists()


def test_a_viewer_may_look_at_limits_but_not_change_them(
    site: Scene, operator: Client, viewer: Client
) -> None:
    operator.post(f"{LIMITS}add/", a_form())

    assert viewer.get(LIMITS).status_code == 200
    assert viewer.post(f"{LIMITS}USDT/change/", a_form(max_exposure="1")).status_code == 403
    assert viewer.get(f"{LIMITS}add/").status_code == 403
