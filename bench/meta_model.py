"""Does the gate of the model let luck through, and does it find what is there?

    python -m bench meta_model

The markets of `promotion`. Noise: whether a fall comes back is a coin that nothing tells of. Hinted: the
volume of the fall tells. A model is trained and judged on a year of each, a hundred times.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from bench.promotion import INTERVAL_S, RUNS, a_market
from intelligence.backtest import CostModel
from intelligence.model_training import train
from intelligence.plans import plan_of_strategy


def measure(*, runs: int = RUNS) -> dict[str, Any]:
    """Train on so many markets of each kind; give how many models were proven."""
    begun = time.perf_counter()
    found = {kind: sum(_is_proven(kind, seed) for seed in range(runs)) for kind in ("noise", "hinted")}
    return {"runs": runs, "proven": found, "seconds": round(time.perf_counter() - begun)}


def _is_proven(kind: str, seed: int) -> bool:
    plan = plan_of_strategy("CAPITULATION", interval_s=INTERVAL_S, costs=CostModel())
    trained = train(plan, a_market(seed, kind=kind), number=1)
    if isinstance(trained, int):
        return False
    sys.stderr.write(f"{kind} {seed + 1}: {trained.judgement}\n")
    return trained.judgement.is_proven
