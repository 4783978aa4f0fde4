"""Chromium as the tests drive it: where it is, how it is started, and what every page must keep to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESKTOP = (375, 812), (1440, 900)
LIMIT_MS = 45_000
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
    is_fresh: bool = False
    complaints: list[str] = field(default_factory=list)

    def leave(self) -> None:
        """Close the page, and the profile that nobody else uses."""
        if self.is_fresh:
            self.context.close()
        else:
            self.page.close()

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
                .map((node) => [node, (node.closest("label") ?? node).getBoundingClientRect()])
                .filter(([, box]) => box.width && (box.height < least - 0.5 || box.width < least - 0.5))
                .map(([node, box]) => `${node.outerHTML.slice(0, 90)} ${box.width}x${box.height}`)""",
            [TARGETS, TOUCH_PX],
        )
        return found


class Profiles:
    """Profiles of the operator, logged in: one a screen is kept, as people do; a fresh one stands alone."""

    def __init__(self, browser: Browser, origin: str, cookies: list[dict[str, str]]) -> None:
        self._browser = browser
        self._origin = origin
        self._cookies = cookies
        self._kept: dict[tuple[int, int], BrowserContext] = {}

    def visit(
        self, *, size: tuple[int, int], prepare: Callable[[Page], None] = lambda page: None, is_fresh: bool
    ) -> Visitor:
        """Open an empty page.

        Args:
            prepare: What to do to the page before it goes anywhere.
            is_fresh: In a profile of its own: needed where the test changes cookies or the clock.
        """
        if is_fresh:
            context = self._make(size)
        else:
            context = self._kept[size] = self._kept.get(size) or self._make(size)
        page = context.new_page()
        visitor = Visitor(context, page, is_fresh)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on("console", lambda said: _note_error(visitor, said))
        page.on("request", lambda request: _note_stranger(visitor, request, self._origin))
        prepare(page)
        return visitor

    def _make(self, size: tuple[int, int]) -> BrowserContext:
        width, height = size
        context = self._browser.new_context(
            base_url=self._origin, viewport={"width": width, "height": height}, has_touch=size == PHONE
        )
        context.set_default_timeout(LIMIT_MS)
        context.add_cookies(self._cookies)  # type: ignore[arg-type]  # as Playwright gave them
        return context


def _note_error(visitor: Visitor, said: ConsoleMessage) -> None:
    if said.type == "error":
        visitor.complaints.append(f"{said.text} {said.location['url']}")


def _note_stranger(visitor: Visitor, request: Request, origin: str) -> None:
    if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(origin):
        visitor.complaints.append(f"asked {request.url}")
