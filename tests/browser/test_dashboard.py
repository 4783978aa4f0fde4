"""The live dashboard in a real browser, at phone and desktop size, over a stack that trades."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from bench.stack import Stack
from tests.browser.conftest import Act, Opening
from tests.support.browser import DESKTOP, PHONE, Visitor
from tests.support.servers import wait_until
from trading.domain.performance import wilson_interval

pytestmark = [pytest.mark.story, pytest.mark.timeout(90), pytest.mark.xdist_group("browser")]
HELD_MS = 1350
TRADE_LIMIT_MS = 90_000
ORDERS_OF_OPEN_TRADES = """
    select trade.symbol, trade.state, placed.role, placed.status, placed.filled_qty, placed.reason,
        placed.created_at
    from trading_trade trade join trading_order placed on placed.trade_id = trade.id
    where trade.state in ('OPENING', 'OPEN', 'CLOSING') order by placed.id"""


def hold(visitor: Visitor, name: str) -> None:
    """Hold a button down with the mouse for as long as it asks; a fresh page's clock is moved on for it."""
    visitor.page.get_by_role("button", name=name).hover()  # which waits until it stands still
    visitor.page.clock.install()
    visitor.page.mouse.down()
    visitor.page.clock.fast_forward(HELD_MS)
    visitor.page.mouse.up()


def held_trade(visitor: Visitor) -> Any:
    """Wait for an open trade that can be sold; give its card."""
    card = visitor.page.locator("#open-trades .trade", has=visitor.page.get_by_text("Sell…"))
    expect(card.first).to_be_visible(timeout=TRADE_LIMIT_MS)
    return card


def test_the_page_answers_the_three_questions_and_fits_the_screen(
    open_page: Opening, size: tuple[int, int], trading: None
) -> None:
    visitor = open_page(size=size)

    held_trade(visitor)
    visitor.page.locator("#chart").scroll_into_view_if_needed()
    expect(visitor.page.locator("#chart canvas").first).to_be_attached()
    expect(visitor.page.locator("#chart-note")).to_contain_text("Last close")
    visitor.page.evaluate("scrollTo(0, 0)")
    visitor.screenshot("dashboard", whole=True)

    assert "protected" in visitor.text("#q-protected .answer")
    assert "live" in visitor.text("#connection")
    assert visitor.overflow_px() == 0
    assert visitor.small_targets() == []
    assert re.search(r"Equity [\d,]+\.\d\d USDT", visitor.text("#q-money"))


def test_a_trade_is_sold_by_holding_the_button(
    open_page: Opening, size: tuple[int, int], stack: Stack, trading: None
) -> None:
    visitor = open_page(size=size, is_fresh=True)
    key = held_trade(visitor).first.get_attribute("data-key") or ""
    card = visitor.page.locator(f"[data-key={key}]")

    card.get_by_role("button", name=re.compile("^Sell")).click()
    visitor.screenshot("sell")
    hold(visitor, "Sell now")

    expect(card).to_have_count(0)
    rows = stack.rows("select exit_reason from trading_trade where id = ?", int(key[1:]))
    assert rows[0][0] in {"MANUAL", "TAKE_PROFIT", "STOP_LOSS", "MAX_HOLD"}  # its own exits may be quicker


def test_a_short_press_does_nothing(open_page: Opening, stack: Stack, trading: None) -> None:
    visitor = open_page()
    visitor.page.get_by_role("button", name="Stop…").click()

    visitor.page.get_by_role("button", name="3. Flatten").click()

    expect(visitor.page.get_by_role("button", name="3. Flatten")).to_contain_text("Hold to do it")
    assert stack.rows("select state from trading_tradingcontrol") == [("ACTIVE",)]


def test_the_kill_switch_needs_a_hold_and_two_screens_see_it(
    open_page: Opening, size: tuple[int, int], trading: None
) -> None:
    visitor, other = open_page(size=size, is_fresh=True), open_page(size=DESKTOP)
    visitor.page.get_by_role("button", name="Stop…").click()
    visitor.screenshot("kill")

    hold(visitor, "1. Stop entries")

    for each in (visitor, other):
        expect(each.page.locator("#control")).to_contain_text("exits only")
        expect(each.page.locator("#q-why .answer")).to_have_text("Trading is set to exits only")
    expect(visitor.page.get_by_role("dialog")).to_contain_text("What is left")
    visitor.page.get_by_role("button", name="Close").click()
    visitor.page.get_by_role("button", name="Stop…").click()
    visitor.page.get_by_role("button", name="Resume").click()
    expect(other.page.locator("#control")).to_contain_text("active")


