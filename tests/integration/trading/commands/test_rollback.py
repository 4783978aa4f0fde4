"""`rollback`: shows first what would change, restores, and says in one line why it cannot."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.support.desk import Scene
from tests.support.trading import OPERATOR, a_worker
from trading.models import ConfigSnapshot, Incident, Worker
from trading.services import snapshots, workers

pytestmark = pytest.mark.usefixtures("always")


@pytest.fixture
def stable(site: Scene) -> ConfigSnapshot:
    """A stable configuration with a worker that is on; by now it is off."""
    worker = a_worker(site)
    found = snapshots.newest_snapshot()
    assert found is not None
    snapshots.mark_stable(found, {"hours": 24}, now=site.clock())
    workers.stop_worker(worker.pk, actor=OPERATOR, now=site.clock())
    return found


def test_a_dry_run_shows_and_changes_nothing(
    stable: ConfigSnapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rollback", "--dry-run", "--json")

    told = json.loads(capsys.readouterr().out)
    path = "workers.worker_btc.is_on"
    assert told["differences"] == [{"path": path, "before": False, "after": True}]
    assert not Incident.objects.exists()
    assert Worker.objects.get().state == "STOPPED"


def test_a_rollback_leaves_an_empty_diff(stable: ConfigSnapshot, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rollback", "--json", "--reason", "bad night")
    done = json.loads(capsys.readouterr().out)
    call_command("rollback", "--dry-run")

    assert (done["snapshot"], done["remaining"]) == (stable.pk, [])
    assert "nothing differs" in capsys.readouterr().out
    assert Worker.objects.get().state == "ACTIVE"


def test_the_list_tells_what_is_stable(stable: ConfigSnapshot, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rollback", "--list", "--json")

    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[stable.pk]["stable_at"] is not None
    assert len([row for row in rows.values() if row["stable_at"]]) == 1


@pytest.mark.parametrize(
    ("options", "said"), [((), "no configuration is marked stable"), (("--to", "99"), "has the number 99")]
)
def test_nothing_to_go_back_to_is_one_line(site: Scene, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said) as caught:
        call_command("rollback", *options)

    assert caught.value.returncode == 2
