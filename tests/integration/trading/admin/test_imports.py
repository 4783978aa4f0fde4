"""Workers and blacklist from a file, versions, and the preview of a worker: nothing is done by half."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from tests.integration.trading.admin.test_workers import a_form
from tests.support.desk import Scene
from tests.support.trading import a_worker, close_candles
from trading.admin.worker_form import WorkerForm
from trading.models import BlacklistEntry, JournalEntry, Worker
from trading.selectors.workers import config_to_json, get_config
from trading.services import blacklist, workers

pytestmark = pytest.mark.usefixtures("always")
WORKERS, BLACKLIST = "/admin/trading/worker/import-file/", "/admin/trading/blacklistentry/import-file/"


def send(client: Client, page: str, content: str, name: str = "rows.csv") -> Any:
    """Send a file and give the preview."""
    return client.post(page, {"file": SimpleUploadedFile(name, content.encode())})


def confirm(client: Client, page: str, preview: Any) -> None:
    """Press the preview's button."""
    client.post(page, {"text": preview.context["text"], "confirmed": "yes"})


def export(kind: str, how: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Give what the export command writes."""
    call_command("export", kind, "--format", how)
    return capsys.readouterr().out


@pytest.mark.parametrize("how", ["csv", "json"])
def test_exported_workers_are_imported_as_they_were(
    site: Scene, operator: Client, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    worker = a_worker(site)
    assert worker.version is not None
    was, text = config_to_json(get_config(worker.version)), export("workers", how, capsys)
    workers.stop_worker(worker.pk, actor="x", now=site.clock())
    workers.delete_worker(worker.pk, actor="x", now=site.clock())
    text = text.replace("worker_btc", "again")

    preview = send(operator, WORKERS, text)
    assert not Worker.objects.filter(name="again").exists()
    confirm(operator, WORKERS, preview)

    made = Worker.objects.get(name="again")
    assert made.version is not None
    assert (made.state, config_to_json(get_config(made.version))) == ("STOPPED", was)
    assert JournalEntry.objects.get(subject=f"worker:{made.pk}").action == "worker.created"


def test_one_bad_row_is_told_and_nothing_is_imported(site: Scene, operator: Client) -> None:
    good = {"name": "one", "strategy": "ALWAYS", "interval": "1m", "universe": {"symbols": ["BTCUSDT"]},
            "trade_notional": "50", "budget": "100", "take_profit_bps": 50, "stop_loss_bps": 50,
            "max_hold_s": 60}  # fmt: skip
    rows = [good, {**good, "name": "two", "budget": "1"}, {**good, "name": "one"}]

    preview = send(operator, WORKERS, json.dumps(rows), "rows.json")
    confirm(operator, WORKERS, preview)

    assert list(preview.context["planned"].problems) == [
        "Row 2: budget: at least trade_notional, at most 1,000,000,000",
        "Row 3: name: 'one' is taken; choose another",
    ]
    assert not Worker.objects.exists()


def test_an_exported_blacklist_is_imported_without_what_was_lifted(
    site: Scene, operator: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        blacklist.bar_symbol(symbol, reason="MANUAL", note="=1+1", actor="x", now=site.clock())
    blacklist.lift_symbol("ETHUSDT", actor="x", now=site.clock())
    text = export("blacklist", "csv", capsys)
    BlacklistEntry.objects.all().delete()

    confirm(operator, BLACKLIST, send(operator, BLACKLIST, text))

    entry = BlacklistEntry.objects.get()
    assert (entry.symbol, entry.note, entry.created_by) == ("BTCUSDT", "=1+1", "operator")


@pytest.mark.parametrize("content", ["", "[1, 2]", "[{", "name\n"])
def test_a_file_that_holds_no_rows_is_refused_in_one_line(
    site: Scene, operator: Client, content: str
) -> None:
    response = send(operator, WORKERS, content)

    assert response.status_code == 200
    assert "\n" not in response.context["problem"]


def test_only_who_may_add_may_import(site: Scene, viewer: Client) -> None:
    assert send(viewer, WORKERS, "[]").status_code == 403


def test_a_version_tells_what_it_changed_and_can_be_returned_to(site: Scene, operator: Client) -> None:
    operator.post("/admin/trading/worker/add/", a_form())
    worker = Worker.objects.get()
    operator.post(f"/admin/trading/worker/{worker.pk}/change/", a_form(max_hold_s=90))
    first = worker.versions.get(number=1)
    page = f"/admin/trading/worker/{worker.pk}/versions/"

    told = operator.get(page).context["versions"]
    operator.post(f"{page}?back={first.pk}", {"confirmed": "yes", "reason": "it was better"})

    worker.refresh_from_db()
    assert told[0].changes == [("max_hold_s", "3600", "90")]
    assert worker.version is not None
    assert (worker.version.number, worker.version.max_hold_s) == (3, 3600)
    assert JournalEntry.objects.latest("pk").reason == "it was better"


def test_a_preview_says_what_it_matches_and_would_have_bought(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_candles(site, "BTCUSDT")
    # The form was made when the admin was loaded, before the strategy of the tests was there.
    offered: Any = WorkerForm.base_fields["strategy"]
    monkeypatch.setattr(offered, "choices", [*offered.choices, ("ALWAYS", "Always")])
    form = a_form(symbols="BTCUSDT, ETHUSDT", strategy="ALWAYS")

    answer = operator.post("/admin/trading/worker/preview/", form).json()
    refused = operator.post("/admin/trading/worker/preview/", {**form, "budget": "1"}).json()

    assert answer["message"].startswith("It matches 2 symbols now. In the last")
    assert "candles of 1 of them" in answer["message"]
    assert answer["lines"][0].startswith("BTCUSDT: ")
    assert refused["lines"] == ["Budget: at least trade_notional, at most 1,000,000,000"]
    assert not Worker.objects.exists()
