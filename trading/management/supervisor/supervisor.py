"""The supervisor: starts roles, starts again what dies, stops all in order.

One thread, one loop, no event loop and no open connection, so that a fork at any moment is clean.
`manage.py up` drives it: `begin`, `add`, `wait_for`, `watch`, `stop`.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType

from trading.management.supervisor.children import HANDLED, fork_child
from trading.management.supervisor.guard import Guard, kill_if_alive
from trading.management.supervisor.heartbeat import announce_stop, read_pids
from trading.management.supervisor.pages import give_back_free_memory
from trading.management.supervisor.roles import STOP_ORDER, Role, last_words

FIRST_DELAY_S = 0.2
MAX_DELAY_S = 10.0
SETTLED_AFTER_S = 30.0
ROUND_S = 2.0
EAGER_ROUND_S = 0.05
# A heartbeat key lives 15 s; one that stays away longer than this belongs to a process that hangs.
SILENCE_LIMIT_S = 10.0
STOP_LIMIT_S = 5.0
# Each round leaves a client of Redis behind; some of them grow old before anybody looks for garbage.
GIVE_BACK_EVERY_S = 60.0
FAILURES_BEFORE_GIVING_UP = 4

log = logging.getLogger(__name__)


class StopRequested(Exception):
    """Ctrl-C, SIGTERM, or the terminal went away."""


class StartFailed(Exception):
    """Something that all others need does not come up; the text is the one line to show."""


@dataclass(slots=True)
class Child:
    """A role that is kept alive. `pid` 0 means: down until `start_at_s`."""

    role: Role
    pid: int = 0
    started_at_s: float = 0.0
    start_at_s: float = 0.0
    failures: int = 0
    is_ready: bool = False
    heard_at_s: float = 0.0


def restart_delay_s(failures: int) -> float:
    """Give the pause before the next start: none after the first failure, then doubling up to ten seconds."""
    if failures <= 1:
        return 0.0
    return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures - 2, 20))


class Supervisor:
    """Keeper of all child processes of one `manage.py up`."""

    def __init__(self, *, redis_url: str, lock: int, say: Callable[[str], None]) -> None:
        self._redis_url = redis_url
        self._lock = lock
        self._say = say
        self._children: dict[str, Child] = {}
        self._once: set[int] = set()
        self._guard = Guard(keep=lock)
        self._stop_requested = False
        self._wake_end, self._signal_end = os.pipe()

    def begin(self) -> None:
        """Take over the signals and start the guard."""
        for end in (self._wake_end, self._signal_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._signal_end, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._on_signal)
        self._guard.start(())

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._stop_requested = True

    # ------------------------------------------------------------------------------------ start

    def add(self, role: Role) -> None:
        """Start a role and keep it alive from now on."""
        self._children[role.name] = Child(role)
        self._start(self._children[role.name])

    def _start(self, child: Child) -> None:
        name = child.role.name
        child.started_at_s = time.monotonic()
        child.is_ready = False
        child.pid = fork_child(child.role.run, name=name, close=self._private_descriptors())
        self._guard.add(child.pid)
        log.info("process.started", extra={"role": name, "child_pid": child.pid})

    def _private_descriptors(self) -> list[int]:
        return [self._lock, self._wake_end, self._signal_end, *self._guard.descriptors]

    def fork_once(self, task: Callable[[], int], *, name: str) -> int:
        """Run a task in a child that is not started again; hand its pid to `wait_for_end`."""
        pid = fork_child(task, name=name, close=self._private_descriptors())
        self._guard.add(pid)
        self._once.add(pid)
        return pid

    def wait_for_end(self, pid: int, *, what: str) -> None:
        """Wait for a child of `fork_once`, and keep the others alive meanwhile.

        Raises:
            StartFailed: It ended with a status other than zero.
        """
        status: int | None = None
        while status is None:
            self._look_after(EAGER_ROUND_S)
            ended, raw = os.waitpid(pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(raw) if ended else None
        self._guard.remove(pid)
        self._once.discard(pid)
        if status != 0:
            raise StartFailed(f"{what} failed with status {status}")

    def wait_for(self, names: Iterable[str], *, limit_s: float) -> list[str]:
        """Wait until these roles are ready; give those that are not when the time is over.

        Raises:
            StartFailed: One of them ends again and again.
            StopRequested: Somebody wants the stack to end.
        """
        deadline = time.monotonic() + limit_s
        waiting = [self._children[name] for name in names]
        while waiting and time.monotonic() < deadline:
            self._look_after(EAGER_ROUND_S)
            self._check_readiness()
            hopeless = next((one for one in waiting if one.failures >= FAILURES_BEFORE_GIVING_UP), None)
            if hopeless is not None:
                raise StartFailed(f"{hopeless.role.name} does not start: {last_words(hopeless.role.name)}")
            waiting = [child for child in waiting if not child.is_ready]
        return [child.role.name for child in waiting]

    # ------------------------------------------------------------------------------------ watch

    def watch(self) -> None:
        """Keep all roles alive until somebody wants the stack to end."""
        give_back_at_s = time.monotonic() + GIVE_BACK_EVERY_S
        while True:
            all_ready = all(child.is_ready for child in self._children.values())
            self._look_after(ROUND_S if all_ready else EAGER_ROUND_S)
            self._check_readiness()
            if time.monotonic() >= give_back_at_s:  # here, for a thread would live on half in a fork
                give_back_free_memory()
                give_back_at_s = time.monotonic() + GIVE_BACK_EVERY_S

    def _look_after(self, wait_s: float) -> None:
        due = [child.start_at_s for child in self._children.values() if not child.pid]
        wait_s = max(0.0, min([wait_s, *(at - time.monotonic() for at in due)]))
        select.select([self._wake_end], [], [], wait_s)
        self._drain_wake_end()
        if self._stop_requested:
            raise StopRequested
        self._reap()
        for child in self._children.values():
            if not child.pid and child.start_at_s <= time.monotonic():
                self._start(child)

    def _drain_wake_end(self) -> None:
        try:
            os.read(self._wake_end, 4096)
        except BlockingIOError:
            return

    def _reap(self) -> None:
        for child in self._children.values():
            if child.pid:
                ended, raw = os.waitpid(child.pid, os.WNOHANG)
                if ended:
                    self._on_end(child, os.waitstatus_to_exitcode(raw))
        self._revive_guard()

    def _on_end(self, child: Child, status: int) -> None:
        self._guard.remove(child.pid)
        lived_s = time.monotonic() - child.started_at_s
        child.failures = 1 if lived_s >= SETTLED_AFTER_S else child.failures + 1
        delay_s = restart_delay_s(child.failures)
        child.pid, child.is_ready = 0, False
        child.start_at_s = time.monotonic() + delay_s
        reason = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        self._say(f"{child.role.name} {reason} after {lived_s:.0f} s, starts again in {delay_s:.1f} s")

    def _revive_guard(self) -> None:
        ended, _ = os.waitpid(self._guard.pid, os.WNOHANG)
        if ended:
            self._say("guard ended, starts again")
            self._guard.start(child.pid for child in self._children.values() if child.pid)

    def _check_readiness(self) -> None:
        beating = [child for child in self._children.values() if child.role.answers is None]
        pids = read_pids(self._redis_url, [name for child in beating for name in child.role.heartbeats])
        now_s = time.monotonic()
        for child in self._children.values():
            if child.role.answers is not None:
                child.is_ready = child.is_ready or (child.pid > 0 and child.role.answers())
            elif pids is not None:
                heard = {pids.get(name) for name in child.role.heartbeats}
                self._hear(child, is_beating=child.pid > 0 and heard == {child.pid}, now_s=now_s)
            else:
                child.heard_at_s = now_s  # Redis is away: silence says nothing about the process

    def _hear(self, child: Child, *, is_beating: bool, now_s: float) -> None:
        if is_beating:
            child.is_ready, child.heard_at_s = True, now_s
        elif child.is_ready and now_s - child.heard_at_s > SILENCE_LIMIT_S:
            self._say(f"{child.role.name} hangs (no heartbeat), killed")
            kill_if_alive(child.pid, signal.SIGKILL)

    # ------------------------------------------------------------------------------------ stop

    def stop(self) -> None:
        """End all children in order, each with a bound, then the guard."""
        for pid in self._once:
            self._end(pid, name="once")
        announce_stop(self._redis_url)
        order = {name: place for place, name in enumerate(STOP_ORDER)}
        for child in sorted(self._children.values(), key=lambda one: order.get(one.role.name, -1)):
            if child.pid:
                self._end(child.pid, name=child.role.name)
        self._guard.close()
        os.waitpid(self._guard.pid, 0)

    def _end(self, pid: int, *, name: str) -> None:
        kill_if_alive(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S
        while not os.waitpid(pid, os.WNOHANG)[0]:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                log.warning("process.killed", extra={"role": name, "child_pid": pid})
                kill_if_alive(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            select.select([self._wake_end], [], [], min(left_s, ROUND_S))
            self._drain_wake_end()
        self._guard.remove(pid)
