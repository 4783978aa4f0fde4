"""Snapshots, incidents and the way back: every change is kept, and going back leaves no difference."""

import time
from decimal import Decimal

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.support.builders import a_config
from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker, assert_ledger_agrees, turn
from trading.domain.universe import Universe
from trading.models import (
    ConfigChange,
    ConfigSnapshot,
    FillRow,
    Incident,
    JournalEntry,
    Rollout,
    Trade,
    TradingControl,
    Worker,
)
from trading.services import blacklist, incidents, limits, rollback, snapshots, workers

pytestmark = pytest.mark.usefixtures("always")


def _newest() -> ConfigSnapshot:
    found = snapshots.newest_snapshot()
    assert found is not None
    return found


def _stable(scene: Scene) -> ConfigSnapshot:
    return snapshots.mark_stable(_newest(), {"hours": 24, "lowest_health": 91}, now=scene.clock())


def _disturb(scene: Scene, worker: Worker) -> None:
    """Change a bit of everything that may be configured."""
    now = scene.clock()
    PeriodicTask.objects.filter(name="nightly").update(enabled=False)
    config = a_config(interval="1m", universe=Universe(symbols=("ETHUSDT",)), budget=Decimal(700))
    workers.change_config(worker.pk, config, actor=OPERATOR, now=now)
    workers.stop_worker(worker.pk, actor=OPERATOR, now=now)
    workers.create_worker("another", config, actor=OPERATOR, now=now)
    limits.set_limits("USDT", {"max_exposure": Decimal(5)}, actor=OPERATOR, now=now)
    blacklist.bar_symbol("ETHUSDT", reason="MANUAL", actor=OPERATOR, now=now)
    blacklist.lift_symbol("BNBUSDT", actor=OPERATOR, now=now)


@pytest.fixture
def scene(site: Scene) -> Scene:
    """A desk with something of every kind configured."""
    every = IntervalSchedule.objects.create(every=3, period="minutes")
    PeriodicTask.objects.create(name="nightly", task="trading.reconcile", interval=every)
    limits.set_limits("USDT", {"max_daily_loss": Decimal(50)}, actor=OPERATOR, now=site.clock())
    blacklist.bar_symbol("BNBUSDT", reason="MANUAL", note="thin", actor=OPERATOR, now=site.clock())
    return site


def test_every_change_keeps_who_when_why_and_what(scene: Scene) -> None:
    worker = a_worker(scene)
    workers.stop_worker(worker.pk, actor="anna", now=scene.clock(), reason="too many losses")

    change = ConfigChange.objects.latest("pk")

    assert (change.actor, change.reason, change.action) == ("anna", "too many losses", "worker.stopped")
    assert change.differences == ["workers.worker_btc.is_on: true → false"]
    assert change.after == _newest()


def test_equal_configurations_are_one_snapshot(scene: Scene) -> None:
    worker = a_worker(scene)
    first = _newest()
    workers.stop_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    second = _newest()
    workers.start_worker(worker.pk, actor=OPERATOR, now=scene.clock())

    assert _newest() == first != second
    assert ConfigSnapshot.objects.filter(digest=first.digest).count() == 1


def test_what_merely_happens_changes_no_configuration(scene: Scene) -> None:
    a_worker(scene)
    before = ConfigChange.objects.count()
    turn(scene)
    scene.pump()

    assert Trade.objects.count() == 1
    assert ConfigChange.objects.count() == before


def test_the_first_proof_of_a_snapshot_stays(scene: Scene) -> None:
    a_worker(scene)
    stable = _stable(scene)
    first_at = stable.stable_at
    scene.clock.advance(60)

    again = snapshots.mark_stable(stable, {"hours": 48}, now=scene.clock())

    assert (again.stable_at, again.evidence["hours"]) == (first_at, 24)


def test_going_back_leaves_no_difference_and_starts_in_the_first_stage(scene: Scene) -> None:
    worker = a_worker(scene)
    stable = _stable(scene)
    _disturb(scene, worker)
    assert len(rollback.preview(stable)) >= 6

    done = rollback.roll_back(rollback.find_target(None), by="anna", desk=scene.desk, reason="bad night")

    assert (done.remaining, done.snapshot) == ([], stable.pk)
    assert done.took_s < 60
    assert snapshots.newest_snapshot() == stable
    assert Rollout.objects.get(subject="installation").stage == 1
    assert TradingControl.objects.get().state == "ACTIVE"
    incident = Incident.objects.get()
    assert (incident.opened_by, incident.closed_at) == ("anna", None)
    assert incident.evidence["differences"] == done.differences
    # One change for all of it.
    assert ConfigChange.objects.latest("pk").action == "configuration.rolled_back"


