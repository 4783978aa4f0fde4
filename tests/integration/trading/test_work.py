"""Long work tells how far it has come; what runs out by itself is read from the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis.backoff import NoBackoff
from redis.retry import Retry

from monitoring import live, snapshot
from tests.support.builders import NOON
from tests.support.desk import FixedClock, Scene, a_scene
from tests.support.trading import OPERATOR, a_worker, allow_everything, prepare, turn
from trading import bootstrap
from trading.domain.trades import ExitReason
from trading.market.progress import Progress
from trading.models import Trade, Worker
from trading.selectors.work import running_out, told_work
from trading.services import control, exits, rollback, workers


def a_progress(client: redis.Redis, clock: FixedClock, name: str = "backfill", total: int = 100) -> Progress:
    return Progress(client, name, "Backfill", total=total, unit="candles", clock=clock)


@pytest.fixture
def scene(transactional_db: None, always: None) -> Scene:
    """A worker with an open trade on each of two symbols."""
    scene = a_scene()
    prepare(scene)
    allow_everything()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        scene.quote(symbol, "100.00", "100.01")
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT", "ETHUSDT")
    scene.pump()
    assert Trade.objects.filter(state="OPEN").count() == 2
    return scene


def close_one(scene: Scene) -> None:
    """Sell what the first trade holds, a moment later."""
    scene.clock.advance(1)
    trade = Trade.objects.filter(state="OPEN").earliest("pk")
    exits.exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    scene.pump()


def far(scene: Scene) -> list[tuple[str, int, int]]:
    """Give what runs out, and how far it is."""
    return [(each.title, each.done, each.total) for each in running_out(now=scene.clock())]


def test_work_says_how_far_it_is_and_that_it_is_done(redis_client: redis.Redis) -> None:
    clock = FixedClock(NOON)
    with a_progress(redis_client, clock) as work:
        work.done(40)
        work.say("BTCUSDT 1m")
        (row,) = told_work(redis_client, now=clock())
        assert (row.title, row.note, row.done, row.total) == ("Backfill", "BTCUSDT 1m", 40, 100)
        assert row.ended_ms is None
        clock.advance(30)

    (row,) = told_work(redis_client, now=clock())
    assert (row.ended_ms or 0) - row.begun_ms == 30_000
    assert told_work(redis_client, now=clock() + timedelta(minutes=2)) == []


def test_work_that_fails_says_why_and_work_that_was_killed_is_forgotten(redis_client: redis.Redis) -> None:
    clock = FixedClock(NOON)
    with pytest.raises(ValueError, match="no such"), a_progress(redis_client, clock):
        raise ValueError("no such symbol")
    a_progress(redis_client, clock, name="tuning").say("killed after this word")

    failed, killed = told_work(redis_client, now=clock())
    assert (failed.failed, killed.failed, killed.ended_ms) == ("no such symbol", "", None)
    assert told_work(redis_client, now=clock() + timedelta(minutes=11)) == []


def test_work_goes_on_untold_where_redis_is_away() -> None:
    away = redis.Redis(unix_socket_path="/nowhere/redis.sock", retry=Retry(NoBackoff(), 0))

    with a_progress(away, FixedClock(NOON)) as work:
        work.done()
        work.say("still here")


def test_a_drain_counts_what_was_open_when_it_began(scene: Scene) -> None:
    worker = Worker.objects.get()
    assert far(scene) == []

    scene.clock.advance(1)
    workers.drain_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    assert far(scene) == [("worker_btc drains", 0, 2)]
    close_one(scene)

    assert far(scene) == [("worker_btc drains", 1, 2)]


def test_a_halted_account_runs_out_as_a_whole(scene: Scene) -> None:
    scene.clock.advance(1)
    control.kill(control.KillLevel.ENTRIES, actor=OPERATOR, desk=scene.desk)
    close_one(scene)

    with CaptureQueriesContext(connection) as queries:
        assert far(scene) == [("Trading is exits only: positions run out", 1, 2)]
    assert len(queries) == 3


def test_a_dashboard_is_shown_a_rollback_step_by_step(
    redis_client: redis.Redis, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "get_redis", lambda: redis_client)
    monkeypatch.setattr(live, "get_client", lambda: redis_client)
    now = live.utc_now()
    title = "Rollback to configuration 7"
    with bootstrap.follow("rollback", title, total=rollback.STEPS, unit="steps") as work:
        work.step("halts all workers")
        work.step("restores the configuration")
        (row,) = snapshot.build_live(now=now, reading=live.read(now=now))["work"]

    assert (row["title"], row["note"]) == ("Rollback to configuration 7", "restores the configuration")
    assert (row["done"], row["total"], row["unit"]) == (1, 3, "steps")
