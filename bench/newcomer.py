"""`python -m bench newcomer`: from the start to "my own worker trades and I see why", by the screen alone.

A fresh home, a real browser, and only what a newcomer sees: the password that is printed, the buttons and
fields by their labels, the settings of a worker that is seen trading. What a person takes to read is not in
it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright

from bench.stack import Stack, start
from tests.support.browser import FLAGS, PHONE, find_chromium

NAME, LIKE = "mine", "Starter dips"
LIMIT_MS = 180_000
BAR_S = 180.0
# Letters of the page of reasons that are kept.
TOLD = 600


def measure() -> dict[str, Any]:
    """Give the second at which each step was done, from the start of the stack on; None = not in LIMIT_MS."""
    program = find_chromium()
    if program is None:
        raise SystemExit("newcomer needs Chromium on this machine")
    with tempfile.TemporaryDirectory(prefix="fc-newcomer-") as folder, sync_playwright() as playwright:
        began_s = time.monotonic()
        steps: dict[str, float | None] = {}
        with start(Path(folder)) as stack:
            steps["stack is ready"] = time.monotonic() - began_s
            # As it comes; `start` lets the workers of other measurements grow.
            first = ("--max-workers", "1", "--max-trade-notional", "10")
            stack.manage("rollout", "define", "first", *first, "--reason", "bench")
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
            width, height = PHONE
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(LIMIT_MS)
            for name, step in STEPS.items():
                try:
                    step(page, stack)
                except Error:
                    steps[name] = None  # the way goes on: why there is no trade is to be seen as well
                else:
                    steps[name] = time.monotonic() - began_s
            told = page.locator("main").inner_text()
            browser.close()
    return {"steps_s": steps, "told": told[:TOLD], "bar_s": BAR_S, "load_1m": os.getloadavg()[0]}


def _log_in(page: Page, stack: Stack) -> None:
    said = (stack.home / "said.txt").read_text(encoding="utf-8")
    address, password = (
        re.search(r"http://\S+", said),
        re.search(r"password \(shown this once\): (\S+)", said),
    )
    if address is None or password is None:
        raise SystemExit("the stack told no address or no password")
    page.goto(address[0])
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(password[1])
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()
    page.locator("main[aria-busy=false]").wait_for()


def _make_worker(page: Page, _: Stack) -> None:
    page.get_by_role("button", name="New worker").click()
    form = page.get_by_role("dialog", name="New worker")
    form.get_by_label("Name").fill(NAME)
    form.get_by_label("Like").select_option(LIKE)
    form.get_by_role("button", name="Make it").click()
    page.locator(".worker", has_text=NAME).wait_for()


def _see_a_trade(page: Page, _: Stack) -> None:
    """Wait until a trade of the own worker is shown, open or closed."""
    page.locator(".trade, #closed-trades tr", has_text=NAME).first.wait_for()


def _see_why(page: Page, _: Stack) -> None:
    page.get_by_role("link", name=f"Why {NAME} trades or not").click()
    page.locator(".decision, .checks tbody tr").first.wait_for()


STEPS = {
    "logged in, dashboard is live": _log_in,
    "own worker is made": _make_worker,
    "own worker's first trade is shown": _see_a_trade,
    "why it trades is shown": _see_why,
}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
