"""The admin in a real browser: nobody is kept out, it fits a phone, and is there before its scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from bench.stack import Stack
from tests.browser.conftest import Opening
from tests.support.axe import in_both_lights, violations
from tests.support.browser import DESKTOP, PHONE

pytestmark = [pytest.mark.story, pytest.mark.timeout(90), pytest.mark.xdist_group("browser")]
PAGES = {
    "index": "/admin/",
    "workers": "/admin/trading/worker/",
    "worker": "/admin/trading/worker/{worker}/change/",
    "new-worker": "/admin/trading/worker/add/",
    "confirm": "/admin/trading/worker/act/stop/?ids={worker}",
    "versions": "/admin/trading/worker/{worker}/versions/",
    "trades": "/admin/trading/trade/",
    "export": "/admin/trading/trade/export/",
    "kill-switch": "/admin/trading/tradingcontrol/",
    "import": "/admin/trading/blacklistentry/import-file/",
    "back-test": "/admin/intelligence/run/add/",
    "bring": "/admin/intelligence/run/bring-file/",
    "schedules": "/admin/django_celery_beat/periodictask/",
}


def address(stack: Stack, name: str) -> str:
    """Give the address of a page, of the first worker where it is one's."""
    (worker,) = stack.rows("select min(id) from trading_worker where not is_deleted")[0]
    return PAGES[name].format(worker=worker)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_admin_keeps_nobody_out_and_fits_a_phone(
    open_page: Opening, stack: Stack, name: str
) -> None:
    visitor = open_page(address(stack, name), size=PHONE, wait=False)

    assert visitor.overflow_px() == 0
    assert in_both_lights(visitor.page) == []


@pytest.mark.parametrize("name", ["workers", "worker", "trades"])
def test_a_wide_page_of_the_admin_keeps_nobody_out(open_page: Opening, stack: Stack, name: str) -> None:
    visitor = open_page(address(stack, name), size=DESKTOP, wait=False)

    assert violations(visitor.page) == []


def test_the_login_keeps_nobody_out(open_page: Opening) -> None:
    visitor = open_page("/admin/login/", size=PHONE, wait=False, is_fresh=True)
    visitor.context.clear_cookies()
    visitor.page.goto("/admin/login/")

    assert violations(visitor.page) == []


def lose_a_script(page: Page) -> None:
    """Let the script that the theme starts with never come."""
    page.route("**/alpine.js", lambda route: route.abort())


def test_a_page_is_shown_before_the_themes_scripts_are_there(open_page: Opening) -> None:
    visitor = open_page(
        "/admin/trading/worker/",
        size=PHONE,
        wait=False,
        is_fresh=True,
        prepare=lose_a_script,
    )

    assert visitor.page.locator("#result_list").is_visible()
    assert not visitor.page.get_by_role("dialog").is_visible()
    assert visitor.overflow_px() == 0
    visitor.complaints.clear()  # that the script did not come is a complaint to the browser
