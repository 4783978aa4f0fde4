"""Chromium as the tests drive it: where it is, how it is started, and what every page must keep to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESKTOP = (375, 812), (1440, 900)
LIMIT_MS = 15_000
TOUCH_PX = 44
# Everything that a finger is meant to hit; a link inside a sentence is text, as WCAG 2.5.8 has it.
TARGETS = "button, select, input:not([type=hidden]), summary, a.button, nav a, .list a, [role=slider]"
SCREENSHOTS = Path(__file__).resolve().parent.parent / "browser" / "out"


def find_chromium() -> str | None:
    """Give the browser's program, or None where this machine has none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@dataclass
class Visitor:
    """One operator in front of one screen; `page` is what is open there."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def screenshot(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture for a person to look at."""
        width = (self.page.viewport_size or {"width": 0})["width"]
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=whole)

    def text(self, selector: str) -> str:
        """Give the text of the first match, blanks joined."""
        return re.sub(r"\s+", " ", self.page.locator(selector).first.inner_text()).strip()

    def overflow_px(self) -> int:
        """Give how far the page can be pushed sideways."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))

    def small_targets(self) -> list[str]:
        """Give what is shown for a finger and is smaller than it."""
        found: list[str] = self.page.evaluate(
            """([selector, least]) => [...document.querySelectorAll(selector)]
                .filter((node) => node.checkVisibility({ visibilityProperty: true }))
                .map((node) => [node, node.getBoundingClientRect()])
                .filter(([, box]) => box.width && (box.height < least - 0.5 || box.width < least - 0.5))
                .map(([node, box]) => `${node.outerHTML.slice(0, 90)} ${box.width}x${box.height}`)""",
            [TARGETS, TOUCH_PX],
        )
        return found


def visit(
    browser: Browser,
    origin: str,
    *,
    size: tuple[int, int],
    cookies: list[dict[str, str]],
    prepare: Callable[[Page], None] = lambda page: None,
    **options: object,
) -> Visitor:
    """Open a page of the site in a profile of its own.

    Args:
        prepare: What to do to the page before it goes anywhere.
        options: Of Playwright's `new_context`.
    """
    width, height = size
    context = browser.new_context(
        base_url=origin,
        viewport={"width": width, "height": height},
        has_touch=size == PHONE,
        **options,  # type: ignore[arg-type]  # Playwright checks them
    )
    context.set_default_timeout(LIMIT_MS)
    context.add_cookies(cookies)  # type: ignore[arg-type]  # as Playwright gave them
    page = context.new_page()
    visitor = Visitor(context, page)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on("console", lambda said: visitor.complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: _note_stranger(visitor, request, origin))
    prepare(page)
    return visitor


def _note_stranger(visitor: Visitor, request: Request, origin: str) -> None:
    if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(origin):
        visitor.complaints.append(f"asked {request.url}")
