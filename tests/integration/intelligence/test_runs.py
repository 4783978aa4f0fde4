"""Runs: what a worker would have made, or made elsewhere, beside what it made here."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from bench import seeding
from intelligence import runs, tasks
from intelligence.models import Run
from monitoring import live
from tests.support.builders import NOON
from tests.support.desk import Scene
from tests.support.markets import walk, write_candles
from tests.support.trading import a_worker
from trading import history
from trading.domain.values import to_ms
from trading.models import JournalEntry, Trade, Worker

pytestmark = pytest.mark.usefixtures("always", "redis_client")
BRING, ADD = "/admin/intelligence/run/bring-file/", "/admin/intelligence/run/add/"
COMPARE = "/analysis/compare/?a_whose=run:{}&b_whose=worker:{}"


@pytest.fixture
def traded(site: Scene, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker with a hundred closed trades of the last days, and a clock that stands at noon."""
    worker = a_worker(site)
    monkeypatch.setattr(seeding, "SPREAD_OVER", timedelta(days=5))
    seeding.seed_trades(1000, until=NOON, worker_ids=[worker.pk])
    monkeypatch.setattr(live, "utc_now", lambda: NOON)
    monkeypatch.setattr(history, "now", lambda: NOON)
    return worker


def exported(capsys: pytest.CaptureFixture[str], how: str = "csv") -> str:
    call_command("export", "trades", "--format", how)
    return capsys.readouterr().out


def bring(client: Client, content: str, **fields: str) -> Any:
    """Send a file of trades and follow to the answer."""
    file = SimpleUploadedFile("trades.csv", content.encode())
    return client.post(BRING, {"file": file, **fields}, follow=True)


@pytest.mark.parametrize("how", ["csv", "json"])
def test_trades_of_another_installation_come_to_the_same_as_there(
    traded: Worker, operator: Client, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    answer = bring(operator, exported(capsys, how), label="on paper").content.decode()
    run = Run.objects.get()
    page = operator.get(COMPARE.format(run.pk, traded.pk))

    assert "worker_btc, on paper (1000 trades)" in answer
    assert (run.trades, run.state) == (Trade.objects.count(), "KEPT")
    theirs, ours = (side.figures.total for side in page.context["sides"])
    assert asdict(theirs) == pytest.approx(asdict(ours))
    assert [side.scope.since for side in page.context["sides"]] == [run.begins_on] * 2
    assert "They cannot be told apart" in page.content.decode()
    assert JournalEntry.objects.filter(action="run.begun", subject=f"run:{run.pk}").exists()


def test_the_command_takes_a_file_and_names_who_is_not_known(
    traded: Worker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = exported(capsys)
    head, *rows = text.splitlines()
    strange = rows[0].replace("worker_btc", "somebody")
    (tmp_path / "trades.csv").write_text("\n".join([head, strange, *rows[1:]]))

    call_command("import_trades", str(tmp_path / "trades.csv"))

    told = capsys.readouterr()
    assert "worker_btc, elsewhere: 999 trades" in told.out
    assert told.err == "not known here, passed over: somebody\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is of a worker of the same name here; it has nobody"),
        ("a,b\n1,2\n", "columns are missing, as in no export of trades: worker, symbol"),
        ("[\n{broken\n]", "the JSON must have one row a line"),
        ("[\n1\n]", "the JSON must be an array of objects"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(
    site: Scene, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "trades").write_text(text)

    with pytest.raises(CommandError, match=words):
        call_command("import_trades", str(tmp_path / "trades"))
    assert not Run.objects.exists()


def test_a_wrong_row_is_named_and_nothing_is_kept(
    traded: Worker, operator: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    head, first, *rows = exported(capsys).splitlines()
    place = head.split(",").index("entry_notional")
    cells = first.split(",")
    cells[place] = "much"

    page = bring(operator, "\n".join([head, ",".join(cells), *rows]))

    assert "row 1: " in page.context["problem"]
    assert not Run.objects.exists()


def test_a_backtest_is_ordered_played_and_shown_beside_the_workers_own_trades(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker = a_worker(site, "BTCUSDT")
    ordered: list[int] = []
    monkeypatch.setattr(tasks.fill_run, "delay", lambda run_id: ordered.append(run_id))
    monkeypatch.setattr(history, "archive", lambda: tmp_path)
    monkeypatch.setattr(history, "now", lambda: NOON)
    monkeypatch.setattr(history, "fetch_page", lambda symbol, interval, since: [])
    candles = walk(2_880, seed=3)
    begin_ms = to_ms(NOON - timedelta(days=2))
    moved = replace(candles, open_ms=candles.open_ms - candles.open_ms[0] + begin_ms)
    write_candles(tmp_path, "BTCUSDT-1m-x.csv.gz", moved)

    days = {"begins_on": "2024-02-29", "ends_on": "2024-03-01"}
    operator.post(ADD, {"worker": worker.pk, **days})
    call_command("fill_run", str(ordered[0]), stdout=io.StringIO())

    run = Run.objects.get(pk=ordered[0])
    assert (run.state, run.begins_on, run.label) == ("KEPT", date(2024, 2, 29), "back-test")
    assert run.trades > 0
    first = runs.read_days(run.pk, "USDT", since=None, until=None)[0]
    assert first[0] >= run.begins_on
    page = operator.get(COMPARE.format(run.pk, worker.pk))
    assert page.context["sides"][0].figures.total.trades == run.trades
    assert page.context["sides"][1].figures.total.trades == 0


def test_a_backtest_that_cannot_be_played_says_why(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker = a_worker(site, "BTCUSDT")
    monkeypatch.setattr(history, "archive", lambda: tmp_path)
    monkeypatch.setattr(history, "now", lambda: NOON)
    monkeypatch.setattr(history, "fetch_page", lambda symbol, interval, since: [])
    run = runs.begin_backtest(
        worker.pk, since=date(2024, 2, 29), until=date(2024, 3, 1), actor="operator", now=NOON
    )

    with pytest.raises(CommandError):
        call_command("fill_run", str(run.pk))

    run.refresh_from_db()
    assert (run.state, bool(run.problem)) == ("FAILED", True)
    assert run.problem in operator.get("/admin/intelligence/run/").content.decode()


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [("2024-03-01", "2024-02-01", "before the first day"), ("2034-01-01", "2034-01-02", "Must have begun")],
)
def test_days_that_cannot_be_tested_are_told_at_their_field(
    site: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch, since: str, until: str, words: str
) -> None:
    worker = a_worker(site)
    monkeypatch.setattr(history, "now", lambda: NOON)

    page = operator.post(ADD, {"worker": worker.pk, "begins_on": since, "ends_on": until})

    assert words in page.content.decode()
    assert not Run.objects.exists()


def test_a_viewer_looks_at_runs_and_orders_none(site: Scene, viewer: Client) -> None:
    assert viewer.get("/admin/intelligence/run/").status_code == 200
    assert viewer.get(ADD).status_code == 403
    assert viewer.get(BRING).status_code == 403
