"""Pages of configurations, incidents and schedules: who may act, and that every act leaves its trace."""

import pytest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker
from trading.models import (
    ConfigChange,
    ConfigSnapshot,
    Incident,
    Rollout,
    RolloutStage,
    TradingControl,
    Worker,
)
from trading.services import incidents, snapshots, workers

pytestmark = pytest.mark.usefixtures("always")


@pytest.fixture
def snapshot(site: Scene) -> ConfigSnapshot:
    """A configuration with a worker that is on; by now it is off."""
    worker = a_worker(site)
    found = snapshots.newest_snapshot()
    assert found is not None
    workers.stop_worker(worker.pk, actor=OPERATOR, now=site.clock())
    return found


def _act(snapshot: ConfigSnapshot, name: str = "rollback") -> str:
    return reverse("admin:trading_configsnapshot_act", args=[name, snapshot.pk])


def test_the_page_shows_the_difference_and_asks_first(operator: Client, snapshot: ConfigSnapshot) -> None:
    page = operator.get(_act(snapshot)).content.decode()

    assert "workers.worker_btc.is_on: false → true" in page
    assert not Incident.objects.exists()


@pytest.mark.parametrize("name", ["rollback", "rollback-flatten"])
def test_a_confirmed_rollback_restores(operator: Client, snapshot: ConfigSnapshot, name: str) -> None:
    answer = operator.post(_act(snapshot, name), {"confirmed": "yes", "reason": "bad night"}, follow=True)

    assert "is restored; 0 fields still differ" in answer.content.decode()
    assert Worker.objects.get().state == "ACTIVE"
    assert Incident.objects.get().opened_by == OPERATOR


def test_a_viewer_may_look_and_not_roll_back(viewer: Client, snapshot: ConfigSnapshot) -> None:
    for model in ("configsnapshot", "configchange", "incident"):
        assert viewer.get(reverse(f"admin:trading_{model}_changelist")).status_code == 200

    assert viewer.post(_act(snapshot), {"confirmed": "yes"}).status_code == 403
    assert not Incident.objects.exists()


def test_the_list_leads_to_the_confirm_page(operator: Client, snapshot: ConfigSnapshot) -> None:
    choice = {"action": "roll_back", "_selected_action": [snapshot.pk]}

    answer = operator.post(reverse("admin:trading_configsnapshot_changelist"), choice)

    assert answer.headers["Location"] == _act(snapshot)


def test_an_incident_is_closed_with_its_finding(operator: Client, site: Scene) -> None:
    incident = incidents.open_incident_and_halt("x", {}, by="judge", desk=site.desk)
    address = f"{reverse('admin:trading_incident_close')}?ids={incident.pk}"

    operator.post(address, {"confirmed": "yes", "reason": "a cable"})

    incident.refresh_from_db()
    assert (incident.closed_by, incident.finding) == (OPERATOR, "a cable")
    assert TradingControl.objects.get().state == "HALTED"


def test_stages_are_edited_and_moved_with_permission_and_reason(
    operator: Client, viewer: Client, site: Scene
) -> None:
    RolloutStage.objects.all().delete()
    assert operator.get(reverse("admin:trading_rolloutstage_changelist")).status_code == 200
    first = {"max_workers": 2, "max_trade_notional": "", "min_hours": 3, "min_health": 85, "reason": "x"}
    operator.post(reverse("admin:trading_rolloutstage_change", args=[1]), first)
    move = f"{reverse('admin:trading_rolloutstage_move')}?ids=3"

    assert viewer.post(move, {"confirmed": "yes", "reason": "x"}).status_code == 403
    assert "say why" in operator.post(move, {"confirmed": "yes"}, follow=True).content.decode()
    assert not Rollout.objects.filter(stage=3).exists()
    operator.post(move, {"confirmed": "yes", "reason": "seen it for a year"})

    stage = RolloutStage.objects.get(number=1)
    assert (stage.max_workers, stage.max_trade_notional, stage.min_hours) == (2, None, 3)
    assert Rollout.objects.get().stage == 3
    assert ConfigChange.objects.latest("pk").action == "rollout.stages_defined"


def test_rollouts_tell_what_is_missing_and_are_moved_with_a_reason(
    operator: Client, viewer: Client, site: Scene
) -> None:
    RolloutStage.objects.all().delete()
    worker = a_worker(site)
    Rollout.objects.create(
        subject="installation", stage=1, entered_at=site.clock(), entered_by="x", lacks=["0.5 of 1 hours"]
    )
    page = operator.get(reverse("admin:trading_rollout_changelist")).content.decode()
    version = Rollout.objects.get(subject=f"version:{worker.version_id}")
    move = f"{reverse('admin:trading_rollout_move')}?ids={version.pk}"

    assert "0.5 of 1 hours" in page
    assert "worker_btc v1" in page
    assert "1 first: 1 at once, 10 a trade" in page
    assert viewer.post(move, {"confirmed": "yes", "reason": "x"}).status_code == 403
    operator.post(move, {"confirmed": "yes", "reason": "seen it for a year"})
    version.refresh_from_db()
    assert (version.stage, version.reason) == (2, "seen it for a year")


def test_a_schedule_that_is_edited_is_a_change_with_its_author(operator: Client, site: Scene) -> None:
    every = IntervalSchedule.objects.create(every=3, period="minutes")
    task = PeriodicTask.objects.create(name="nightly", task="trading.reconcile", interval=every)
    snapshots_before = ConfigChange.objects.count()
    choice = {"action": "disable_tasks", "_selected_action": [task.pk]}

    operator.post(reverse("admin:django_celery_beat_periodictask_changelist"), choice)

    change = ConfigChange.objects.latest("pk")
    assert ConfigChange.objects.count() == snapshots_before + 1
    assert (change.actor, change.action) == (OPERATOR, "schedule.changed")
    assert '"enabled": false' in change.differences[0]
