"""The short worker form takes over the settings of another worker."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from bench.stack import Stack
from tests.browser.conftest import Act, Opening

pytestmark = [pytest.mark.story, pytest.mark.timeout(90), pytest.mark.xdist_group("browser")]
CONFIG = """select version.strategy, version.interval, version.parameters, version.take_profit_bps
    from trading_worker worker join trading_workerversion version on version.id = worker.version_id
    where worker.name = ?"""


def test_a_worker_is_made_like_another(
    open_page: Opening, size: tuple[int, int], stack: Stack, act: Act, trading: None
) -> None:
    name = f"like {size[0]}"
    visitor = open_page(size=size)
    visitor.page.get_by_role("button", name="New worker").click()
    form = visitor.page.get_by_role("dialog", name="New worker")

    form.get_by_label("Name").fill(name)
    form.get_by_label("Like").select_option("Starter dips")
    form.get_by_label("Start it at once").uncheck()
    form.get_by_role("button", name="Make it").click()

    expect(visitor.page.locator(".worker", has_text=name)).to_be_visible()
    (made,), (model,) = stack.rows(CONFIG, name), stack.rows(CONFIG, "Starter dips")
    assert made[0::3] == model[0::3]
    assert json.loads(made[2]) == json.loads(model[2])
    assert made[1] == "1s"
    (worker,) = stack.rows("select id from trading_worker where name = ?", name)[0]
    act(f"/act/workers/{worker}/delete")
