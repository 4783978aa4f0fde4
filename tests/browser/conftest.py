"""One real stack for all browser tests of a session; each test looks at it through profiles of its own."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.stack import Stack, running
from tests.support.browser import DESKTOP, FLAGS, LIMIT_MS, PHONE, Profiles, Visitor, find_chromium

# A password is hashed long on purpose, and longer where the machine has other work.
LOGIN_LIMIT_MS = 60_000
# ETHBTC is what no starter worker trades: what a worker decides about it hangs on nobody else.
SYMBOLS = "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT,XRPUSDT,ADAUSDT,DOGEUSDT,ETHBTC"


class Opening(Protocol):
    """Opens a path at a size, logged in."""

    def __call__(
        self,
        path: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        prepare: Callable[[Page], None] = ...,
        wait: bool = True,
        is_fresh: bool = False,
    ) -> Visitor: ...


@pytest.fixture(autouse=True)
def _in_one_group(request: pytest.FixtureRequest) -> None:
    """One worker runs all of these: several stacks and browsers at once are too much for two processors."""
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@browser")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole product on a synthetic market, with its starter workers."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DJANGO_SETTINGS_MODULE")  # the suite's own; the stack has the product's
        environment.setenv("FASTCYCLE_ENV_FILE", os.devnull)
        with running("--seed", "7", "--symbols", SYMBOLS) as stack:
            yield stack


@pytest.fixture(scope="session")
def origin(stack: Stack) -> str:
    """Where the site is."""
    return f"http://127.0.0.1:{stack.port}"


# The browser ends with this package: its event loop must not be left to tests that have one of their own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A running browser."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine")
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def cookies(chromium: Browser, stack: Stack, origin: str) -> list[dict[str, str]]:
    """What the browser holds after the operator logged in with the password that was printed."""
    said = (stack.home / "said.txt").read_text(encoding="utf-8")
    password = re.search(r"password \(shown this once\): (\S+)", said)
    assert password is not None, said
    context = chromium.new_context()
    context.set_default_timeout(LOGIN_LIMIT_MS)
    page = context.new_page()
    page.goto(f"{origin}/admin/login/?next=/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(password[1])
    page.locator("form [type=submit]").click()
    page.wait_for_url(f"{origin}/")
    held: list[dict[str, str]] = context.cookies()  # type: ignore[assignment]  # mappings of texts
    context.close()
    return held


@pytest.fixture(scope="package")
def profiles(chromium: Browser, origin: str, cookies: list[dict[str, str]]) -> Profiles:
    """The profiles of the operator: one a screen, whose cache is warm after the first page, or a new one."""
    return Profiles(chromium, origin, cookies)


@pytest.fixture
def open_page(profiles: Profiles) -> Iterator[Opening]:
    """Open pages; in the end none of them may have complained or asked another site."""
    visitors: list[Visitor] = []

    def open_one(
        path: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        prepare: Callable[[Page], None] = lambda page: None,
        wait: bool = True,
        is_fresh: bool = False,
    ) -> Visitor:
        visitor = profiles.visit(size=size, prepare=prepare, is_fresh=is_fresh)
        visitors.append(visitor)
        visitor.page.goto(path)
        if wait:
            visitor.page.locator("main[aria-busy=false]").wait_for()
        return visitor

    yield open_one
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.leave()
    assert not complaints


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Each of the two screens."""
    chosen: tuple[int, int] = request.param
    return chosen


class Act(Protocol):
    """Does one of the operator's acts without a page, to set a scene."""

    def __call__(self, path: str, **fields: str) -> dict[str, Any]: ...


@pytest.fixture
def act(origin: str, cookies: list[dict[str, str]]) -> Act:
    """Act as the operator."""

    def act_once(path: str, **fields: str) -> dict[str, Any]:
        token = next(each["value"] for each in cookies if each["name"] == "csrftoken")
        jar = "; ".join(f"{each['name']}={each['value']}" for each in cookies)
        request = urllib.request.Request(
            f"{origin}{path}",
            data=urllib.parse.urlencode(fields).encode(),
            headers={"Cookie": jar, "X-CSRFToken": token, "Referer": origin},
        )
        with urllib.request.urlopen(request) as reply:
            answer: dict[str, Any] = json.loads(reply.read())
            return answer

    return act_once


@pytest.fixture
def trading(stack: Stack, act: Act) -> Iterator[None]:
    """Trading is active and both starter workers run, before and after the test."""

    def restore() -> None:
        act("/act/trading-state/active")
        for worker in stack.rows("select id, state from trading_worker where not is_deleted"):
            if worker[1] != "ACTIVE":
                act(f"/act/workers/{worker[0]}/start")

    restore()
    yield
    restore()
