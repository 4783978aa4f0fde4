"""Which symbols lose more than the rest beyond bad luck, and which markets are not normal. Pure.

Called by intelligence.blacklisting. Three unlucky trades ban nobody: each trade of a symbol is a bet on
"worse than the others, and losing"; a symbol is barred by evidence that one like the rest would reach, over
all symbols together and however often one looks, with a chance of ALPHA.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from intelligence.sequential import evidence
from trading.domain.signals import Candles, FloatArray

LOSES, CANDLE_GAPS, ABNORMAL_MOVE = "LOSES", "CANDLE_GAPS", "ABNORMAL_MOVE"
WINDOW = timedelta(days=90)  # of closed trades that are judged
FIRST_BAR, LONGEST_BAR = timedelta(days=7), timedelta(days=84)
MARKET_BAR = timedelta(hours=24)
MARKET_SPAN = timedelta(hours=10)  # of candles that are looked at
ALPHA = 0.05  # chance that any symbol is barred although none is worse than the rest
LEAST_TRADES = 15
LEAST_OTHERS = 15
GAP_SHARE = 0.05  # of missing candles
MOVE_RATIO, MOVE_BPS = 12.0, 800.0  # of the last hour's range against the usual one
HOUR_S, LEAST_HOURS = 3_600, 5


@dataclass(frozen=True, slots=True)
class ClosedReturn:
    """What one closed trade made, in bps of what it cost, after fees."""

    symbol: str
    closed_at: datetime
    bps: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a symbol is to be barred; evidence at least `needed` is enough."""

    symbol: str
    reason: str
    trades: int
    mean_bps: float | None
    others_bps: float | None
    evidence: float
    needed: float


def poor_performers(
    trades: Iterable[ClosedReturn], *, ignore_before: Mapping[str, datetime] | None = None
) -> list[Finding]:
    """Give the symbols whose trades were worse than those of the others, and lost money.

    Args:
        trades: Of all symbols, in any order. They are taken one by one and kept as two numbers each, because
            those of months are too many to hold.
        ignore_before: By symbol: older trades of it do not count, say because an operator lifted its bar.
    """
    by_symbol = _returns_by_symbol(trades, ignore_before or {})
    if not by_symbol:
        return []
    needed = len(by_symbol) / ALPHA
    count = sum(len(each) for each in by_symbol.values())
    total = sum(float(each.sum()) for each in by_symbol.values())
    largest = max(float(np.abs(each).max()) for each in by_symbol.values())
    found = []
    for symbol, returns in by_symbol.items():
        others = count - len(returns)
        if len(returns) < LEAST_TRADES or others < LEAST_OTHERS:
            continue
        reference = (total - float(returns.sum())) / others
        bound = largest + abs(reference)
        if bound == 0.0:
            continue
        worse = evidence(reference - returns, bound=bound)
        losing = evidence(-returns, bound=bound)
        if min(worse, losing) >= needed:
            mean = float(returns.mean())
            found.append(Finding(symbol, LOSES, len(returns), mean, reference, min(worse, losing), needed))
    return found


def _returns_by_symbol(
    trades: Iterable[ClosedReturn], ignore_before: Mapping[str, datetime]
) -> dict[str, FloatArray]:
    """Give the returns of each symbol that has any, by the time at which the trades closed."""
    columns: dict[str, tuple[array[float], array[float]]] = defaultdict(lambda: (array("d"), array("d")))
    for trade in trades:
        since = ignore_before.get(trade.symbol)
        if since is None or trade.closed_at > since:
            closed_s, bps = columns[trade.symbol]
            closed_s.append(trade.closed_at.timestamp())
            bps.append(trade.bps)
    return {
        symbol: np.array(bps)[np.argsort(np.array(closed_s), kind="stable")]
        for symbol, (closed_s, bps) in columns.items()
    }


def odd_market(symbol: str, candles: Candles) -> Finding | None:
    """Say what is not normal about the newest candles of a symbol; None while too few are known.

    CANDLE_GAPS: more than GAP_SHARE of them are missing. ABNORMAL_MOVE: the last hour's range is
    MOVE_RATIO times the usual hour's, and at least MOVE_BPS.
    """
    of_an_hour = HOUR_S // candles.interval_s
    if not of_an_hour or len(candles) < LEAST_HOURS * of_an_hour:
        return None
    spanned = int(candles.open_ms[-1] - candles.open_ms[0]) // (candles.interval_s * 1000) + 1
    share = 1.0 - len(candles) / spanned
    if share > GAP_SHARE:
        return Finding(symbol, CANDLE_GAPS, 0, None, None, share, GAP_SHARE)
    hours = len(candles) // of_an_hour
    tail = candles.tail(hours * of_an_hour)
    high, low = (column.reshape(hours, of_an_hour) for column in (tail.high, tail.low))
    ranges = (high.max(axis=1) / low.min(axis=1) - 1.0) * 1e4
    usual = float(np.median(ranges[:-1]))
    if ranges[-1] >= MOVE_BPS and ranges[-1] >= MOVE_RATIO * usual:
        return Finding(
            symbol, ABNORMAL_MOVE, 0, float(ranges[-1]), usual, float(ranges[-1]), MOVE_RATIO * usual
        )
    return None


def bar_length(finding: Finding, *, times: int) -> timedelta:
    """Give for how long a symbol is barred that was barred for losing so many times before."""
    return min(FIRST_BAR * 2**times, LONGEST_BAR) if finding.reason == LOSES else MARKET_BAR
