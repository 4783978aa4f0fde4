"""The default configuration walked forward over history as it would have run live.

Called by `manage.py evaluate`. Every REVIEW_DAYS the parameters in use (the champion) are compared with their
neighbours on the LOOKBACK_DAYS that lie behind, less an embargo as long as a trade may last, so that no
trade counts that was not over. A neighbour takes over only if its daily gain over the champion is too steady
for luck, given how many were tried so far (deflated Sharpe ratio). No evidence, no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from intelligence.backtest import Market, Outcome, Plan, find_signals, join, play
from intelligence.candle_files import between
from intelligence.sweep import sweep
from trading.domain.performance import deflated_sharpe
from trading.domain.signals import FloatArray, IntArray, ParameterValues, StrategySpec

DAY_S = 86_400
REVIEW_DAYS = 14
LOOKBACK_DAYS = 60
LEAST_TRADES = 30  # of a neighbour, on the days behind
CONFIDENCE = 0.99
STEP = 1.25  # a review moves one limit by this factor at most
REACH = 2.0  # and never further from the default than this factor


@dataclass(frozen=True, slots=True)
class Change:
    """A champion replaced: when, what moved, on which evidence."""

    at: datetime
    parameter: str
    before: float
    after: float
    tried: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Walk:
    """What the walk traded, and every change of a parameter."""

    outcome: Outcome
    changes: tuple[Change, ...]
    reviews: int


def walk(plan: Plan, market: Market) -> Walk:
    """Walk the plan's strategy forward over the market, from the plan's parameters on."""
    champion, changes, parts, tried = dict(plan.parameters), [], [], 0
    moments = _review_moments(market)
    for begin_s, end_s in moments:
        tried += len(list(neighbours(plan.spec, champion)))
        change = _review(replace(plan, parameters=champion), market, begin_s, tried_so_far=tried)
        if change is not None:
            champion = {**champion, change.parameter: change.after}
            changes.append(change)
        symbols, rows = find_signals(replace(plan, parameters=champion), market)
        close_s = market.arrays.open_s[rows] + market.interval_s
        now = (close_s >= begin_s) & (close_s < end_s)
        parts.append((symbols[now], rows[now]))
    joined = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    return Walk(play(plan, market, *joined), tuple(changes), len(moments))


def _review_moments(market: Market) -> list[tuple[int, int]]:
    """Give begin and end of each stretch between two reviews that has candles."""
    opens = market.arrays.open_s
    first, last = int(opens.min()), int(opens.max()) + market.interval_s
    length = REVIEW_DAYS * DAY_S
    filled = np.unique((opens - first) // length)
    return [
        (first + number * length, min(first + (number + 1) * length, last + 1)) for number in filled.tolist()
    ]


def neighbours(spec: StrategySpec, champion: ParameterValues) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Give the parameter sets one bounded step away: each limit of a condition up and down, alone."""
    limits = {each.limit for each in spec.conditions}
    for parameter in spec.parameters:
        default = parameter.default
        if parameter.name not in limits or default <= 0.0:
            continue
        low, high = max(parameter.minimum, default / REACH), min(parameter.maximum, default * REACH)
        for factor in (1.0 / STEP, STEP):
            value = min(max(champion[parameter.name] * factor, low), high)
            if value != champion[parameter.name]:
                yield parameter.name, {**champion, parameter.name: value}


def _review(plan: Plan, market: Market, now_s: int, *, tried_so_far: int) -> Change | None:
    """Give the change that the days behind `now_s` speak for, if any; none before there are enough days."""
    embargo_s = int(plan.terms.max_hold_s) + market.interval_s
    begin_s = now_s - LOOKBACK_DAYS * DAY_S
    past = _window(market, begin_s, now_s)
    if past is None or len(np.unique(past.arrays.open_s // DAY_S)) < LOOKBACK_DAYS:
        return None
    tried = list(neighbours(plan.spec, plan.parameters))
    points = [plan.parameters, *(each for _, each in tried)]
    gains = np.zeros((len(points), LOOKBACK_DAYS))
    counts = np.zeros(len(points), dtype=np.int64)
    for index, outcome in sweep(plan, past, points):
        trips = outcome.trips[outcome.trips["entry_s"] < now_s - embargo_s]
        counts[index] = len(trips)
        days = np.minimum((trips["exit_s"] - begin_s) // DAY_S, LOOKBACK_DAYS - 1)
        np.add.at(gains[index], days, trips["pnl"] / plan.wallet.balance)
    return best_change(plan, tried, gains, counts, now_s=now_s, tried_so_far=tried_so_far)


def best_change(
    plan: Plan,
    tried: Sequence[tuple[str, Mapping[str, float]]],
    gains: FloatArray,
    counts: IntArray,
    *,
    now_s: int,
    tried_so_far: int,
) -> Change | None:
    """Give the change to the steadiest neighbour, if it is steadier than luck.

    Args:
        tried: Neighbours of the plan's parameters.
        gains: Daily gain (point, day) of the plan's parameters, then of each neighbour.
        counts: Trades (point,).
        tried_so_far: Neighbours that were compared in this and all reviews before.
    """
    better = gains[1:] - gains[0]
    spread = better.std(axis=1)
    sharpes = np.divide(better.mean(axis=1), spread, out=np.zeros(len(tried)), where=spread > 0.0)
    sharpes[counts[1:] < LEAST_TRADES] = -np.inf
    if not len(tried) or not np.isfinite(sharpes.max()):
        return None
    best, usable = int(sharpes.argmax()), sharpes[np.isfinite(sharpes)]
    confidence = deflated_sharpe(
        better[best].tolist(), trials=tried_so_far, trial_sharpe_variance=float(usable.var())
    )
    if confidence is None or confidence < CONFIDENCE:
        return None
    name, parameters = tried[best]
    before, after = plan.parameters[name], parameters[name]
    at = datetime.fromtimestamp(now_s, tz=UTC)
    return Change(at, name, before, after, tried=tried_so_far, confidence=confidence)


def _window(market: Market, begin_s: int, end_s: int) -> Market | None:
    """Give the candles of a stretch; None where no symbol has any."""
    since, until = (datetime.fromtimestamp(moment, tz=UTC) for moment in (begin_s, end_s))
    parts = [between(each, since=since, until=until) for each in market.histories]
    filled = [part for part in parts if len(part.candles)]
    return join(filled) if filled else None
