"""The admin in a real browser: nobody is kept out, it fits a phone, and is there with the first answer."""

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

# What the font of icons does not know stays a word, which is wider than a sign.
WORDS = """async () => {
  await document.fonts.load('16px "Material Symbols Outlined"');
  return [...document.querySelectorAll(".material-symbols-outlined")].filter((node) => {
    node.getAnimations().forEach((turn) => turn.finish());  // one that is half turned is wider
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().width > 1.5 * parseFloat(getComputedStyle(node).fontSize);
  }).map((node) => node.textContent.trim());
}"""


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


@pytest.mark.parametrize("name", PAGES)
def test_every_icon_is_in_the_font_that_was_cut(open_page: Opening, stack: Stack, name: str) -> None:
    visitor = open_page(address(stack, name), size=DESKTOP, wait=False)

    assert visitor.page.locator(".material-symbols-outlined").count() > 20
    assert visitor.page.evaluate(WORDS) == []


def test_the_login_keeps_nobody_out(open_page: Opening) -> None:
    visitor = open_page("/admin/login/", size=PHONE, wait=False, is_fresh=True)
    visitor.context.clear_cookies()
    visitor.page.goto("/admin/login/")

    assert violations(visitor.page) == []


def lose_files(page: Page) -> None:
    """Let no script and no style sheet ever come."""
    page.route("**/static/**", lambda route: route.abort())


def test_a_page_is_shown_before_any_file_of_it_is_there(open_page: Opening) -> None:
    visitor = open_page(
        "/admin/trading/worker/",
        size=PHONE,
        wait=False,
        is_fresh=True,
        prepare=lose_files,
    )

    assert visitor.page.locator("#result_list").is_visible()
    assert not visitor.page.get_by_role("dialog").is_visible()
    assert visitor.page.locator("body").evaluate("node => getComputedStyle(node).fontSize") == "14px"
    assert visitor.overflow_px() == 0
    visitor.complaints.clear()  # that files did not come is a complaint to the browser


def test_the_light_that_was_chosen_is_that_of_the_next_page_before_its_scripts(open_page: Opening) -> None:
    visitor = open_page("/admin/", size=PHONE, wait=False, is_fresh=True)
    visitor.page.evaluate("localStorage.setItem('_x_adminTheme', '\"dark\"')")
    visitor.page.reload()
    visitor.page.locator("html.dark").wait_for()
    lose_files(visitor.page)
    visitor.page.goto("/admin/trading/worker/")

    assert visitor.page.locator("html.dark").count() == 1
    visitor.complaints.clear()
