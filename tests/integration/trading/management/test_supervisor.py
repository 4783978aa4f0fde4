"""The parts of the supervisor that need no whole stack: the guard, the pauses, the lock, the run file."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.servers import wait_until
from trading.management.supervisor.children import fork_child
from trading.management.supervisor.guard import Guard
from trading.management.supervisor.home import CannotStart, lock_home, write_run_file
from trading.management.supervisor.roles import Role
from trading.management.supervisor.supervisor import StopRequested, Supervisor, restart_delay_s

LIMIT_S = 5.0


@pytest.fixture
def lock(tmp_path: Path) -> int:
    """The descriptor of a claimed home."""
    return lock_home(tmp_path / "up.lock")


def _stranger() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "60"])


def test_guard_kills_what_lives_when_the_pipe_ends(lock: int) -> None:
    kept, ended, other = _stranger(), _stranger(), _stranger()
    guard = Guard(keep=lock)
    guard.start([kept.pid, ended.pid])
    guard.add(other.pid)
    guard.remove(ended.pid)

    guard.close()
    os.waitpid(guard.pid, 0)

    assert kept.wait(LIMIT_S) == other.wait(LIMIT_S) == -9
    assert ended.poll() is None
    ended.kill()
    ended.wait(LIMIT_S)


def test_guard_without_children_ends_in_peace(lock: int) -> None:
    guard = Guard(keep=lock)
    guard.start([])

    guard.close()

    assert os.waitstatus_to_exitcode(os.waitpid(guard.pid, 0)[1]) == 0


def test_restart_comes_at_once_and_then_ever_later() -> None:
    delays = [restart_delay_s(failures) for failures in (1, 2, 3, 4, 50)]

    assert delays == [0.0, 0.2, 0.4, 0.8, 10.0]


def test_second_claim_of_a_home_names_the_first(tmp_path: Path) -> None:
    first = lock_home(tmp_path / "up.lock")

    with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
        lock_home(tmp_path / "up.lock")
    os.close(first)


def test_run_file_is_written_whole(tmp_path: Path) -> None:
    write_run_file(tmp_path / "up.env", {"VENUE": "paper", "PAPER_PORT": 8100})

    assert (tmp_path / "up.env").read_text(encoding="utf-8") == "VENUE=paper\nPAPER_PORT=8100\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "up.env"]


def _supervised(role: Role, *, lock: int, said: Path) -> Callable[[], int]:
    """Give the task of a fork that keeps one role until it is told to stop."""

    def say(line: str) -> None:
        with said.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def run() -> int:
        supervisor = Supervisor(redis_url="unix:///nowhere.sock", lock=lock, say=say)
        supervisor.begin()
        try:
            supervisor.add(role)
            supervisor.watch()
        except StopRequested:
            supervisor.stop()
        return 0

    return run


def _end(pid: int) -> int:
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_role_that_fails_is_told_and_tried_again(lock: int, tmp_path: Path) -> None:
    said = tmp_path / "said"
    role = Role("guest", lambda: 3)

    pid = fork_child(_supervised(role, lock=lock, said=said), name="up", close=())
    wait_until(
        lambda: said.exists() and said.read_text().count("ended with status 3") >= 2,
        limit_s=LIMIT_S,
        what="second failure",
    )

    assert _end(pid) == 0


class Garbage:
    """Refers to itself, and says when it is gone."""

    def __init__(self, *, says: Path) -> None:
        self._myself = self
        self._says = says

    def __del__(self) -> None:
        self._says.touch()


def test_garbage_goes_while_it_watches(lock: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.management.supervisor.supervisor.GIVE_BACK_EVERY_S", 0.0)
    gone = tmp_path / "gone"
    watching = _supervised(Role("guest", lambda: 3), lock=lock, said=tmp_path / "said")

    def run() -> int:
        gc.disable()
        Garbage(says=gone)
        return watching()

    pid = fork_child(run, name="up", close=())
    wait_until(gone.exists, limit_s=LIMIT_S, what="end of the garbage")

    assert _end(pid) == 0
