"""What bars kept from being traded: the back-tester on the candles since, with what was active meanwhile.

Called by `manage.py screen`. The trades of every worker that would have traded the symbol are joined to one
row, for an account holds one trade per symbol: who enters first keeps the others out. Written through
trading's blacklist. What cannot be worked out is kept as unknown, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from intelligence.backtest import CostModel, find_signals, join, play
from intelligence.candle_files import History
from intelligence.plans import plan_of_worker
from trading.domain.exits import DATA_END
from trading.domain.market import INTERVAL_S
from trading.domain.missed import RENEWED_AFTER, Missed
from trading.domain.risk_score import HISTORY
from trading.domain.values import PLACES
from trading.selectors.instruments import Bar, list_bars_to_measure
from trading.selectors.stints import Stint, list_stints
from trading.selectors.workers import resolve_universes
from trading.services.blacklist import note_missed

MOST_MISSING = 0.2  # of a bar's candles; beyond, nobody knows what would have been traded
# Symbol, interval, first and last moment -> history; None where there is none.
Read = Callable[[str, str, datetime, datetime], History | None]


class CandlesUnknown(LookupError):
    """What would have been traded cannot be worked out; the text says why."""


@dataclass(frozen=True, slots=True)
class _Trip:
    entry_s: int
    exit_s: int
    worker_id: int
    pnl: float
    bps: float
    is_open: bool


def measure_bars(read: Read, *, now: datetime) -> list[tuple[Bar, Missed]]:
    """Measure the bars that were not measured for a while, or ended since, and keep what was found."""
    measured = []
    for bar in list_bars_to_measure(now=now, older_than=RENEWED_AFTER):
        missed = measure(bar, list_stints(bar.since, bar.until), read, now=now)
        note_missed(bar.entry_id, missed)
        measured.append((bar, missed))
    return measured


def measure(bar: Bar, stints: Sequence[Stint], read: Read, *, now: datetime) -> Missed:
    """Give what a bar kept from being made up to now."""
    matching = [stint for stint in stints if _matches(stint, bar.symbol, now=now)]
    if not matching:
        return Missed(0, pnl=Decimal(0), until=now, note="no active worker matched the symbol")
    try:
        trips = [trip for stint in matching for trip in _trips(bar.symbol, stint, read, now=now)]
    except CandlesUnknown as error:
        return Missed(until=now, note=str(error))
    taken = list(_one_at_a_time(trips))
    closed = [trip for trip in taken if not trip.is_open]
    bps = np.array([trip.bps for trip in closed])
    return Missed(
        trades=len(closed),
        open_trades=len(taken) - len(closed),
        pnl=Decimal(str(sum(trip.pnl for trip in closed))).quantize(PLACES),
        mean_bps=float(bps.mean()) if len(bps) else None,
        error_bps=float(bps.std(ddof=1)) / math.sqrt(len(bps)) if len(bps) > 1 else None,
        until=now,
    )


def _matches(stint: Stint, symbol: str, *, now: datetime) -> bool:
    """Say whether the worker would trade the symbol; a rule is asked of the symbols as they are now."""
    universe = stint.config.universe
    if universe.symbols:
        return symbol in universe.symbols
    return symbol in resolve_universes({0: stint.config}, now=now, barred=())[0]


def _trips(symbol: str, stint: Stint, read: Read, *, now: datetime) -> Iterable[_Trip]:
    """Give the trades of one stint on the symbol; they may end after it, as open trades do."""
    plan = plan_of_worker(stint.config, costs=CostModel())
    step = timedelta(seconds=INTERVAL_S[stint.config.interval])
    warm = stint.since - step * (max(plan.asked.warmup(plan.parameters), HISTORY) + 1)
    end = min(now, stint.until + timedelta(seconds=stint.config.max_hold_s) + 2 * step)
    history = read(symbol, stint.config.interval, warm, end)
    expected = (stint.until - stint.since) // step
    if history is None:
        raise CandlesUnknown(f"there are no {stint.config.interval} candles of {symbol}")
    begin_s, end_s = stint.since.timestamp(), stint.until.timestamp()
    close_s = history.candles.open_ms // 1000 + history.candles.interval_s
    inside = int(np.count_nonzero((close_s >= begin_s) & (close_s < end_s)))
    if expected and inside < (1.0 - MOST_MISSING) * expected:
        missing = 1.0 - inside / expected
        raise CandlesUnknown(f"{missing:.0%} of the {stint.config.interval} candles of {symbol} are missing")
    market = join([history])
    symbols, rows = find_signals(plan, market)
    decided_s = market.arrays.open_s[rows] + market.interval_s
    wanted = (decided_s >= begin_s) & (decided_s < end_s)
    for trip in play(plan, market, symbols[wanted], rows[wanted]).trips:
        yield _Trip(
            entry_s=int(trip["entry_s"]),
            exit_s=int(trip["exit_s"]),
            worker_id=stint.worker_id,
            pnl=float(trip["pnl"]),
            bps=float(trip["pnl"] / (trip["qty"] * trip["entry_price"])) * 1e4,
            is_open=int(trip["code"]) == DATA_END,
        )


def _one_at_a_time(trips: Iterable[_Trip]) -> Iterable[_Trip]:
    """Leave out what would have met a symbol that is held; of two at once the older worker's enters."""
    free_s = 0
    for trip in sorted(trips, key=lambda each: (each.entry_s, each.worker_id)):
        if trip.entry_s >= free_s:
            free_s = trip.exit_s
            yield trip
