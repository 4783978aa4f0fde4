"""Stages are enforced where an entry is recorded: however a worker came to be, it cannot exceed its stage."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.support.builders import a_config
from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker, close_candles, turn
from trading import tasks
from trading.domain.risk import TradingState
from trading.domain.rollout import INSTALLATION, Evidence, Stage, may_add
from trading.domain.universe import Universe
from trading.domain.values import to_ms
from trading.models import JournalEntry, RolloutStage, Trade, Worker, WorkerVersion
from trading.selectors.rollout import list_standings
from trading.selectors.workers import config_to_json
from trading.services import control, rollback, rollout, snapshots, workers
from trading.services.rollout import EvidenceLacking, InvalidStage

pytestmark = pytest.mark.usefixtures("always")
GOOD = Evidence(hours=100, lowest_health=95, critical_alerts=0)


@pytest.fixture
def scene(site: Scene) -> Scene:
    """A new installation, with the stages that come with the program."""
    RolloutStage.objects.all().delete()
    return site


def _small_worker(scene: Scene, symbol: str = "BTCUSDT", name: str = "worker_btc") -> Worker:
    return a_worker(scene, symbol, name=name, trade_notional=Decimal(10), budget=Decimal(100))


def _by_form(scene: Scene, worker: Worker, operator: Client) -> None:
    address = reverse("admin:trading_worker_change", args=[worker.pk])
    page = operator.get(address)
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    values |= {"trade_notional": "100", "budget": "500", "symbols": "BTCUSDT", "strategy": "DIP_REVERSION"}
    values |= {f"versions-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    answer = operator.post(address, {name: value for name, value in values.items() if value is not None})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    # The form offers the strategies that were there when it was loaded; this one always wants to enter.
    WorkerVersion.objects.update(strategy="ALWAYS")


def _by_command(scene: Scene, worker: Worker, operator: Client) -> None:
    workers.stop_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    options = ["--name", "big", "--strategy", "ALWAYS", "--symbols", "BTCUSDT", "--interval", "1m"]
    call_command("worker", "create", *options, "--trade-notional", "100", "--start", "--json")


def _by_import(scene: Scene, worker: Worker, operator: Client) -> None:
    written = io.StringIO()
    call_command("export", "workers", "--format", "json", stdout=written)
    rows = json.loads(written.getvalue())
    rows[0] |= {"name": "big", "trade_notional": "100", "budget": "500"}
    workers.stop_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    page = "/admin/trading/worker/import-file/"
    file = SimpleUploadedFile("rows.json", json.dumps(rows).encode())
    preview = operator.post(page, {"file": file})
    operator.post(page, {"text": preview.context["text"], "confirmed": "yes"})
    workers.start_worker(Worker.objects.get(name="big").pk, actor=OPERATOR, now=scene.clock())


def _by_row(scene: Scene, worker: Worker, operator: Client) -> None:
    # What no service made: a script with a database connection.
    config = {**config_to_json(a_config(strategy="ALWAYS", interval="1m")), "trade_notional": Decimal(100)}
    version = WorkerVersion.objects.create(
        worker=worker, number=9, created_at=scene.clock(), created_by="x", **config
    )
    Worker.objects.update(version=version, state="ACTIVE")


def _by_restoring(scene: Scene, worker: Worker, operator: Client) -> None:
    snapshot = snapshots.newest_snapshot()
    assert snapshot is not None
    fields = {**snapshot.content["workers"]["worker_btc"], "trade_notional": "100", "budget": "500"}
    snapshot.content["workers"]["worker_btc"] = fields
    rollback.roll_back(snapshot, by=OPERATOR, desk=scene.desk)


WAYS = (_by_form, _by_command, _by_import, _by_row, _by_restoring)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[1:])
def test_no_way_leads_past_the_size_of_the_stage(
    scene: Scene, operator: Client, way: Callable[[Scene, Worker, Client], None]
) -> None:
    worker = _small_worker(scene)
    way(scene, worker, operator)
    acting = Worker.objects.filter(state="ACTIVE").get()
    assert acting.version is not None
    assert acting.version.trade_notional == 100

    turn(scene)

    assert 5 < Trade.objects.get().reserved_notional <= 10


def test_a_task_that_is_called_directly_is_cut_too(scene: Scene) -> None:
    a_worker(scene, trade_notional=Decimal(100), budget=Decimal(500))
    closed: list[list[str | int]] = [
        [each.symbol, each.interval, to_ms(each.open_at)] for each in close_candles(scene)
    ]

    tasks.run_batch(closed=closed, arrived_ms=to_ms(scene.clock()))

    assert 5 < Trade.objects.get().reserved_notional <= 10


def test_in_the_last_stage_a_trade_is_as_big_as_configured(scene: Scene) -> None:
    a_worker(scene, trade_notional=Decimal(100), budget=Decimal(500))
    _move_all(scene, 3)

    turn(scene)

    assert 95 < Trade.objects.get().reserved_notional <= 100


@pytest.mark.parametrize("small", [INSTALLATION, "strategy:ALWAYS", "version"])
def test_the_tightest_of_the_three_stages_holds(scene: Scene, small: str) -> None:
    worker = a_worker(scene, trade_notional=Decimal(100), budget=Decimal(500))
    _move_all(scene, 3)
    subject = f"version:{worker.version_id}" if small == "version" else small
    rollout.override(subject, 2, by=OPERATOR, now=scene.clock(), reason="test")

    turn(scene)

    assert 45 < Trade.objects.get().reserved_notional <= 50


def _move_all(scene: Scene, stage: int) -> None:
    for standing in list_standings():
        rollout.override(standing.subject, stage, by=OPERATOR, now=scene.clock(), reason="test")


def test_one_worker_holds_trades_in_the_first_stage(scene: Scene) -> None:
    _small_worker(scene, "BTCUSDT", "older")
    _small_worker(scene, "ETHUSDT", "younger")
    scene.quote("ETHUSDT", "50.00", "50.01")

    decisions = turn(scene, "BTCUSDT", "ETHUSDT").decisions

    assert {decision.symbol: decision.code for decision in decisions}["ETHUSDT"] == "STAGE_WORKERS"
    assert [trade.worker.name for trade in Trade.objects.all()] == ["older"]


def test_out_of_its_time_slice_a_worker_leaves_the_place_to_the_others(scene: Scene) -> None:
    older = _small_worker(scene, "BTCUSDT", "older")
    younger = _small_worker(scene, "LTCUSDT", "younger")
    turn(scene)
    config = a_config(
        strategy="ALWAYS", interval="1m", universe=Universe(symbols=("BTCUSDT", "ETHUSDT")), max_open_trades=5
    )
    workers.change_config(older.pk, config, actor=OPERATOR, now=scene.clock())
    ids = [older.pk, younger.pk]

    def in_slice(*, own: bool) -> str | None:
        """Go on to a minute in or out of the older one's time slice; give what became of its wish."""
        scene.clock.advance(60)
        while may_add(older.pk, ids, places=1, now=scene.clock()) is not own:
            scene.clock.advance(60)
        scene.quote("ETHUSDT", "50.00", "50.01")
        decisions = turn(scene, "ETHUSDT").decisions
        return {decision.symbol: decision.code for decision in decisions}.get("ETHUSDT")

    assert in_slice(own=False) == "STAGE_WORKERS"
    assert Trade.objects.count() == 1
    assert in_slice(own=True) != "STAGE_WORKERS"
    assert [trade.worker.name for trade in Trade.objects.all()] == ["older", "older"]


