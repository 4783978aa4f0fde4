"""Acceptance, reports, retention, metrics and alerts in the admin, on stored rows."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from intelligence.models import Challenge
from monitoring import live, reports, retention, rows
from monitoring.models import Alert, Delivery, HealthSample, Report
from monitoring.sampling import span_begin
from tests.support.desk import Scene
from tests.support.trading import a_worker, turn
from trading.models import RolloutStage, Trade
from trading.services import records, rollback, snapshots

pytestmark = pytest.mark.usefixtures("always", "redis_client")
ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a token of the test"


def a_sample(at: datetime, *, span_s: int = 10, **changes: Any) -> HealthSample:
    figures = {
        "error_ratio": [0.0, 0.0, 0.0], "feed_up": [1.0, 1.0, 1.0], "user_stream_up": [1.0, 1.0, 1.0],
        "disk_free_mb": [9000.0, 9000.0, 9000.0], "memory_mb": [200.0, 200.0, 200.0],
    }  # fmt: skip
    fields: dict[str, Any] = {
        "rounds": 10,
        "seen_s": 10.0,
        "up_s": 10.0,
        "score_min": 100,
        "score_mean": 100.0,
    }
    return HealthSample(at=at, span_s=span_s, figures=figures, **{**fields, **changes})


def fill(now: datetime, *, hours: float, **changes: Any) -> None:
    begin = span_begin(now - timedelta(hours=hours), 10)
    number = int(hours * 360)
    HealthSample.objects.bulk_create(
        a_sample(begin + timedelta(seconds=10 * each), **changes) for each in range(number)
    )


def acceptance(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], object]:
    code: object = 0
    try:
        call_command("acceptance", "--json")
    except SystemExit as ended:
        code = ended.code
    found = json.loads(capsys.readouterr().out)
    return {row["id"]: row["verdict"] for row in found["criteria"]}, code


def test_changed_samples_change_the_verdict(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    fill(live.utc_now(), hours=1)
    before, code_before = acceptance(capsys)
    HealthSample.objects.update(up_s=5.0, figures={"error_ratio": [0.0, 0.5, 0.9]})

    after, code = acceptance(capsys)

    assert (before["R1"], before["R2"], before["A2"], code_before) == ("not enough data", "met", "met", 0)
    assert (after["R1"], after["R2"], after["A2"], code) == ("not met", "not met", "not enough data", 1)


def test_the_acceptance_page_shows_every_criterion_to_those_who_are_logged_in(
    site: Scene, viewer: Client
) -> None:
    page = viewer.get("/acceptance/").content.decode()

    assert Client().get("/acceptance/").status_code == 302
    assert all(f'id="{id_}"' in page for id_ in ("R1", "T4", "S1"))


def test_a_report_is_made_once_kept_and_handed_to_the_watch(site: Scene, viewer: Client) -> None:
    a_worker(site)
    turn(site)
    now = live.utc_now()
    begins_at, _ = reports.last_span("HOURLY", now=now)
    HealthSample.objects.bulk_create([a_sample(begins_at), a_sample(begins_at + timedelta(minutes=1))])

    made = reports.make("HOURLY", now=now)

    assert made is not None
    assert reports.make("HOURLY", now=now) is None
    assert set(made.content) == {"health", "errors", "websocket", "positions", "alerts"}
    assert "Websocket:" in viewer.get("/reports/").content.decode()
    assert [message.level for message in rows.take_reports("here:1", now=now)] == ["REPORT"]
    assert rows.take_reports("here:2", now=now) == []


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("DAILY", {"health", "wins", "symbols", "blacklisted", "alerts", "resources"}),
        ("WEEKLY", {"health", "strategies", "risk", "alerts", "resources", "capacity"}),
    ],
)
def test_daily_and_weekly_reports_have_their_parts(site: Scene, kind: str, parts: set[str]) -> None:
    begins_at, _ = reports.last_span(kind, now=live.utc_now())
    falling = [a_sample(begins_at + timedelta(hours=each)) for each in range(20)]
    for number, sample in enumerate(falling):
        sample.figures = {**sample.figures, "disk_free_mb": [9000.0 - 100 * number] * 3}
    HealthSample.objects.bulk_create(falling)

    made = reports.make(kind, now=live.utc_now())

    assert made is not None
    assert set(made.content) == parts
    if kind == "WEEKLY":
        assert made.content["capacity"]["disk_mb_a_day"] == pytest.approx(-2400)
        assert made.content["capacity"]["days_until_disk_is_full"] == pytest.approx(7100 / 2400)


def test_old_samples_get_coarser_and_nothing_of_their_sums_is_lost(transactional_db: None) -> None:
    now = live.utc_now()
    begin = span_begin(now - timedelta(hours=49), 60)
    HealthSample.objects.bulk_create(a_sample(begin + timedelta(seconds=10 * each)) for each in range(30))
    HealthSample.objects.bulk_create(
        [a_sample(span_begin(now, 10)), a_sample(begin - timedelta(days=500), span_s=3600)]
    )

    retention.thin(now=now)
    retention.thin(now=now)

    minutes = HealthSample.objects.filter(span_s=60)
    assert minutes.count() == 5
    assert sum(each.up_s for each in minutes) == 300
    assert HealthSample.objects.filter(span_s=10).count() == 1
    assert not HealthSample.objects.filter(span_s=3600).exists()


def scrape(token: str = TOKEN) -> tuple[int, str]:
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.content.decode()


def test_metrics_exist_for_those_who_know_the_token(site: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrape()[0] == 404
    monkeypatch.setattr(settings, "METRICS_TOKEN", TOKEN)

    assert scrape("wrong")[0] == 403
    status, text = scrape()
    assert status == 200
    assert "fastcycle_health_score 0.0" in text
    assert 'fastcycle_process_up{process="feed"} 0.0' in text


def test_every_metric_that_rules_and_board_name_is_exposed(
    site: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "METRICS_TOKEN", TOKEN)
    exposed = set(re.findall(r"^# TYPE (\w+)", scrape()[1], re.MULTILINE))
    rules = yaml.safe_load((ROOT / "deploy/prometheus-rules.yml").read_text())
    board = json.loads((ROOT / "deploy/grafana-board.json").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert all(
        {"alert", "expr", "labels", "annotations"} <= set(rule) for rule in rules["groups"][0]["rules"]
    )
    expressions += [target["expr"] for panel in board["panels"] for target in panel["targets"]]

    named = {name for each in expressions for name in re.findall(r"fastcycle_\w+", each)}

    assert named
    assert named <= exposed


def an_alert() -> Alert:
    now = live.utc_now()
    return Alert.objects.create(
        uid="a" * 32, code="FEED_DOWN", level="CRITICAL", text="x", points=50, opened_at=now, seen_at=now
    )


def test_an_alert_is_acknowledged_once_by_name(site: Scene, operator: Client) -> None:
    alert = an_alert()

    operator.post(
        "/admin/monitoring/alert/", {"action": "acknowledge", "_selected_action": [alert.pk]}, follow=True
    )

    alert.refresh_from_db()
    assert alert.acknowledged_by == "operator"
    assert not rows.acknowledge(alert.pk, actor="another", note="", now=live.utc_now())


def test_a_viewer_sees_alerts_and_may_not_acknowledge(site: Scene, viewer: Client) -> None:
    alert = an_alert()

    page = viewer.get("/admin/monitoring/alert/").content.decode()
    viewer.post("/admin/monitoring/alert/", {"action": "acknowledge", "_selected_action": [alert.pk]})

    alert.refresh_from_db()
    assert "FEED_DOWN" in page
    assert alert.acknowledged_by == ""


@pytest.mark.parametrize("model", ["alert", "delivery", "healthsample", "report"])
def test_every_list_of_the_watch_opens(site: Scene, operator: Client, model: str) -> None:
    alert = an_alert()
    now = live.utc_now()
    Delivery.objects.create(
        key="k", channel="c", alert=alert, level="CRITICAL", title="t", body="b", made_at=now
    )
    Report.objects.create(kind="HOURLY", begins_at=now, ends_at=now, made_at=now)
    a_sample(now).save()

    assert operator.get(f"/admin/monitoring/{model}/").status_code == 200


def test_operations_are_judged_by_what_they_left_behind(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = acceptance(capsys)
    a_worker(site)
    turn(site)
    records.note(
        records.BACKUP, {"file": "x", "rows": 3, "verified_s": 0.1}, actor="command", now=site.clock()
    )
    for action, failed in ((records.DOCTOR, []), (records.VALIDATION, ["dashboard"])):
        counts = {"ok": 5, "warn": 0, "FAIL": len(failed)}
        records.note(action, {"counts": counts, "failed": failed}, actor="command", now=site.clock())
    snapshot = snapshots.newest_snapshot()
    assert snapshot is not None
    rollback.roll_back(snapshot, by="operator", desk=site.desk)

    after, _ = acceptance(capsys)

    assert {before[each] for each in ("D1", "D2", "D3", "D4", "D5", "D6")} == {"not enough data"}
    assert [after[each] for each in ("D1", "D2", "D4", "D5", "D6")] == [
        "met", "met", "not enough data", "not met", "met",
    ]  # fmt: skip


def test_adaptation_is_judged_by_what_became_of_the_challenges(
    site: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    worker, found = a_worker(site), []
    challenge = Challenge(
        worker=worker, parameter="z_entry", before={"z_entry": 2.0}, after={"z_entry": 2.2}, number=1,
        tried=9, confidence=0.97, begun_at=site.clock(), judged_at=site.clock(),
    )  # fmt: skip
    for state, evidence in (("SHADOW", {}), ("CONFIRMED", {"shadow": {"days": 20}}), ("PROMOTED", {})):
        challenge.state, challenge.evidence = state, evidence
        challenge.save()
        found.append(acceptance(capsys)[0]["I2"])

    assert found == ["not enough data", "met", "not met"]


def test_a_trade_beyond_its_stage_fails_it(site: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    RolloutStage.objects.all().delete()
    a_worker(site)
    turn(site)
    within, _ = acceptance(capsys)
    Trade.objects.update(reserved_notional="10.5")

    beyond, _ = acceptance(capsys)

    assert (within["D3"], beyond["D3"]) == ("met", "not met")
