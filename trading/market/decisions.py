"""Keeps the newest decisions per worker in Redis, for the operator's question "why did it (not) trade?".

Written by the batch task after the orders have left; read by trading.selectors.live. Bounded: counts by
code, and the last decisions only.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import redis

from trading.domain.decisions import Decision
from trading.domain.values import to_ms

KEPT = 50
COUNTS_KEY = "fc:denials:{worker_id}"
LAST_KEY = "fc:last_decision:{worker_id}"


def keep_decisions(client: "redis.Redis", decisions: Sequence[Decision], *, arrived_ms: int) -> None:
    """Add decisions to the counts and to the list of the newest, in one round trip."""
    if not decisions:
        return
    by_worker: dict[int, list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_worker[decision.worker_id].append(decision)
    with client.pipeline(transaction=False) as pipe:
        for worker_id, items in by_worker.items():
            for code, number in Counter(item.code for item in items).items():
                pipe.hincrby(COUNTS_KEY.format(worker_id=worker_id), code, number)
            newest = [_line(item, arrived_ms) for item in items[-KEPT:]]
            pipe.lpush(LAST_KEY.format(worker_id=worker_id), *newest)
            pipe.ltrim(LAST_KEY.format(worker_id=worker_id), 0, KEPT - 1)
        pipe.execute()


def _line(decision: Decision, arrived_ms: int) -> str:
    return json.dumps(
        {
            "symbol": decision.symbol,
            "candle_open_ms": to_ms(decision.candle_open_at),
            "arrived_ms": arrived_ms,
            "code": decision.code,
            "detail": decision.detail,
            "trade_id": decision.trade_id,
            "values": {
                name: round(value, 6) if math.isfinite(value) else None
                for name, value in decision.values.items()
            },
        }
    )
