"""The back-tester against the live services on recorded candles, trade by trade, to the tick.

    python -m bench parity --data DIR

Three plans on two intervals and up to seven symbols: fixed stops, trailing stops, and downtime of the venue.
The strategies are set loose, so that there is much to compare; what they earn does not matter here.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench import private_servers  # noqa: F401 -- makes Django ready
from bench.turn_desk import run_apart
from intelligence.backtest import CostModel, run
from intelligence.command_input import read_market
from intelligence.parity import differences, replay, tested_trades
from intelligence.plans import plan_of_strategy
from trading.replay.stage import private_database

LOOSE = {"reward_bps": 40, "z_entry": 1.4}


class Case(NamedTuple):
    """One plan on one stretch of candles."""

    interval: str
    since: datetime
    until: datetime
    terms: dict[str, float]


CASES = {
    "1m fixed stops": Case(
        "1m",
        datetime(2021, 4, 2, tzinfo=UTC),
        datetime(2021, 4, 3, tzinfo=UTC),
        {"take_profit_bps": 100, "stop_loss_bps": 100},
    ),
    "1m trailing stops": Case(
        "1m",
        datetime(2021, 5, 19, tzinfo=UTC),
        datetime(2021, 5, 19, 16, tzinfo=UTC),
        {"take_profit_bps": 300, "stop_loss_bps": 150, "trailing_bps": 80, "max_hold_s": 3600},
    ),
    "5m with downtime": Case(
        "5m",
        datetime(2023, 3, 20, tzinfo=UTC),
        datetime(2023, 3, 28, tzinfo=UTC),
        {"take_profit_bps": 100, "stop_loss_bps": 100, "max_hold_s": 36_000},
    ),
}


def measure(*, data: Path) -> dict[str, Any]:
    """Compare all cases; give trades, symbols and differences of each."""
    return run_apart("bench.parity", str(data / "candles"))


def _compare(case: Case, folder: Path) -> dict[str, Any]:
    market = read_market(folder, interval=case.interval, symbols=None, since=case.since, until=case.until)
    plan = plan_of_strategy("DIP_REVERSION", interval_s=market.interval_s, costs=CostModel(), changes=LOOSE)
    plan = replace(plan, terms=plan.terms._replace(**case.terms))
    begun = time.perf_counter()
    with private_database():
        replayed = replay(plan, market)
    taken_s = time.perf_counter() - begun
    tested = tested_trades(market, run(plan, market))
    return {
        "interval": case.interval,
        "symbols": len({each.symbol for each in replayed}),
        "candles": market.bars,
        "trades": len(replayed),
        "differences": len(differences(tested, replayed)),
        "replay_s": round(taken_s, 1),
    }


def main() -> None:
    """Print the figures as JSON; the folder is the argument."""
    folder = Path(sys.argv[1])
    print(json.dumps({name: _compare(case, folder) for name, case in CASES.items()}))  # noqa: T201 -- read apart


if __name__ == "__main__":
    main()
