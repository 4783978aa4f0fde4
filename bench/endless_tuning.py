"""`python -m bench.endless_tuning`: walk forward over one market after the other until killed.

Started by measurements. It runs as a review does that a task started: behind everybody else.
"""

from __future__ import annotations

import itertools
import os

import django
from django.apps import apps

if not apps.ready:
    django.setup()

from bench.promotion import INTERVAL_S, a_market
from intelligence.backtest import CostModel
from intelligence.evaluation import walk
from intelligence.plans import plan_of_strategy
from trading.management.supervisor.priority import go_last


def main() -> None:
    """Say once after the first market that everything is compiled."""
    os.setsid()
    go_last()
    plan = plan_of_strategy("CAPITULATION", interval_s=INTERVAL_S, costs=CostModel())
    for seed in itertools.count():
        walk(plan, a_market(seed, kind="planted"))
        if seed == 0:
            print("walking", flush=True)  # noqa: T201 -- read by the measurement


if __name__ == "__main__":
    main()
