"""The watch on a real Redis and database, with a webhook that takes its messages."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connections

from intelligence.models import ModelVersion
from monitoring import live, machine, probes
from monitoring.models import Alert, Delivery, HealthSample
from monitoring.watch import Watch
from tests.support.receiver import Receiver, receiving
from tests.support.servers import wait_until
from trading.domain.values import to_ms
from trading.models import ReconcileRun

pytestmark = pytest.mark.django_db(transaction=True)
ROLES = ("web", "feed", "executions", "trader", "beat")
TELL_LIMIT_S = 5.0


class Stage:
    """A stack that only exists as its words in Redis."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.streams = {"fc:feed": True, "fc:user_stream": True}
        self.pids = dict.fromkeys(ROLES, os.getpid())

    def speak(self) -> None:
        """Let everybody say again that they live."""
        now_ms = to_ms(live.utc_now())
        for key, is_connected in self.streams.items():
            self.client.set(key, json.dumps({"connected": is_connected, "last_message_ms": now_ms}))
        for name, pid in self.pids.items():
            beat = {"pid": pid, "host": probes.host_name(), "started_at_ms": now_ms, "beat_at_ms": now_ms}
            self.client.set(f"fc:process:{name}", json.dumps(beat))


@pytest.fixture
def stage(redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Stage:
    # The roles of this stage are this very process, and what the tests before loaded is not theirs.
    monkeypatch.setattr(machine, "process_rows", lambda reading: [])
    now = live.utc_now()
    ReconcileRun.objects.create(at=now, reason="test", took_ms=1, resolved=0, fills_added=0, unknown_orders=0)
    stage = Stage(redis_client)
    stage.speak()
    return stage


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setattr(settings, "NOTIFY_URLS", found.url)
        yield found


@contextmanager
def watching(*nodes: str) -> Iterator[list[Watch]]:
    """Run the parts of watches; their rounds are made by the test."""
    with ExitStack() as ending:
        watches = [Watch(node=f"{probes.host_name()}:{node}") for node in nodes or ("1",)]
        for watch in watches:
            for part in watch.parts:
                part.start()
            ending.callback(watch.stop)
        yield watches


def look_until(
    condition: Callable[[], bool],
    stage: Stage,
    watches: list[Watch],
    *,
    what: str,
    limit_s: float = TELL_LIMIT_S,
) -> None:
    """Make rounds until a condition holds."""

    def is_so() -> bool:
        stage.speak()
        for watch in watches:
            watch.look()
        return condition()

    wait_until(is_so, limit_s=TELL_LIMIT_S, what=what)


def is_noted_as_sent() -> bool:
    return Delivery.objects.filter(sent_at__isnull=False).exists()


def settle(stage: Stage, watches: list[Watch]) -> None:
    look_until(lambda: all(watch.is_settled for watch in watches[:1]), stage, watches, what="settled watch")


def test_a_fault_is_told_once_within_five_seconds_and_kept(stage: Stage, receiver: Receiver) -> None:
    with watching() as watches:
        settle(stage, watches)
        stage.pids["trader"] = 2**22 + 1  # no process of this machine
        began_s = time.time()
        look_until(lambda: bool(receiver.receipts), stage, watches, what="message")
        look_until(is_noted_as_sent, stage, watches, what="row")

    assert receiver.titles() == ["[CRITICAL] PROCESS_MISSING:trader"]
    assert receiver.receipts[0].at_s - began_s < TELL_LIMIT_S
    alert = Alert.objects.get(code="PROCESS_MISSING")
    assert (alert.subject, alert.level, alert.resolved_at) == ("trader", "CRITICAL", None)
    assert alert.notified_at is not None
    assert "What to do" in receiver.receipts[0].body["message"]


def test_a_process_that_died_is_told_though_another_runs_by_now(stage: Stage, receiver: Receiver) -> None:
    with watching() as watches:
        settle(stage, watches)
        stage.pids["executions"] = os.getppid()
        look_until(is_noted_as_sent, stage, watches, what="row")

    assert receiver.titles() == ["[CRITICAL] PROCESS_MISSING:executions"]


def test_what_one_cause_explains_is_one_message(stage: Stage, receiver: Receiver) -> None:
    with watching() as watches:
        settle(stage, watches)
        stage.streams = dict.fromkeys(stage.streams, False)
        look_until(lambda: Alert.objects.count() >= 3, stage, watches, what="three alerts")
        look_until(lambda: bool(receiver.receipts), stage, watches, what="message")

    assert receiver.titles() == ["[CRITICAL] VENUE_DOWN"]
    explained = Alert.objects.filter(cause__code="VENUE_DOWN").values_list("code", flat=True)
    assert sorted(explained) == ["FEED_DOWN", "USER_STREAM_DOWN"]


def test_a_channel_that_refuses_is_tried_again_and_takes_it_once(stage: Stage, receiver: Receiver) -> None:
    receiver.refusals = 1
    with watching() as watches:
        settle(stage, watches)
        del stage.pids["feed"]
        stage.client.delete("fc:process:feed")
        look_until(is_noted_as_sent, stage, watches, what="row")

    assert receiver.refused == 1
    assert receiver.titles() == ["[CRITICAL] PROCESS_MISSING:feed"]
    assert Delivery.objects.get().attempts == 2


@contextmanager
def locked_database() -> Iterator[None]:
    """Hold the lock that every write needs."""
    connection = connections["default"].copy()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            connection.set_autocommit(False)
            cursor.execute("LOCK TABLE monitoring_watchmark IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
            connection.close()


def test_a_database_without_writes_is_told_and_its_row_follows(stage: Stage, receiver: Receiver) -> None:
    with watching() as watches:
        settle(stage, watches)
        with locked_database():
            look_until(lambda: bool(receiver.receipts), stage, watches, what="message")
            assert not Alert.objects.exists()
        look_until(is_noted_as_sent, stage, watches, what="row")

    assert receiver.titles() == ["[CRITICAL] DATABASE_READ_ONLY"]
    assert Alert.objects.get(code="DATABASE_READ_ONLY").notified_at is not None


def test_of_two_nodes_one_judges(stage: Stage, receiver: Receiver) -> None:
    with watching("1", "2") as watches:
        settle(stage, watches)
        stage.streams["fc:feed"] = False
        look_until(lambda: bool(receiver.receipts), stage, watches, what="message")
        look_until(lambda: Alert.objects.exists(), stage, watches, what="row")

    assert receiver.titles() == ["[CRITICAL] FEED_DOWN"]
    assert stage.client.get(probes.LEASE_KEY) == f"{probes.host_name()}:1".encode()


def test_without_redis_every_node_judges_and_one_message_goes_out(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching("1", "2") as watches:
        settle(stage, watches)
        monkeypatch.setattr(probes, "look_at_redis", _raise_silence)
        look_until(lambda: bool(receiver.receipts), stage, watches, what="message")
        look_until(is_noted_as_sent, stage, watches, what="row")

    assert receiver.titles() == ["[CRITICAL] REDIS_SILENT"]
    assert Alert.objects.count() == 1


def _raise_silence(*_args: Any, **_kwargs: Any) -> None:
    raise redis.ConnectionError("away")


def test_another_node_goes_on_with_what_was_open(stage: Stage, receiver: Receiver) -> None:
    with watching("1") as first:
        settle(stage, first)
        stage.streams["fc:feed"] = False
        look_until(lambda: Alert.objects.filter(notified_at__isnull=False).exists(), stage, first, what="row")
    stage.client.delete(probes.LEASE_KEY)
    with watching("2") as second:
        look_until(lambda: Alert.objects.get().times == 1, stage, second, what="look")
        for _ in range(5):
            look_until(lambda: True, stage, second, what="look")

    assert receiver.titles() == ["[CRITICAL] FEED_DOWN"]
    assert Alert.objects.count() == 1


def test_nothing_is_told_while_the_machine_is_stopped_on_purpose(stage: Stage, receiver: Receiver) -> None:
    with watching() as watches:
        settle(stage, watches)
        stage.client.set(probes.STOPPING_KEY.format(host=probes.host_name()), 1)
        stage.streams["fc:feed"] = False
        for _ in range(5):
            look_until(lambda: True, stage, watches, what="look")

    assert not receiver.receipts
    assert not Alert.objects.exists()


def test_the_dead_mans_address_is_called_while_all_is_well_and_only_then(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setattr(settings, "PING_URL", f"http://127.0.0.1:{receiver.port}/ping")
        with watching() as watches:
            look_until(lambda: bool(receiver.receipts), stage, watches, what="ping")
        first = len(receiver.receipts)
        stage.streams["fc:feed"] = False
        stage.client.delete(probes.LEASE_KEY)
        with watching() as watches:
            for _ in range(5):
                look_until(lambda: True, stage, watches, what="look")

    assert [receipt.path for receipt in receiver.receipts] == ["/ping"]
    assert first == 1


def test_a_drifted_model_is_an_alert_row_and_costs_a_point(stage: Stage, receiver: Receiver) -> None:
    ModelVersion.objects.create(
        strategy="CAPITULATION",
        interval="1m",
        digest="0" * 64,
        is_proven=True,
        judgement={},
        signals="0" * 16,
        model={},
        trained_at=live.utc_now(),
        drifted_at=live.utc_now(),
    )
    with watching() as watches:
        look_until(lambda: Alert.objects.filter(code="MODEL_DRIFTED").exists(), stage, watches, what="row")

    alert = Alert.objects.get(code="MODEL_DRIFTED")
    assert (alert.subject, alert.level, alert.points) == ("CAPITULATION 1m", "WARNING", 1)


def test_samples_are_kept_with_what_was_lost(stage: Stage) -> None:
    moments = iter(live.utc_now() + timedelta(seconds=number) for number in range(1000))
    with ExitStack() as ending:
        watch = Watch(clock=lambda: next(moments), node=f"{probes.host_name()}:1")
        for part in watch.parts:
            part.start()
        ending.callback(watch.stop)
        look_until(lambda: HealthSample.objects.exists(), stage, [watch], what="sample")

    sample = HealthSample.objects.earliest("at")
    assert sample.span_s == 10
    assert sample.score_min == min(100, sample.score_min)
    assert "price_age_s" in sample.figures
