"""How a child lets others go first: what the system says about it afterwards."""

from __future__ import annotations

import ctypes
import os
import platform

import pytest

from tests.support.forks import told_by_child
from trading.management.supervisor.priority import (
    AUTOGROUP,
    LAST,
    LONG_SLICE_S,
    SCHED_ATTR,
    SCHED_SETATTR,
    give_way,
    go_last,
    work_when_idle,
)

HAS_SLICES = (
    platform.system() == "Linux"
    and platform.machine() in SCHED_SETATTR
    and tuple(int(part) for part in platform.release().split(".")[:2]) >= (6, 12)
)
RUNTIME = 5  # place in SCHED_ATTR


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this system does not share processors out by session")
def test_a_child_gives_way_as_a_session_too() -> None:
    def act() -> str:
        give_way(7)
        return f"{os.nice(0)} {AUTOGROUP.read_text()}"

    niceness, _, group = told_by_child(act).partition(" ")

    # The suite may itself run below others, and 19 is the lowest there is.
    assert (int(niceness), group.split()[-2:]) == (min(os.nice(0) + 7, 19), ["nice", "7"])


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this system does not share processors out by session")
def test_who_is_in_the_session_of_another_leaves_it_as_it_is() -> None:
    def act() -> str:
        before = AUTOGROUP.read_text()
        if (guest := os.fork()) == 0:
            give_way(7)
            os._exit(0)
        os.waitpid(guest, 0)
        return f"{before == AUTOGROUP.read_text()}"

    assert told_by_child(act) == "True"


@pytest.mark.skipif(not HAS_SLICES, reason="this system grants no slices")
def test_idle_work_has_long_slices_and_its_niceness() -> None:
    def act() -> str:
        give_way(7)
        work_when_idle()
        return f"{os.sched_getscheduler(0)} {os.nice(0)} {_slice_ns()}"

    assert told_by_child(act) == f"{os.SCHED_IDLE} {min(os.nice(0) + 7, 19)} {int(LONG_SLICE_S * 1e9)}"


def _slice_ns() -> int:
    answer = ctypes.create_string_buffer(SCHED_ATTR.size)
    sched_getattr = SCHED_SETATTR[platform.machine()] + 1
    assert ctypes.CDLL(None).syscall(sched_getattr, 0, answer, SCHED_ATTR.size, 0) == 0
    return int(SCHED_ATTR.unpack(answer.raw)[RUNTIME])


def test_who_goes_last_is_idle_work() -> None:
    def act() -> str:
        go_last()
        return f"{os.sched_getscheduler(0)} {os.nice(0)}"

    assert told_by_child(act) == f"{os.SCHED_IDLE} {LAST}"
