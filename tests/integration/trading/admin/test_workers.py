"""The worker pages: configuration through services, acts behind a confirm page, refusals in words."""

from typing import Any

import pytest
from django.test import Client

from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.models import JournalEntry, Trade, Worker
from trading.selectors.workers import get_config

pytestmark = pytest.mark.usefixtures("always")
ADD = "/admin/trading/worker/add/"


def a_form(**changes: Any) -> dict[str, Any]:
    """What the operator fills in; inline versions are only looked at."""
    versions = {f"versions-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    values = {
        "name": "dips",
        "symbols": "btcusdt, ETHUSDT",
        "strategy": "DIP_REVERSION",
        "interval": "1m",
        "trade_notional": "50",
        "budget": "500",
        "max_open_trades": 5,
        "take_profit_bps": 60,
        "stop_loss_bps": 60,
        "trailing_bps": 0,
        "max_hold_s": 3600,
        "cooldown_s": 0,
        "max_spread_bps": 10,
        "max_slippage_bps": 10,
        "full_size_risk": 40,
        "max_risk": 80,
        "p_dip_reversion_z_entry": "3.5",
    }
    return {**versions, **values, **changes}


def errors_of(response: Any) -> dict[str, list[str]]:
    """Give the form's errors by field."""
    return dict(response.context["adminform"].form.errors)


def test_saving_a_new_worker_makes_it_stopped_with_its_parameters(site: Scene, operator: Client) -> None:
    response = operator.post(ADD, a_form())

    worker = Worker.objects.get()
    assert response.status_code == 302
    assert worker.version is not None
    config = get_config(worker.version)
    assert (worker.state, config.universe.symbols) == ("STOPPED", ("BTCUSDT", "ETHUSDT"))
    assert config.parameters["z_entry"] == 3.5
    assert JournalEntry.objects.get(action="worker.created").actor == "operator"


def test_a_worker_without_a_model_says_so(site: Scene, operator: Client) -> None:
    field = operator.get(ADD).context["adminform"].form.fields["ask_model"]

    assert field.disabled
    assert field.help_text.startswith("It has none now.")


def test_saving_again_makes_a_version_with_the_reason_in_the_journal(site: Scene, operator: Client) -> None:
    operator.post(ADD, a_form())
    worker = Worker.objects.get()

    operator.post(f"/admin/trading/worker/{worker.pk}/change/", a_form(max_hold_s=90, reason="too slow"))

    assert list(worker.versions.order_by("number").values_list("max_hold_s", flat=True)) == [3600, 90]
    assert JournalEntry.objects.get(action="worker.changed").reason == "too slow"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"p_dip_reversion_z_entry": "99"}, "p_dip_reversion_z_entry", "from 0.5 to 6"),
        ({"symbols": "NOSUCHCOIN"}, "symbols", "not traded"),
        ({"symbols": ""}, "quote_asset", "capitals"),
        ({"symbols": "", "quote_asset": "USDT", "top": ""}, "top", "whole number"),
        ({"budget": "1"}, "budget", "at least trade_notional"),
        ({"trade_notional": "much"}, "trade_notional", "number"),
        ({"trade_notional": "1e400"}, "trade_notional", "digits"),
        ({"max_hold_s": 1}, "max_hold_s", "from 5"),
        ({"name": "a/b"}, "name", "letters"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(
    site: Scene, operator: Client, changes: dict[str, Any], field: str, says: str
) -> None:
    response = operator.post(ADD, a_form(**changes))

    assert list(errors_of(response)) == [field]
    assert says in errors_of(response)[field][0]
    assert not Worker.objects.exists()


def test_a_taken_name_is_told_at_its_field(site: Scene, operator: Client) -> None:
    operator.post(ADD, a_form())

    response = operator.post(ADD, a_form())

    assert "name" in errors_of(response)


def test_an_act_is_asked_for_before_it_is_done(site: Scene, operator: Client) -> None:
    worker = a_worker(site)

    response = operator.post("/admin/trading/worker/", {"action": "stop", "_selected_action": [worker.pk]})
    page = operator.get(response["Location"])

    worker.refresh_from_db()
    assert "keeps its protection" in page.content.decode()
    assert worker.state == "ACTIVE"


def test_a_confirmed_act_is_done_and_journalled(site: Scene, operator: Client) -> None:
    worker = a_worker(site)

    operator.post(
        f"/admin/trading/worker/act/stop/?ids={worker.pk}", {"confirmed": "yes", "reason": "holiday"}
    )

    worker.refresh_from_db()
    entry = JournalEntry.objects.get(action="worker.stopped")
    assert (worker.state, entry.actor, entry.reason) == ("STOPPED", "operator", "holiday")


def test_flatten_sells_what_the_worker_holds(site: Scene, operator: Client) -> None:
    worker = a_worker(site)
    turn(site)
    site.pump()

    response = operator.post(
        f"/admin/trading/worker/act/flatten/?ids={worker.pk}", {"confirmed": "yes"}, follow=True
    )

    assert "0 trades are still open" in response.content.decode()
    assert Trade.objects.get().state == "CLOSED"


def test_a_refusal_is_told_in_words(site: Scene, operator: Client) -> None:
    worker = a_worker(site)

    response = operator.post(
        f"/admin/trading/worker/act/delete/?ids={worker.pk}", {"confirmed": "yes"}, follow=True
    )

    assert "stop it first" in response.content.decode()
    assert Worker.objects.get(is_deleted=False) == worker


def test_a_viewer_may_look_but_not_act(site: Scene, viewer: Client) -> None:
    worker = a_worker(site)

    looked = viewer.get("/admin/trading/worker/")
    acted = viewer.post(f"/admin/trading/worker/act/stop/?ids={worker.pk}", {"confirmed": "yes"})

    worker.refresh_from_db()
    assert (looked.status_code, viewer.get(ADD).status_code, acted.status_code) == (200, 403, 403)
    assert worker.state == "ACTIVE"
