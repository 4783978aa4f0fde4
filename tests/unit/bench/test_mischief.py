"""The plan of a chaos run: decided by its seed, within its time, and of every kind in the long run."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from bench.menaces import MENACES
from bench.mischief import KINDS, RESTART_TAKES_S, plan

LONG_S = 4 * 3600.0


def test_the_same_seed_gives_the_same_acts_and_another_seed_others() -> None:
    assert plan(7, 120) == plan(7, 120)
    assert plan(7, 120) != plan(8, 120)


def test_a_short_run_is_the_beginning_of_a_long_one() -> None:
    short, long = plan(7, 60), plan(7, 600)

    assert long[: len(short)] == short
    assert all(act.at_s < 60 for act in short)


def test_every_kind_of_act_and_every_fault_comes_in_the_long_run() -> None:
    acts = plan(1, LONG_S)
    shares = {kind: number / len(acts) for kind, number in Counter(act.kind for act in acts).items()}

    assert shares == pytest.approx(KINDS, abs=0.05)
    assert {act.what for act in acts if act.kind == "fault"} == {menace.name for menace in MENACES}


def test_nothing_happens_while_the_stack_starts_again() -> None:
    acts = plan(1, LONG_S)
    after = [later.at_s - act.at_s for act, later in pairwise(acts) if act.kind == "restart"]

    assert min(after) >= RESTART_TAKES_S - 0.01


def test_no_fault_lasts_longer_than_its_few_seconds() -> None:
    for act in plan(2, LONG_S):
        if act.kind == "fault":
            params = act.details["params"]
            has_end = {"duration_s", "ban_s", "stall_s"} & set(params)
            assert has_end or act.what in {
                *(
                    "balance-moved",
                    "weight-jump",
                    "orders-spent",
                    "server-drop",
                    "server-shutdown",
                    "event-stream-terminated",
                ),
            }
            assert params.get("duration_s", 0) <= 10