def test_going_back_takes_no_schedule_away_that_came_later(scene: Scene) -> None:
    a_worker(scene)
    stable = _stable(scene)
    every = IntervalSchedule.objects.create(every=2, period="seconds")
    PeriodicTask.objects.create(name="watchdog", task="trading.run_upkeep", interval=every)

    done = rollback.roll_back(stable, by="anna", desk=scene.desk)

    assert PeriodicTask.objects.get(name="watchdog").enabled
    assert done.remaining == []


def test_going_back_leaves_the_ledger_and_protection_alone(scene: Scene) -> None:
    worker = a_worker(scene)
    stable = _stable(scene)
    turn(scene)
    scene.pump()
    before = list(FillRow.objects.values())
    trade = Trade.objects.get()
    _disturb(scene, worker)

    done = rollback.roll_back(stable, by="anna", desk=scene.desk)
    scene.pump()

    after = Trade.objects.get()
    assert (after.state, after.is_protected, after.version_id) == ("OPEN", True, trade.version_id)
    assert list(FillRow.objects.values()) == before
    assert done.left.open_trades == 1


def test_going_back_may_sell_everything(scene: Scene) -> None:
    a_worker(scene)
    stable = _stable(scene)
    turn(scene)
    scene.pump()

    done = rollback.roll_back(stable, by="anna", desk=scene.desk, sell=True)
    scene.pump()

    assert (done.left.open_trades, done.remaining) == (0, [])
    assert_ledger_agrees(scene)


def test_a_configuration_that_fits_no_more_restores_nothing_and_stays_halted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = a_worker(scene)
    stable = _stable(scene)
    _disturb(scene, worker)
    disturbed = _newest()
    content = {**stable.content, "workers": {"worker_btc": {**stable.content["workers"]["worker_btc"]}}}
    content["workers"]["worker_btc"]["interval"] = "7m"
    ConfigSnapshot.objects.filter(pk=stable.pk).update(content=content)
    stable.refresh_from_db()

    with pytest.raises(rollback.CannotRollBack, match="interval"):
        rollback.roll_back(stable, by="anna", desk=scene.desk)

    assert snapshots.newest_snapshot() == disturbed
    assert snapshots.differences_from_now(disturbed) == []
    assert TradingControl.objects.get().state == "HALTED"


def test_without_a_stable_configuration_there_is_nothing_to_go_back_to(scene: Scene) -> None:
    with pytest.raises(rollback.NoSuchSnapshot, match="--to"):
        rollback.find_target(None)


def test_a_grave_cause_halts_at_once_and_keeps_the_minutes_before(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.pump()
    began_s = time.monotonic()

    incident = incidents.open_incident_and_halt(
        "health below 70", {"samples": [69, 64]}, by="judge", desk=scene.desk
    )

    assert time.monotonic() - began_s < 2
    assert TradingControl.objects.get().state == "HALTED"
    assert Trade.objects.get().is_protected
    assert incident.evidence["samples"] == [69, 64]
    actions = [row["action"] for row in incident.evidence["trading"]["journal"]]
    assert "worker.created" in actions
    assert incident.actions[0]["open_trades"] == 1


def test_the_same_cause_is_one_incident_and_does_not_overrule_a_resume(scene: Scene) -> None:
    first = incidents.open_incident_and_halt("x", {}, by="judge", desk=scene.desk)
    TradingControl.objects.update(state="ACTIVE")
    again = incidents.open_incident_and_halt("x", {}, by="judge", desk=scene.desk)

    assert again == first
    assert TradingControl.objects.get().state == "ACTIVE"
    incidents.close_incident(first.pk, by="anna", now=scene.clock(), finding="a cable")
    assert incidents.open_incident_and_halt("x", {}, by="judge", desk=scene.desk) != first
    assert TradingControl.objects.get().state == "HALTED"


def test_an_incident_is_closed_once_with_a_finding(scene: Scene) -> None:
    incident = incidents.open_incident_and_halt("x", {}, by="judge", desk=scene.desk)
    closed = incidents.close_incident(incident.pk, by="anna", now=scene.clock(), finding="a cable")

    assert (closed.closed_by, closed.finding) == ("anna", "a cable")
    assert JournalEntry.objects.filter(action="incident.closed").count() == 1
    with pytest.raises(incidents.NoOpenIncident):
        incidents.close_incident(incident.pk, by="anna", now=scene.clock(), finding="again")
