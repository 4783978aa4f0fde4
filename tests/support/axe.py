"""What axe finds against a page: only what is wrong, on a page that stands still meanwhile.

Details of what is right would be most of the work and a megabyte of answer. A live page that goes on drawing
makes the browser lay it out anew for each of thousands of questions.
"""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# No stylesheet asks for an orientation, and no page has media: nothing is fetched again.
OPTIONS: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
CONTRAST: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
STAND_STILL = "window.requestAnimationFrame = () => 0"


def violations(page: Page, rules: dict[str, Any] | None = None) -> list[str]:
    """Give what axe finds, a line each."""
    page.evaluate(STAND_STILL)
    asked = {**OPTIONS, **(rules or {"runOnly": list(RULES)})}
    found = Axe().run(page, options=asked).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]} {node['any'][:1]}" for each in found for node in each["nodes"]
    ]


def in_both_lights(page: Page) -> list[str]:
    """Give what axe finds in light, and in dark what it finds against the colours."""
    light = violations(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("matchMedia('(prefers-color-scheme: dark)').matches", polling=50)
    return light + violations(page, CONTRAST)
