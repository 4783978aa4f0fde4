"""What the batch task keeps of decisions is what the operator reads about each worker."""

from datetime import datetime, timedelta

import pytest
import redis

from tests.support.builders import NOON
from trading.domain.decisions import Decision
from trading.market.decisions import CODES_PREFIX, DECIDED_PREFIX, keep_decisions
from trading.selectors.live import read_why_not

SQUAD = (1, 2, 3)


def decided(
    code: str, *worker_ids: int, symbol: str = "BTCUSDT", at: datetime = NOON, **more: object
) -> Decision:
    return Decision("squad", worker_ids or SQUAD, symbol, at, code, **more)  # type: ignore[arg-type]  # a test names what it changes


def test_what_a_squad_has_in_common_is_told_of_each_worker(redis_client: redis.Redis) -> None:
    keep_decisions(
        redis_client,
        [
            decided("DIP_TOO_SHALLOW", values={"rsi": 40.5, "zscore": float("nan")}),
            decided("SYMBOL_BUSY", symbol="ETHUSDT"),
        ],
        arrived_ms=7,
    )

    found = read_why_not(redis_client, [1, 3, 4], shown=10)

    assert found[1] == found[3]
    assert found[1]["counts"] == {"DIP_TOO_SHALLOW": 1, "SYMBOL_BUSY": 1}
    shallow = next(each for each in found[1]["decisions"] if each["symbol"] == "BTCUSDT")
    assert (shallow["values"], shallow["arrived_ms"]) == ({"rsi": 40.5, "zscore": None}, 7)
    assert found[4] == {"counts": {}, "decisions": []}


def test_a_workers_own_outcome_stands_before_its_squads(redis_client: redis.Redis) -> None:
    keep_decisions(
        redis_client,
        [decided("ENTRY", 1, detail="entry", trade_id=9), decided("SYMBOL_BUSY", 2, 3)],
        arrived_ms=7,
    )

    found = read_why_not(redis_client, SQUAD, shown=10)

    assert [each["trade_id"] for each in found[1]["decisions"]] == [9]
    assert [found[each]["counts"] for each in SQUAD] == [{"ENTRY": 1}, {"SYMBOL_BUSY": 1}, {"SYMBOL_BUSY": 1}]


def test_a_later_common_decision_replaces_an_own_one(redis_client: redis.Redis) -> None:
    keep_decisions(redis_client, [decided("ENTRY", 1), decided("SYMBOL_BUSY", 2, 3)], arrived_ms=7)
    keep_decisions(redis_client, [decided("TREND_FALLING", at=NOON + timedelta(minutes=1))], arrived_ms=8)

    found = read_why_not(redis_client, SQUAD, shown=10)

    assert all([each["code"] for each in found[one]["decisions"]] == ["TREND_FALLING"] for one in SQUAD)
    assert found[1]["counts"] == {"ENTRY": 1, "TREND_FALLING": 1}


@pytest.mark.parametrize("workers", [2, 200])
def test_what_is_kept_does_not_grow_with_the_workers(redis_client: redis.Redis, workers: int) -> None:
    for minute in range(3):
        at = NOON + timedelta(minutes=minute)
        keep_decisions(redis_client, [decided("TREND_FALLING", *range(workers), at=at)], arrived_ms=7)

    kept = redis_client.keys(f"{DECIDED_PREFIX}*") + redis_client.keys(f"{CODES_PREFIX}*")
    assert len(kept) == 2
    assert redis_client.hlen(DECIDED_PREFIX + "squad") == 1
