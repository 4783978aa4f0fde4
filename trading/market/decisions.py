"""Keeps what was decided in Redis, for the operator's question "why did it (not) trade?".

Written by the batch task after the orders have left; read by trading.selectors.live. What a squad's workers
have in common is written once; a worker's own outcome stands beside it. Bounded: the newest decision on each
symbol, and counts by code.

    fc:squads                         worker -> the squad it was in at its last turn
    fc:decided:SQUAD[:WORKER]         symbol -> the newest decision
    fc:decided_codes:SQUAD[:WORKER]   code -> how often

A worker's own counts correct its squad's: the sum of both is exact for each worker.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import redis

from trading.domain.decisions import Decision
from trading.domain.values import to_ms

SQUADS_KEY = "fc:squads"
DECIDED_PREFIX = "fc:decided:"
CODES_PREFIX = "fc:decided_codes:"
# What nobody adds to is forgotten: squads end when their members change.
KEPT_S = 7 * 24 * 3600


def own_name(squad: str, worker_id: int) -> str:
    """Give the name under which a worker's own outcomes are kept."""
    return f"{squad}:{worker_id}"


def keep_decisions(client: "redis.Redis", decisions: Sequence[Decision], *, arrived_ms: int) -> None:
    """Add decisions to the counts and to the newest ones, in one round trip."""
    if not decisions:
        return
    lines: dict[str, dict[Any, Any]] = defaultdict(dict)
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    members: dict[str, set[int]] = defaultdict(set)
    for common, others in _by_squad(decisions):
        line = _line(common, arrived_ms)
        lines[common.squad][common.symbol] = line
        codes[common.squad][common.code] += 1
        members[common.squad] |= set(common.worker_ids)
        for other in others:
            members[other.squad] |= set(other.worker_ids)
            line = _line(other, arrived_ms)
            for worker_id in other.worker_ids:
                name = own_name(other.squad, worker_id)
                lines[name][other.symbol] = line
                codes[name][other.code] += 1
                codes[name][common.code] -= 1
    squads: dict[Any, Any] = {str(each): name for name, ids in members.items() for each in ids}
    with client.pipeline(transaction=False) as pipe:
        pipe.hset(SQUADS_KEY, mapping=squads)
        for name, fields in lines.items():
            pipe.hset(DECIDED_PREFIX + name, mapping=fields)
            pipe.expire(DECIDED_PREFIX + name, KEPT_S)
            for code, number in codes[name].items():
                pipe.hincrby(CODES_PREFIX + name, code, number)
            pipe.expire(CODES_PREFIX + name, KEPT_S)
        pipe.execute()


def _by_squad(decisions: Sequence[Decision]) -> Iterable[tuple[Decision, list[Decision]]]:
    """Give for each squad, symbol and candle what most of its workers have in common, and the others."""
    together: dict[tuple[object, ...], list[Decision]] = defaultdict(list)
    for decision in decisions:
        together[decision.squad, decision.symbol, decision.candle_open_at].append(decision)
    for outcomes in together.values():
        if len(outcomes) > 1:
            outcomes.sort(key=lambda each: len(each.worker_ids), reverse=True)
        yield outcomes[0], outcomes[1:]


def _line(decision: Decision, arrived_ms: int) -> bytes:
    return orjson.dumps(
        {
            "symbol": decision.symbol,
            "candle_open_ms": to_ms(decision.candle_open_at),
            "arrived_ms": arrived_ms,
            "code": decision.code,
            "detail": decision.detail,
            "trade_id": decision.trade_id,
            "values": decision.values,  # what is not a number becomes null
        }
    )