def test_keys_alone_stop_trading_and_a_screen_reader_presses_twice(open_page: Opening, trading: None) -> None:
    visitor = open_page()
    visitor.page.get_by_role("button", name="Stop…").focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("button", name="2. Cancel entries").focus()

    visitor.page.keyboard.down("Enter")
    expect(visitor.page.get_by_text("Let go to do it")).to_be_visible()
    visitor.page.keyboard.up("Enter")

    expect(visitor.page.locator("#control")).to_contain_text("halted")
    visitor.page.get_by_role("button", name="Close").press("Enter")
    visitor.page.get_by_role("button", name="Stop…").click()
    level = visitor.page.get_by_role("button", name="1. Stop entries")
    level.evaluate("node => node.click()")
    expect(level).to_contain_text("Press again to do it")


def test_a_worker_is_made_stopped_started_drained_and_deleted(
    open_page: Opening, size: tuple[int, int], trading: None
) -> None:
    name = f"goes {size[0]}"
    visitor = open_page(size=size, is_fresh=True)
    visitor.page.get_by_role("button", name="New worker").click()
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Symbols", exact=True).fill("ethbtc")
    visitor.page.get_by_label("Amount of one trade").fill("0.01")
    visitor.page.get_by_label("Budget").fill("0.001")
    visitor.page.get_by_role("button", name="Make it").click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("budget: at least trade_notional")
    visitor.complaints.clear()  # that the form was refused is a complaint to the browser
    visitor.screenshot("new-worker")
    assert visitor.small_targets() == []
    visitor.page.get_by_label("Budget").fill("0.1")
    visitor.page.get_by_role("button", name="Make it").click()
    row = visitor.page.locator(".worker", has_text=name)
    chip = row.locator(".chip").first

    expect(chip).to_contain_text("active")
    for press, state in (("Stop", "stopped"), ("Start", "active"), ("Drain", "stopped")):
        row.get_by_role("button", name=f"{press} {name}").click()
        expect(chip).to_contain_text(state)  # it holds nothing, so it is drained at once
    row.get_by_role("button", name=f"More about {name}").click()
    visitor.screenshot("worker")
    hold(visitor, "Delete it")

    expect(row).to_have_count(0)


def test_an_alert_is_acknowledged(open_page: Opening, size: tuple[int, int], stack: Stack) -> None:
    code, text = f"NOT_A_CODE_{size[0]}", f"Something is not fine at {size[0]}"
    now = datetime.now(UTC).isoformat(sep=" ")
    stack.write(
        "insert into monitoring_alert (uid, code, subject, level, text, points, times, opened_at, seen_at,"
        " acknowledged_by, note) values (?, ?, '', 'WARNING', ?, 5, 1, ?, ?, '', '')",
        *(code, code, text, now, now),
    )
    visitor = open_page(size=size)

    visitor.page.get_by_role("button", name=f"Acknowledge: {text}").click()
    visitor.screenshot("alert")

    expect(visitor.page.locator(".alert", has_text=text)).to_contain_text("operator looks after it")
    assert stack.rows("select acknowledged_by from monitoring_alert where code = ?", code) == [("operator",)]


def test_without_a_network_the_last_snapshot_is_shown_as_old(open_page: Opening, stack: Stack) -> None:
    visitor = open_page(size=PHONE, is_fresh=True)
    expect(visitor.page.locator("#stale")).to_be_hidden()
    visitor.page.wait_for_function("navigator.serviceWorker.controller !== null")
    visitor.page.wait_for_function("caches.match('/').then((kept) => Boolean(kept))")

    visitor.context.set_offline(True)
    visitor.page.reload()

    expect(visitor.page.locator("#stale")).to_contain_text("Not live: this is how it was at")
    expect(visitor.page.locator("#connection")).to_contain_text("not live")
    expect(visitor.page.locator("#workers")).to_contain_text("Starter dips")
    visitor.screenshot("offline")
    visitor.context.set_offline(False)
    expect(visitor.page.locator("#connection")).to_have_text("live")
    expect(visitor.page.locator("#stale")).to_be_hidden()
    visitor.complaints.clear()  # that the network was gone is a complaint to the browser


