"""A strategy's decision said in conditions: each figure with its value, its limit, and whether it held.

Called by monitoring for the page that answers "why did it (not) trade?". Pure. A test draws candles and sees
that the first condition shown as failed is the strategy's own reason, so that the page cannot invent one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from trading.domain.signals import ParameterValues, Side
from trading.domain.strategy import STRATEGIES


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of one decision. `value` and `holds` are None where the figure is not known."""

    words: str
    unit: str
    value: float | None
    side: Side
    limit: float
    holds: bool | None
    reason: str


# figure -> (what it is, its unit)
FIGURES: Mapping[str, tuple[str, str]] = {
    "depth": ("Close below its mean", "standard deviations"),
    "rsi": ("Relative strength index", "of 100"),
    "rsi_before": ("Relative strength index one candle before", "of 100"),
    "reward_bps": ("Way back up to the mean", "bps"),
    "trend_bps": ("Rise of the trend over half its length", "bps"),
    "trend_fall_bps": ("Fall of the trend over half its length", "bps"),
    "volume_ratio": ("Volume against its mean", "times"),
    "breakout_bps": ("Close above the range", "bps"),
    "breakout_before_bps": ("Close above the range one candle before", "bps"),
    "atr_bps": ("Average true range", "bps of the price"),
    "squeeze_ratio": ("Quietness before, against what is usual", "times"),
    "release_z": ("Move out of the quiet", "standard deviations"),
    "release_bps": ("Close above the mean of the quiet", "bps"),
    "strength": ("Rise against its noise", "times"),
    "strength_before": ("Rise against its noise one candle before", "times"),
    "efficiency": ("Steadiness of the rise", "of 1"),
    "rise_bps": ("Rise", "bps"),
    "pullback_bps": ("Fall from the top of the rise", "bps"),
    "order_bps": ("Fast mean above the slow one", "bps"),
    "recovery_bps": ("Close above the top of the candle before", "bps"),
    "depth_bps": ("Close below the slow mean", "bps"),
    "fall_atr": ("Fall against the usual range", "times"),
    "fall_bps": ("Fall", "bps"),
    "rejection": ("Close within the candle's range", "of 1"),
}


def explain(
    strategy: str, parameters: ParameterValues, values: Mapping[str, float | None]
) -> Iterator[Check]:
    """Give the conditions of a strategy in the order in which they are asked; none for one that states none.

    Args:
        values: The figures of one decision; one that is absent or None is not known.
    """
    spec = STRATEGIES.get(strategy)
    for condition in spec.conditions if spec else ():
        words, unit = FIGURES.get(condition.figure, (condition.figure.replace("_", " ").capitalize(), ""))
        value, limit = values.get(condition.figure), condition.limit_value(parameters)
        yield Check(
            words=words,
            unit=unit,
            value=value,
            side=condition.side,
            limit=limit,
            holds=None if value is None else bool(condition.holds(np.array([value]), parameters)[0]),
            reason=condition.reason,
        )