def test_a_new_version_begins_small_again(scene: Scene) -> None:
    worker = _small_worker(scene)
    _move_all(scene, 3)
    config = a_config(strategy="ALWAYS", interval="1m", universe=Universe(symbols=("BTCUSDT",)))
    workers.change_config(worker.pk, config, actor=OPERATOR, now=scene.clock())

    turn(scene)

    assert Trade.objects.get().reserved_notional <= 10


def test_a_stage_is_left_on_its_evidence_only(scene: Scene) -> None:
    _small_worker(scene)
    with pytest.raises(EvidenceLacking, match="1 are needed"):
        rollout.advance(INSTALLATION, GOOD, by="judge", now=scene.clock())
    scene.clock.advance(3601)
    with pytest.raises(EvidenceLacking, match="health fell to 60"):
        rollout.advance(INSTALLATION, Evidence(2, 60, 0), by="judge", now=scene.clock())

    moved = rollout.advance(INSTALLATION, GOOD, by="judge", now=scene.clock())

    assert (moved.stage, moved.evidence["lowest_health"]) == (2, 95)
    with pytest.raises(EvidenceLacking, match="24 are needed"):
        rollout.advance(INSTALLATION, GOOD, by="judge", now=scene.clock() + timedelta(hours=23))


def test_everything_that_runs_moves_on_together(scene: Scene) -> None:
    worker = _small_worker(scene)
    scene.clock.advance(3601)

    moved = rollout.move_on(_good, by="judge", now=scene.clock())

    subjects = {INSTALLATION, "strategy:ALWAYS", f"version:{worker.version_id}"}
    assert {row.subject for row in moved} == subjects
    assert {each.stage.name for each in list_standings()} == {"more"}


