"""How risky it is to enter a symbol now, 0 to 100, and how much of a trade's size that leaves.

The score is a sum of points, so that each point has a name: volatility, jump, spread, depth, crowding. What
is not known counts in full. Called by selectors.symbol_risk; the back-tester compiles the same functions as
they stand, so they are plain and call no other function of ours. No clock, no venue.
docs/risk-score.md explains the scales.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trading.domain.signals import FloatArray

BPS = 10_000.0
HOUR_S = 3_600.0
WINDOW = 60  # steps from candle to candle that volatility, jump and crowding look at
HISTORY = WINDOW + 2  # candles that are needed: crowding looks one candle further back
NO_RISK_LIMIT = 100
# What a new worker begins with; an older one keeps NO_RISK_LIMIT twice until it is changed.
FULL_SIZE_RISK, MAX_RISK = 40, 80
LEAST_SIZE_PERCENT = 25  # of the configured size, at the highest risk that is still entered
STILL = 1e-16  # a sum of squared returns below this is the dust of floats
# A sum that floats put this far below a half is a half.
SCORE_NOISE = 1e-6


class RiskPoints(NamedTuple):
    """The parts of a score, none below 0; their largest values are those of SCALES."""

    volatility: float
    jump: float
    spread: float
    depth: float
    crowding: float


class Scale(NamedTuple):
    """From `low` on (0 points) to `high` (all points), in a straight line."""

    low: float
    high: float
    points: float


# Volatility and jump are set by what seven large symbols did in 2020 to 2024: the low ends are ordinary
# hours, the high ones are passed in less than one hour of a hundred. Together 100 points.
VOLATILITY = Scale(100.0, 1_000.0, 30.0)  # bps an hour
JUMP = Scale(100.0, 1_500.0, 20.0)  # bps from candle to candle, at most
SPREAD = Scale(2.0, 20.0, 15.0)  # bps of the mid price
DEPTH = Scale(0.5, 4.0, 10.0)  # the trade's size as a multiple of what stands at the best price
CROWDING = Scale(0.5, 4.0, 25.0)  # open trades that move like this symbol would


@dataclass(frozen=True, slots=True)
class RiskScore:
    """A score and its parts."""

    score: int
    points: RiskPoints

    def __str__(self) -> str:
        return _named(self.score, self.points._asdict())


def hourly_volatility_bps(close: Sequence[float], last: int, interval_s: float) -> float:
    """Give the root mean square of the WINDOW returns that end at row `last`, as bps of an hour."""
    total = 0.0
    for row in range(last - WINDOW + 1, last + 1):
        step = close[row] / close[row - 1] - 1.0
        total += step * step
    return math.sqrt(total / WINDOW * HOUR_S / interval_s) * BPS


def largest_jump_bps(high: Sequence[float], low: Sequence[float], close: Sequence[float], last: int) -> float:
    """Give the largest way from a close to the end of the next candle's range, in bps, of the WINDOW steps.

    A true range: what opens away from the last close counts with the gap.
    """
    largest = 1.0
    for row in range(last - WINDOW + 1, last + 1):
        largest = max(largest, max(high[row], close[row - 1]) / min(low[row], close[row - 1]))
    return (largest - 1.0) * BPS


def pattern(close: FloatArray, last: int) -> FloatArray:
    """Give how a price moved, whatever its size: WINDOW returns less their mean, of length 1 together.

    Args:
        last: Row of the last return. All 0 where the price stood still, or moved by the same part every time.
    """
    steps = close[last - WINDOW + 1 : last + 1] / close[last - WINDOW : last] - 1.0
    steps -= steps.sum() / WINDOW
    squares = np.dot(steps, steps)
    return steps / math.sqrt(squares) if squares > STILL else steps * 0.0


def comovement(one: FloatArray, other: FloatArray) -> float:
    """Give how alike two patterns of the same moments are: their correlation, 0 where it is negative."""
    return min(max(float(np.dot(one, other)), 0.0), 1.0)


def risk_points(
    volatility_bps: float, jump_bps: float, spread_bps: float, depth_ratio: float, crowding: float
) -> RiskPoints:
    """Give the points of each part; what is not known is NaN and counts in full.

    Args:
        volatility_bps: See hourly_volatility_bps.
        jump_bps: See largest_jump_bps.
        spread_bps: Distance of bid and ask.
        depth_ratio: Size of the trade over what stands at the best price, on the thinner side.
        crowding: Sum of comovement with every open trade.
    """
    volatility = (volatility_bps - VOLATILITY.low) / (VOLATILITY.high - VOLATILITY.low)
    jump = (jump_bps - JUMP.low) / (JUMP.high - JUMP.low)
    spread = (spread_bps - SPREAD.low) / (SPREAD.high - SPREAD.low)
    depth = (depth_ratio - DEPTH.low) / (DEPTH.high - DEPTH.low)
    crowd = (crowding - CROWDING.low) / (CROWDING.high - CROWDING.low)
    return RiskPoints(  # NaN is not below 1
        max(volatility, 0.0) * VOLATILITY.points if volatility < 1.0 else VOLATILITY.points,
        max(jump, 0.0) * JUMP.points if jump < 1.0 else JUMP.points,
        max(spread, 0.0) * SPREAD.points if spread < 1.0 else SPREAD.points,
        max(depth, 0.0) * DEPTH.points if depth < 1.0 else DEPTH.points,
        max(crowd, 0.0) * CROWDING.points if crowd < 1.0 else CROWDING.points,
    )


def total_score(points: RiskPoints) -> int:
    """Give the score: the sum of the points, to the nearest whole one."""
    total = points.volatility + points.jump + points.spread + points.depth + points.crowding
    return math.floor(total + 0.5 + SCORE_NOISE)


def size_percent(score: int, full_size_risk: int, max_risk: int) -> int:
    """Give how much of its configured size a trade gets at this risk, in percent; 0 = it is not entered.

    All of it up to `full_size_risk`, from there in a straight line down to LEAST_SIZE_PERCENT at `max_risk`.

    Args:
        score: 0 to 100.
        full_size_risk: At most `max_risk`; 100 cuts nothing.
        max_risk: 100 refuses nothing.
    """
    if score <= full_size_risk:
        return 100
    if score > max_risk:
        return 0
    return 100 - (100 - LEAST_SIZE_PERCENT) * (score - full_size_risk) // (max_risk - full_size_risk)


def tell_risk(score: int | None, points: Mapping[str, float], percent: int) -> str:
    """Say what an entry's risk was and what size it left; nothing where it was not worked out."""
    return "" if score is None else f"risk {_named(score, points)}; {percent} % of its size"


def _named(score: int, points: Mapping[str, float]) -> str:
    largest = sorted(points.items(), key=lambda part: -part[1])
    parts = ", ".join(f"{name} {value:.0f}" for name, value in largest if value >= 0.5)
    return f"{score} ({parts})" if parts else str(score)
