"""What chaos does and when: a plan that the seed alone decides.

The acts are carried out by bench/hands.py; their order, moments and parameters depend on nothing but the
seed and the length, so that a run can be repeated as far as two runs of many processes can be alike.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.menaces import MENACES, Menace

FORKED = ("web", "feed", "trader")  # executions runs in the feed's process
KILLED = (*FORKED, "feed", "feed", "trader", "trader", "paper", "redis")
# How often each kind of act is drawn, and the mean pause between two acts.
KINDS = {"fault": 0.5, "kill": 0.17, "freeze": 0.05, "task": 0.16, "outsider": 0.1, "restart": 0.02}
PAUSE_S = 2.2
FIRST_S = 2.0
# A start takes its time; what would fall into it is not drawn at all.
RESTART_TAKES_S = 14.0
TASKS = ("run_batch", "run_batch", "run_triggers", "run_upkeep", "reconcile")


@dataclass(frozen=True, slots=True)
class Act:
    """One deed: `at_s` after the start of the mischief, what kind, on what, with which details."""

    at_s: float
    kind: str
    what: str
    details: Mapping[str, Any] = field(default_factory=dict)
    menace: Menace | None = None

    def told(self) -> str:
        """Say it in one line."""
        details = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.at_s:7.2f} {self.kind:9}{self.what} {details}".rstrip()


def plan(seed: int, seconds: float) -> list[Act]:
    """Give the acts of so many seconds, the same for the same seed and a prefix of a longer run's."""
    rng = random.Random(f"chaos/{seed}")
    acts: list[Act] = []
    at_s = FIRST_S
    while at_s < seconds:
        kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
        act = _draw(kind, round(at_s, 2), rng)
        acts.append(act)
        at_s += rng.expovariate(1 / PAUSE_S) + (RESTART_TAKES_S if kind == "restart" else 0)
    return acts


def _draw(kind: str, at_s: float, rng: random.Random) -> Act:
    match kind:
        case "fault":
            menace = rng.choices(MENACES, weights=[each.share for each in MENACES])[0]
            return Act(at_s, kind, menace.name, menace.draw(rng), menace)
        case "kill":
            return Act(at_s, kind, rng.choice(KILLED))
        case (
            "freeze"
        ):  # a machine that swaps, a virtual one that is moved: the process goes on as if nothing was
            return Act(at_s, kind, rng.choice(KILLED), {"for_s": round(rng.uniform(0.2, 6), 2)})
        case "task":
            details = {"times": rng.choice((2, 2, 10)), "late_s": rng.choice((0, 0, 1, 3))}
            return Act(at_s, kind, rng.choice(TASKS), details)
        case "outsider":
            return _draw_outsider(at_s, rng)
        case _:
            return Act(at_s, "restart", "supervisor")


def _draw_outsider(at_s: float, rng: random.Random) -> Act:
    """Somebody else with the same account: moves money, or trades by hand and keeps what he bought."""
    what = rng.choice(("deposit", "withdraw", "buy", "sell"))
    if what in ("buy", "sell"):
        return Act(at_s, "outsider", what, {"symbol": rng.choice(("BTCUSDT", "ETHUSDT", "ADAUSDT"))})
    asset, low, high = rng.choice((("USDT", 1, 500), ("BTC", 0.001, 0.01), ("ADA", 10, 100)))
    if what == "withdraw":
        asset, low, high = "USDT", 1, 500
    return Act(at_s, "outsider", what, {"asset": asset, "amount": f"{rng.uniform(low, high):.4f}"})
