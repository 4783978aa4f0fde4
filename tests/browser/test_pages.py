"""The page that says why, and what every page owes to people who cannot see, point or read small print."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from bench.latency import WILLING
from bench.stack import Stack
from tests.browser.conftest import Act, Opening
from tests.support.axe import in_both_lights, violations
from tests.support.browser import DESKTOP, PHONE
from tests.support.servers import wait_until

pytestmark = [pytest.mark.story, pytest.mark.timeout(90), pytest.mark.xdist_group("browser")]
PAGES = {"dashboard": "/", "why": "/why/", "acceptance": "/acceptance/"}
ANALYSES = {
    "analysis": "/analysis/?period=all",
    "cuts": "/analysis/cuts/?period=all",
    "compare": "/analysis/compare/",
}

HASTY = {
    "strategy": "DIP_REVERSION", "interval": "1s",
    "universe": {"symbols": ["ADAUSDT", "DOGEUSDT", "XRPUSDT"]},
    "trade_notional": "20", "budget": "100", "take_profit_bps": 50, "stop_loss_bps": 50, "max_hold_s": 5,
    "max_spread_bps": 100,
    "parameters": {name: float(value) for name, value in (each.split("=") for each in WILLING)},
}  # fmt: skip
CLOSED = "select id from trading_trade where state = 'CLOSED' order by id desc limit 1"


@pytest.fixture
def trade(stack: Stack, act: Act, trading: None) -> int:
    """A trade that was closed; the first is of a worker that wants everything and holds it for seconds."""
    if not stack.rows(CLOSED):
        act("/act/workers/create", name="hasty", config=json.dumps(HASTY), start="yes")
        wait_until(lambda: bool(stack.rows(CLOSED)), limit_s=75, what="closed trade")
        (hasty,) = stack.rows("select id from trading_worker where name = 'hasty'")[0]
        act(f"/act/workers/{hasty}/stop")
        held = "select 1 from trading_trade where state in ('OPENING', 'OPEN', 'CLOSING') and worker_id = ?"
        wait_until(lambda: not stack.rows(held, hasty), limit_s=30, what="end of its other trades")
        act(f"/act/workers/{hasty}/delete")
    return int(stack.rows(CLOSED)[0][0])


@pytest.mark.parametrize("name", PAGES)
def test_our_pages_keep_nobody_out(open_page: Opening, trading: None, name: str) -> None:
    visitor = open_page(PAGES[name], size=PHONE, wait=False)
    visitor.page.locator(".trade, .decision, .criteria").first.wait_for(timeout=30_000)

    assert in_both_lights(visitor.page) == []


@pytest.mark.parametrize("name", ANALYSES)
def test_analysis_fits_the_screen_and_keeps_nobody_out(
    open_page: Opening, size: tuple[int, int], trade: int, name: str
) -> None:
    visitor = open_page(ANALYSES[name], size=size)
    expect(visitor.page.locator("#cuts-link")).to_have_count(0)  # its place is taken by the cuts
    visitor.screenshot(name, whole=True)

    assert visitor.overflow_px() == 0
    assert visitor.small_targets() == []
    assert (violations if size == DESKTOP else in_both_lights)(visitor.page) == []


def lose_the_script(page: Page) -> None:
    """Let the script of the analysis page never come."""
    page.route("**/analysis.js", lambda route: route.abort())


def test_the_cuts_are_a_page_where_no_script_takes_them_in(open_page: Opening, trade: int) -> None:
    visitor = open_page(ANALYSES["analysis"], size=PHONE, is_fresh=True, prepare=lose_the_script)
    visitor.page.get_by_role("link", name="By worker, symbol, hour").click()

    expect(visitor.page.get_by_role("heading", name="PnL by worker")).to_be_visible()
    visitor.complaints.clear()  # that the script did not come is a complaint to the browser


@pytest.fixture(scope="package")
def waits(stack: Stack) -> str:
    """The address of a worker that decides every second, alone on its symbol, and can never want to buy."""
    options = {
        "--strategy": "DIP_REVERSION", "--param": "z_entry=6", "--symbols": "ETHBTC", "--interval": "1s",
        "--trade-notional": "0.01", "--budget": "0.1", "--take-profit-bps": "50", "--stop-loss-bps": "50",
        "--max-hold-s": "600",
    }  # fmt: skip
    stack.create_worker("waits", *(word for option in options.items() for word in option))
    (worker_id,) = stack.rows("select id from trading_worker where name = 'waits'")[0]
    return f"/why/?worker={worker_id}"


def test_a_worker_says_what_stopped_it_with_value_and_limit(
    open_page: Opening, size: tuple[int, int], trading: None, waits: str
) -> None:
    visitor = open_page(waits, size=size)

    row = visitor.page.locator(".checks tbody tr").first
    for _ in range(20):  # a decision comes with each candle
        if row.count():
            break
        visitor.page.get_by_role("button", name="Look again").click()
    visitor.screenshot("why", whole=True)

    assert re.search(r"Strategy wants it \d[\d,]* times: ", visitor.text(".funnel"))
    assert re.search(r"(holds|fails)$", visitor.text(".checks tbody tr"))
    assert visitor.overflow_px() == 0
    assert visitor.small_targets() == []


def test_a_trade_says_why_it_was_bought_and_sold(
    open_page: Opening, size: tuple[int, int], trade: int
) -> None:
    visitor = open_page(f"/why/?trade={trade}", size=size)
    visitor.screenshot("why-trade", whole=True)

    assert "Every condition held: it bought." in visitor.text("main")
    assert re.search(r"Profit or loss after fees [−\d]", visitor.text("main"))
    expect(visitor.page.get_by_role("row", name=re.compile("^entry"))).to_be_visible()
    assert visitor.overflow_px() == 0
    assert violations(visitor.page) == []


def test_the_dashboard_can_be_installed(open_page: Opening) -> None:
    visitor = open_page()
    manifest = visitor.page.request.get("/manifest.webmanifest").json()

    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert visitor.page.request.get(icon["src"]).ok
