"""`manage.py in_background`: behind everybody, as long as its parent lives, else like the command itself."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.support.forks import told_by_child
from tests.support.servers import wait_until
from trading.management.supervisor.heartbeat import read_pids

LIMIT_S = 20.0


def _pid_heard() -> int | None:
    return (read_pids(settings.REDIS_URL, ["analyst"]) or {}).get("analyst")


def test_the_command_is_idle_work_and_its_errors_are_its_own() -> None:
    def act() -> str:
        with pytest.raises(CommandError, match="argument --threads: invalid int value: 'x'"):
            call_command("in_background", "run_analyst", "--threads", "x")
        return str(os.sched_getscheduler(0))

    assert told_by_child(act) == str(os.SCHED_IDLE)


def test_it_ends_with_the_process_that_started_it(redis_client: redis.Redis) -> None:
    program = [sys.executable, str(settings.BASE_DIR / "manage.py"), "in_background", "run_analyst"]

    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "fastcycle.settings",
        "REDIS_URL": settings.REDIS_URL,
    }

    def act() -> str:
        subprocess.Popen(program, env=environment)
        wait_until(lambda: _pid_heard() is not None, limit_s=LIMIT_S, what="heartbeat")
        return str(_pid_heard())

    pid = int(told_by_child(act))

    wait_until(lambda: not _lives(pid), limit_s=LIMIT_S, what="end")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
