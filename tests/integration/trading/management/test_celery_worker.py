"""A worker that is a thread of a process with another main loop."""

from __future__ import annotations

import os
import threading

import redis
from celery import current_app
from celery.worker import state
from django.conf import settings

from tests.support.forks import told_by_child
from tests.support.servers import wait_until
from trading.management.supervisor.celery_worker import WorkerBeside
from trading.management.supervisor.heartbeat import Heartbeat, read_pids

QUEUE = "beside"
LIMIT_S = 20.0


def _worker(ends: list[str]) -> WorkerBeside:
    return WorkerBeside(
        name="analyst",
        queue=QUEUE,
        threads=1,
        heartbeat=Heartbeat("analyst", redis_url=settings.REDIS_URL, must_touch=True),
        on_end=lambda: ends.append("ended"),
    )


def _pid_heard() -> int | None:
    return (read_pids(settings.REDIS_URL, ["analyst"]) or {}).get("analyst")


def test_it_keeps_a_heartbeat_and_finishes_what_it_began_when_it_is_stopped(
    redis_client: redis.Redis,
) -> None:
    @current_app.task(name="tests.wait_for_word")
    def wait_for_word() -> None:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.set("begun", 1)
            client.blpop(["word"], LIMIT_S)
            client.set("done", 1)

    def act() -> str:
        ends: list[str] = []
        worker = _worker(ends)
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            worker.start()
            wait_until(lambda: bool(client.exists("begun")), limit_s=LIMIT_S, what="task")
            wait_until(lambda: _pid_heard() == os.getpid(), limit_s=LIMIT_S, what="heartbeat")
            stopping = threading.Thread(target=worker.stop, kwargs={"limit_s": LIMIT_S})
            stopping.start()
            wait_until(lambda: state.should_stop is not None, limit_s=LIMIT_S, what="wish to stop")
            client.rpush("word", 1)
            stopping.join()
            return f"{bool(client.exists('done'))} {ends} {worker.has_ended}"

    current_app.send_task("tests.wait_for_word", queue=QUEUE)

    assert told_by_child(act) == "True [] False"


def test_one_that_never_began_is_stopped_without_a_word() -> None:
    def act() -> str:
        ends: list[str] = []
        worker = _worker(ends)
        worker.stop(limit_s=LIMIT_S)
        return f"{ends} {worker.has_ended}"

    assert told_by_child(act) == "[] False"


def test_it_says_when_it_ends_by_itself(redis_client: redis.Redis) -> None:
    def act() -> str:
        ends: list[str] = []
        worker = _worker(ends)
        worker.start()
        wait_until(lambda: _pid_heard() == os.getpid(), limit_s=LIMIT_S, what="heartbeat")
        state.should_stop = os.EX_SOFTWARE  # type: ignore[assignment]  # the stubs know only its first value
        wait_until(lambda: bool(ends), limit_s=LIMIT_S, what="end")
        return f"{worker.has_ended}"

    assert told_by_child(act) == "True"
