"""The keeper of a queue: it forks a worker when something waits, and tells how the worker ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import redis
from celery import current_app

from tests.support.servers import wait_until
from trading.management.supervisor.celery_worker import run_worker
from trading.management.supervisor.children import CRASHED, fork_child
from trading.management.supervisor.heartbeat import Heartbeat, read_pids
from trading.management.supervisor.keeper import Keeper

LIMIT_S = 20.0
QUEUE_KEY = "fc:celery:kept"
IDLE_S = 0.5
ROUND_S = 0.05


@contextmanager
def _kept(work: Callable[[], int], redis_url: str) -> Iterator[int]:
    """Run a keeper in a fork, as the supervisor does; give its pid."""

    def run() -> int:
        heartbeat = Heartbeat("kept", redis_url=redis_url)
        return Keeper(
            work,
            child_name="work",
            queue_key=QUEUE_KEY,
            heartbeat=heartbeat,
            redis_url=redis_url,
            round_s=ROUND_S,
        ).run()

    pid = fork_child(run, name="kept", close=())
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _end(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _workers(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


def test_a_worker_comes_when_something_waits_and_goes_when_nothing_does(
    redis_server: str, redis_client: redis.Redis
) -> None:
    def work() -> int:
        return run_worker(name="work", queue="kept", threads=1, idle_s=IDLE_S)

    with _kept(work, redis_server) as pid:
        wait_until(lambda: read_pids(redis_server, ["kept"]) == {"kept": pid}, limit_s=LIMIT_S, what="beat")
        assert not _workers(pid)
        current_app.send_task("nobody.knows", queue="kept")
        wait_until(lambda: bool(_workers(pid)), limit_s=LIMIT_S, what="worker")
        wait_until(lambda: not _workers(pid), limit_s=LIMIT_S, what="end of the worker")

        assert not redis_client.llen(QUEUE_KEY)
        assert read_pids(redis_server, ["kept"]) == {"kept": pid}


def test_a_worker_that_is_idle_ends_well() -> None:
    pid = fork_child(
        lambda: run_worker(name="idle", queue="idle", threads=1, idle_s=IDLE_S), name="idle", close=()
    )

    assert _end(pid) == os.EX_OK


def test_a_worker_that_fails_ends_its_keeper(redis_server: str, redis_client: redis.Redis) -> None:
    with _kept(lambda: 3, redis_server) as pid:
        redis_client.lpush(QUEUE_KEY, "work")

        assert _end(pid) == CRASHED


def test_a_keeper_that_is_told_to_end_ends_its_worker(
    redis_server: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    said = tmp_path / "said"

    def work() -> int:
        def finish(*_args: object) -> None:
            said.write_text("finished", encoding="utf-8")
            os._exit(0)

        signal.signal(signal.SIGTERM, finish)
        said.write_text("at work", encoding="utf-8")
        while True:
            signal.pause()

    with _kept(work, redis_server) as pid:
        redis_client.lpush(QUEUE_KEY, "work")
        wait_until(said.exists, limit_s=LIMIT_S, what="worker")
        os.kill(pid, signal.SIGTERM)

        assert _end(pid) == os.EX_OK
    assert said.read_text(encoding="utf-8") == "finished"
