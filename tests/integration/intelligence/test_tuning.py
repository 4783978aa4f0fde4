"""Tuning of a worker: off, advise, automatic; each step with its journal row; back when it is worse."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from bench.promotion import a_market
from intelligence import tuning
from intelligence.backtest import CostModel, Market
from intelligence.models import Challenge, ChallengeState, Tuning, TuningMode
from intelligence.tuning import find_subject, review, set_mode
from tests.support.desk import a_scene
from tests.support.markets import day, walk, write_candles
from trading import history
from trading.domain.universe import Universe
from trading.models import JournalEntry, Worker
from trading.services import instruments, workers

pytestmark = pytest.mark.django_db
COSTS = CostModel()
MAJORS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module")
def planted() -> Market:
    return a_market(4, kind="planted")


def reviewed(worker: Worker, market: Market, *days: int) -> list[str]:
    return [
        review(find_subject(str(worker.pk)), market, costs=COSTS, now=day(market, number)) for number in days
    ]


def parameter(worker: Worker) -> float:
    return float(find_subject(str(worker.pk)).config.parameters["fall_min_bps"])


def test_automatic_worker_takes_over_what_was_proven_and_says_why(worker: Worker, planted: Market) -> None:
    set_mode(worker.pk, TuningMode.AUTOMATIC, actor="operator", now=day(planted, 0))

    notes = reviewed(worker, planted, 60, 70, 160, 170)

    assert "goes into shadow" in notes[0]
    assert notes[1].startswith("in shadow")
    assert notes[2].startswith("promoted")
    assert parameter(worker) == 480.0
    entry = JournalEntry.objects.get(action="worker.changed")
    assert (entry.actor, "evidence" in entry.reason) == ("tuning", True)
    assert Challenge.objects.get().evidence["shadow"]["better"] > 20


def test_advice_changes_nothing(worker: Worker, planted: Market) -> None:
    set_mode(worker.pk, TuningMode.ADVISE, actor="operator", now=day(planted, 0))

    notes = reviewed(worker, planted, 60, 160)

    assert notes[1].startswith("advised")
    assert parameter(worker) == 600.0
    assert Challenge.objects.get().state == ChallengeState.ADVISED


def test_what_turns_out_worse_goes_back_by_itself(worker: Worker, planted: Market) -> None:
    set_mode(worker.pk, TuningMode.AUTOMATIC, actor="operator", now=day(planted, 0))
    reviewed(worker, planted, 60, 160)
    Challenge.objects.update(before={**Challenge.objects.get().before, "fall_min_bps": 300.0})

    note = reviewed(worker, planted, 330)[0]

    assert note.startswith("returned")
    assert parameter(worker) == 300.0
    assert Challenge.objects.get().state == ChallengeState.RETURNED


def test_operators_change_ends_the_challenge(worker: Worker, planted: Market, now: datetime) -> None:
    reviewed(worker, planted, 60)
    config = find_subject("deep").config
    other = replace(config, parameters={**config.parameters, "rejection": 0.6})
    workers.change_config(worker.pk, other, actor="operator", now=now)

    reviewed(worker, planted, 70)

    assert Challenge.objects.order_by("pk").first().state == ChallengeState.OVERTAKEN  # type: ignore[union-attr]  # there is one


def test_command_sets_a_mode_and_names_unknown_workers(worker: Worker) -> None:
    out = StringIO()
    call_command("tune", "--worker", "deep", "--mode", "advise", "--json", stdout=out)

    assert json.loads(out.getvalue()) == {"worker_id": worker.pk, "mode": "ADVISE"}
    assert [each.name for each in tuning.tuned_subjects()] == ["deep"]
    with pytest.raises(CommandError, match=r"no worker 77; there are \d+ deep"):
        call_command("tune", "--worker", "77")


def recent_candles(folder: Path) -> Path:
    """Write ten days of candles that end now: the command asks for those before its own moment."""
    for seed, symbol in enumerate(MAJORS):
        data = walk(960, seed=seed, size=1e-2, interval_s=900)
        end_ms = int(history.now().timestamp()) // 900 * 900_000
        moved = data.open_ms - data.open_ms[-1] + end_ms - 900_000
        write_candles(folder, f"{symbol}-15m-x.csv.gz", replace(data, open_ms=moved))
    return folder


def test_plot_shows_a_worker_and_its_challenger(worker: Worker, tmp_path: Path, now: datetime) -> None:
    scene, folder, plot = a_scene(), recent_candles(tmp_path), tmp_path / "worker.svg"
    instruments.refresh_instruments(venue=scene.venue, now=now)
    config = replace(find_subject("deep").config, universe=Universe(symbols=MAJORS))
    workers.change_config(worker.pk, config, actor="operator", now=now)
    before = dict(config.parameters)
    call_command("tune", "--worker", "deep", "--data", str(folder), "--plot", str(plot), stdout=StringIO())
    alone = _lines(plot)
    Challenge.objects.create(
        worker=worker,
        state=ChallengeState.SHADOW,
        parameter="fall_min_bps",
        before=before,
        after={**before, "fall_min_bps": 300.0},
        number=1,
        tried=1,
        confidence=0.9,
        begun_at=history.now() - timedelta(days=5),
        judged_at=history.now(),
    )

    call_command("tune", "--worker", "deep", "--data", str(folder), "--plot", str(plot), stdout=StringIO())

    assert _lines(plot) > alone > 0


def _lines(plot: Path) -> int:
    return sum(node.get("id", "").startswith("line2d") for node in ET.parse(plot).iter())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--plot", "x.svg"), "--plot needs --worker"),
        (("--worker", "deep", "--plot", "x.txt"), "must end in"),
    ],
)
def test_plot_that_cannot_be_is_refused_before_the_review(
    worker: Worker, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        call_command("tune", *options)

    assert caught.value.returncode == 2
    assert not Tuning.objects.exists()


def test_a_review_gives_way_to_orders(worker: Worker, gave_way: list[int]) -> None:
    call_command("tune", stdout=StringIO())

    assert gave_way == [15]


def test_pages_of_the_admin_show_modes_and_challenges(
    worker: Worker, planted: Market, admin_client: Client
) -> None:
    reviewed(worker, planted, 60)
    row = Tuning.objects.get()

    admin_client.post(f"/admin/intelligence/tuning/{row.pk}/change/", {"mode": "ADVISE"})

    row.refresh_from_db()
    assert row.mode == TuningMode.ADVISE
    assert JournalEntry.objects.filter(action="worker.tuning", actor="admin").exists()
    page = admin_client.get("/admin/intelligence/challenge/").content.decode()
    assert "fall_min_bps: 600.0 → 480.0" in page


def test_neighbours_are_not_compared_again_on_nearly_the_same_days(worker: Worker, planted: Market) -> None:
    notes = reviewed(worker, planted, 10, 20)

    assert notes[0].startswith("no neighbour is better")
    assert notes[1].startswith("neighbours are compared again after")
    tried = Tuning.objects.get().tried
    assert tried == 8  # each of four limits up and down, once
    reviewed(worker, planted, 25)
    assert Tuning.objects.get().tried == 2 * tried
