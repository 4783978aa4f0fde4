"""The live dashboard in a real browser, at phone and desktop size, over a stack that trades."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opening

pytestmark = [pytest.mark.story, pytest.mark.timeout(90), pytest.mark.xdist_group("browser")]


def test_the_page_answers_the_three_questions_and_fits_the_screen(
    open_page: Opening, size: tuple[int, int], trading: None
) -> None:
    visitor = open_page(size=size)

    expect(visitor.page.locator("#open-trades .trade").first).to_be_visible(timeout=30_000)
    visitor.screenshot("dashboard", whole=True)

    assert "protected" in visitor.text("#q-protected .answer")
    assert "live" in visitor.text("#connection")
    assert visitor.overflow_px() == 0
    assert visitor.small_targets() == []