def test_a_line_that_brought_no_snapshot_is_asked_for_one(open_page: Opening) -> None:
    line = Line()
    line.loses_snapshots = 1
    visitor = open_page(prepare=line.prepare, is_fresh=True, wait=False)

    expect(visitor.page.locator("#connection")).to_have_text("live")
    assert (line.loses_snapshots, line.snapshots) == (0, 1)


def test_the_win_rate_comes_with_its_interval(open_page: Opening) -> None:
    visitor = open_page()
    cases = [(0, 1), (1, 1), (3, 7), (450, 1000)]

    ours = visitor.page.evaluate(
        """async (cases) => { const { wilson } = await import("/static/monitoring/format.js");
            return cases.map(([wins, trades]) => wilson(wins, trades)); }""",
        cases,
    )

    assert ours == [pytest.approx(wilson_interval(*case), abs=1e-9) for case in cases]


def test_what_is_pressed_stays_while_prices_move(open_page: Opening, trading: None) -> None:
    visitor = open_page(size=PHONE)
    sell = held_trade(visitor).first.get_by_text("Sell…")
    sell.focus()
    sell.evaluate("node => { window.pressed = node; }")
    before = visitor.page.locator("#prices").inner_text()

    expect(visitor.page.locator("#prices")).not_to_have_text(before)
    visitor.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    assert visitor.page.evaluate("window.pressed === document.activeElement || !window.pressed.isConnected")


class Line:
    """The socket of a page, which can be cut, silenced and counted."""

    def __init__(self) -> None:
        self.is_cut = self.is_silent = False
        self.snapshots = 0
        self.loses_snapshots = 0
        self._here: WebSocketRoute | None = None

    def prepare(self, page: Page) -> None:
        """Stand between the page and the server."""
        page.route_web_socket(re.compile("/ws/"), self._join)

    def _join(self, here: WebSocketRoute) -> None:
        if self.is_cut:
            here.close()
            return
        self._here, there = here, here.connect_to_server()
        there.on_message(lambda text: self._pass(here, text))

    def _pass(self, here: WebSocketRoute, text: str | bytes) -> None:
        is_snapshot = json.loads(text)["type"] == "snapshot"
        if is_snapshot and self.loses_snapshots:
            self.loses_snapshots -= 1
        elif not self.is_silent:
            self.snapshots += is_snapshot
            here.send(text)

    def cut(self) -> None:
        """Close the line and let none come back."""
        self.is_cut = True
        assert self._here is not None
        self._here.close()


def test_a_cut_line_comes_back_without_a_reload_and_nothing_is_lost(
    open_page: Opening, act: Act, trading: None
) -> None:
    line = Line()
    visitor = open_page(prepare=line.prepare)
    visitor.page.evaluate("window.isSame = true")

    line.cut()
    expect(visitor.page.locator("#connection")).to_contain_text("not live")
    act("/act/kill/entries")
    line.is_cut = False

    expect(visitor.page.locator("#control")).to_contain_text("exits only")
    expect(visitor.page.locator("#connection")).to_have_text("live")
    assert visitor.page.evaluate("window.isSame") is True


def test_a_line_that_went_silent_is_given_up_and_opened_anew(open_page: Opening) -> None:
    line = Line()
    visitor = open_page(prepare=line.prepare, is_fresh=True)
    line.is_silent = True
    visitor.page.clock.install()

    visitor.page.clock.run_for(8_000)
    expect(visitor.page.locator("#connection")).to_contain_text("not live")
    line.is_silent = False
    visitor.page.clock.run_for(8_000)

    expect(visitor.page.locator("#connection")).to_have_text("live")


def test_two_screens_show_the_same(open_page: Opening, act: Act, stack: Stack, trading: None) -> None:
    first, second = open_page(size=PHONE), open_page(size=DESKTOP)
    held_trade(first)
    act("/act/kill/flatten")

    def stored(visitor: Visitor) -> list[list[str]]:
        parts = ("#control", "#open-trades .empty", "#closed-trades tbody tr", "#worker-count")
        return [sorted(visitor.page.locator(part).all_text_contents()) for part in parts]

    try:
        expect(first.page.locator("#open-trades")).to_have_text("No trade is open.", timeout=TRADE_LIMIT_MS)
    except AssertionError as error:
        error.add_note("\n".join(map(str, stack.rows(ORDERS_OF_OPEN_TRADES))))
        raise
    wait_until(lambda: stored(first) == stored(second), limit_s=20, what="two equal screens")