def test_what_is_missing_is_told_until_it_is_there(scene: Scene) -> None:
    _small_worker(scene)
    scene.clock.advance(1800)

    rollout.move_on(_good, by="judge", now=scene.clock())

    assert list_standings()[0].lacks == ("0.50 healthy hours in stage first, 1 are needed",)


def test_time_in_which_nothing_could_trade_is_no_evidence(scene: Scene) -> None:
    worker = _small_worker(scene)
    workers.stop_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    scene.clock.advance(7200)
    assert rollout.move_on(_good, by="judge", now=scene.clock()) == []
    workers.start_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    control.set_trading_state(TradingState.HALTED, actor=OPERATOR, now=scene.clock())
    scene.clock.advance(7200)
    assert rollout.move_on(_good, by="judge", now=scene.clock()) == []
    control.set_trading_state(TradingState.ACTIVE, actor=OPERATOR, now=scene.clock())
    scene.clock.advance(3000)

    assert rollout.move_on(_good, by="judge", now=scene.clock()) == []

    scene.clock.advance(601)
    assert len(rollout.move_on(_good, by="judge", now=scene.clock())) == 3


def _good(stage: Stage, since: datetime) -> Evidence:
    return GOOD


def test_moving_without_evidence_needs_a_reason_and_is_in_the_journal(scene: Scene) -> None:
    with pytest.raises(InvalidStage, match="reason"):
        rollout.override(INSTALLATION, 3, by="anna", now=scene.clock(), reason=" ")
    with pytest.raises(InvalidStage, match="there are 1 first, 2 more, 3 full"):
        rollout.override(INSTALLATION, 9, by="anna", now=scene.clock(), reason="x")

    rollout.override(INSTALLATION, 3, by="anna", now=scene.clock(), reason="seen it for a year")

    entry = JournalEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.reason) == ("rollout.overridden", "anna", "seen it for a year")


def test_a_script_is_told_that_the_stage_cuts_its_size(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--name", "big", "--strategy", "ALWAYS", "--symbols", "BTCUSDT", "--trade-notional", "100"]
    call_command("worker", "create", *options, "--start", "--json")

    said = capsys.readouterr()
    assert json.loads(said.out)["state"] == "ACTIVE"
    assert "'big': it trades 10 instead of 100 until its rollout reaches a further stage" in said.err

    call_command("rollout", "set", "--subject", "all", "--stage", "full", "--reason", "x")
    call_command("worker", "stop", "big")
    assert capsys.readouterr().err == ""


def test_the_command_moves_edits_and_refuses_in_one_line(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rollout", "define", "first", "--max-workers", "none", "--max-trade-notional", "25")
    call_command("rollout", "set", "--stage", "more", "--reason", "x")
    assert "installation                 stage 2 more     The installation" in capsys.readouterr().out
    assert RolloutStage.objects.get(number=1).max_trade_notional == 25

    for options in (("define", "first", "--max-workers", "0"), ("set", "--stage", "9", "--reason", "x")):
        with pytest.raises(CommandError) as caught:
            call_command("rollout", *options)
        assert caught.value.returncode == 2
