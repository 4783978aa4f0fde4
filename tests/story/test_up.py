"""The whole stack on one machine: it starts, heals and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis
from celery import Celery

from tests.support.servers import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
READY_LIMIT_S = 40.0
BACK_LIMIT_S = 5.0
GONE_LIMIT_S = 20.0
FORKED = ("web", "feed", "trader")

pytestmark = [pytest.mark.story, pytest.mark.timeout(90)]


@dataclass
class Stack:
    """One running `manage.py up` and what a visitor can see of it."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def said(self) -> str:
        """Give what it printed so far."""
        return (self.home / "said.txt").read_text(encoding="utf-8")

    def pids(self) -> dict[str, int]:
        """Give the pid behind each heartbeat, and those of the two programs that keep none."""
        heard = {name: self.heartbeat(name) for name in FORKED}
        found = {name: pid for name, pid in heard.items() if pid is not None}
        for child in psutil.Process(self.process.pid).children():
            line = " ".join(child.cmdline())
            found |= {"paper": child.pid} if "trading.paper" in line else {}
            found |= {"redis": child.pid} if "redis.sock" in line else {}
        return found

    def heartbeat(self, name: str) -> int | None:
        """Give the pid behind one heartbeat."""
        with redis.Redis(unix_socket_path=str(self.home / "redis" / "redis.sock")) as client:
            value = client.get(f"fc:process:{name}")
        return int(json.loads(value)["pid"]) if isinstance(value, bytes) else None

    def runs_anew(self, name: str, old_pid: int) -> bool:
        """Say whether a role lives again, under another pid."""
        try:
            return self.pids().get(name, old_pid) != old_pid
        except (redis.ConnectionError, psutil.Error):
            return False

    def family(self) -> list[psutil.Process]:
        """Give the supervisor and everything it started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(*options: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), "up", *options]


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return {
        **kept,
        "FASTCYCLE_HOME": str(home),
        "FASTCYCLE_ENV_FILE": os.devnull,
        "PAPER_PORT": str(_free_port()),
    }


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack in a home of its own, ready; whatever a test leaves is killed."""
    with tempfile.TemporaryDirectory(prefix="fc-up-") as folder:
        home, port = Path(folder), _free_port()
        with (home / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                _command("--port", str(port)), env=_environment(home), stdout=said, stderr=said
            )
        stack = Stack(home=home, port=port, process=process)
        family: list[psutil.Process] = []
        try:
            wait_until(lambda: "ready in" in stack.said(), limit_s=READY_LIMIT_S, what="ready stack")
            family = stack.family()
            yield stack
        finally:
            _kill([*family, *(stack.family() if process.poll() is None else [])])
            process.wait()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _wait_until_gone(family: list[psutil.Process]) -> None:
    wait_until(lambda: not any(map(_lives, family)), limit_s=GONE_LIMIT_S, what="end of all processes")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_up_starts_heals_and_stops_without_a_trace(stack: Stack) -> None:
    slow: dict[str, float] = {}
    for name, pid in stack.pids().items():
        os.kill(pid, signal.SIGKILL)
        took_s = wait_until(
            lambda name=name, pid=pid: stack.runs_anew(name, pid),  # type: ignore[misc]  # bound now, on purpose
            limit_s=GONE_LIMIT_S,
            what=f"new {name}",
        )
        slow |= {name: took_s} if took_s > BACK_LIMIT_S else {}
    family = stack.family()

    stack.process.send_signal(signal.SIGTERM)
    status = stack.process.wait(timeout=GONE_LIMIT_S)

    assert not slow
    assert status == 0, stack.said()
    _wait_until_gone(family)
    wait_until(lambda: not _listens(stack.port), limit_s=BACK_LIMIT_S, what="free port")


def test_up_serves_a_page_and_tells_the_first_password_once(stack: Stack) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/admin/login/") as answer:
        page = answer.read()

    passwords = re.findall(r"password \(shown this once\): (\S+)", stack.said())

    assert b"csrfmiddlewaretoken" in page
    assert len(passwords) == 1
    assert set(stack.pids()) == {*FORKED, "paper", "redis"}
    assert stack.heartbeat("beat") == stack.pids()["trader"]
    assert stack.heartbeat("executions") == stack.pids()["feed"]
    assert (stack.home / "secrets" / "secret_key").stat().st_mode & 0o077 == 0


def test_the_site_s_process_works_on_analysis_and_keeps_a_log_of_its_own(stack: Stack) -> None:
    asking = Celery(broker=f"redis+socket://{stack.home / 'redis' / 'redis.sock'}", set_as_current=False)
    asking.conf.broker_transport_options = {"global_keyprefix": "fc:celery:"}
    log = stack.home / "logs" / "web.log"

    asking.send_task("intelligence.screen", queue="analysis", ignore_result=True)

    wait_until(lambda: log.exists() and "learning.done" in log.read_text(), limit_s=GONE_LIMIT_S, what="log")
    assert stack.heartbeat("analyst") == stack.heartbeat("web")


def test_the_doctor_finds_a_new_installation_fit_before_and_after(stack: Stack) -> None:
    # Without ports of its own it speaks to the stack that runs on this home.
    environment = {name: value for name, value in _environment(stack.home).items() if name != "PAPER_PORT"}
    for options in ((), ("--after-deploy",)):
        command = [sys.executable, str(ROOT / "manage.py"), "doctor", "--json", *options]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        findings = json.loads(done.stdout)["findings"]

        assert [each for each in findings if each["verdict"] == "FAIL"] == []
        assert len(findings) >= 5
        assert done.returncode == 0


def test_second_up_on_the_same_home_says_so_and_leaves(stack: Stack) -> None:
    second = subprocess.run(
        _command("--port", str(_free_port())), env=_environment(stack.home), capture_output=True, check=False
    )

    assert second.returncode == 1
    assert second.stderr.decode().count("\n") == 1
    assert "already running" in second.stderr.decode()


def test_killed_supervisor_takes_everything_with_it(stack: Stack) -> None:
    family = stack.family()

    os.kill(stack.process.pid, signal.SIGKILL)

    _wait_until_gone(family[1:])
    wait_until(lambda: not _listens(stack.port), limit_s=BACK_LIMIT_S, what="free port")


def test_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="fc-up-") as home,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        port = taken.getsockname()[1]
        up = subprocess.run(
            _command("--port", str(port)), env=_environment(Path(home)), capture_output=True, check=False
        )

    assert up.returncode == 1
    assert up.stderr.decode().count("\n") == 1
    assert f"port {port}" in up.stderr.decode()
