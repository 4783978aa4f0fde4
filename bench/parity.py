"""The back-tester against the live services on recorded candles, trade by trade, to the tick.

    python -m bench parity --data DIR

Three plans on two intervals and up to seven symbols: fixed stops, trailing stops, and downtime of the venue.
The strategies are set loose, so that there is much to compare; what they earn does not matter here.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

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
    with tempfile.TemporaryDirectory(prefix="fc-") as home:
        os.environ["FASTCYCLE_HOME"] = home
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastcycle.settings")
        return {name: _compare(case, data / "candles") for name, case in CASES.items()}


def _compare(case: Case, folder: Path) -> dict[str, Any]:
    import django

    django.setup()
    from intelligence.backtest import CostModel, run
    from intelligence.command_input import read_market
    from intelligence.parity import differences, replay, tested_trades
    from intelligence.plans import plan_of_strategy
    from trading.replay.stage import private_database

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
