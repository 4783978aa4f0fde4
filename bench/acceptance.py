"""What the product says of its own acceptance criteria after a calm run, and after one under mischief.

Both runs are those of bench/chaos.py with the same workers on the same market, so that the only difference is
the mischief. Beside the product's own words stand what the oracles and the venue's own ledger say.
"""

from __future__ import annotations

import sys
from typing import Any

from bench import chaos
from bench.mischief import plan

SEED = 9006
MINUTES = 30.0
# What an outsider saw of the same run.
SEEN_FROM_OUTSIDE = ("entries", "closed", "longest_unprotected_s", "unprotected_s", "resumed", "violations")


def measure(*, minutes: float = MINUTES) -> dict[str, Any]:
    """Run calm, then under mischief, so many minutes each; give each criterion as the product judged it."""
    seconds = minutes * 60
    runs = {}
    for name, acts in (("calm", []), ("mischief", plan(SEED, seconds))):
        report = chaos.run(SEED, seconds, acts)
        print(f"{name}: {chaos.summary(report)}", file=sys.stderr, flush=True)  # noqa: T201 -- a command
        runs[name] = {each: report[each] for each in SEEN_FROM_OUTSIDE} | {
            "acts": report["acts"],
            "counts": report["acceptance"]["counts"],
            "criteria": report["acceptance"]["criteria"],
        }
    return {"minutes": minutes, "seed": SEED, **runs}
