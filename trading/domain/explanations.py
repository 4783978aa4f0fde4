"""A strategy's decision said in conditions: each figure with its value, its limit, and whether it held.

Called by monitoring for the page that answers "why did it (not) trade?". Pure. A test draws candles and sees
that the first condition shown as failed is the strategy's own reason, so that the page cannot invent one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from trading.domain.signals import ParameterValues

Side = Literal["above", "at least", "at most"]
_HOLDS: Mapping[Side, Callable[[float, float], bool]] = {
    "above": operator.gt,
    "at least": operator.ge,
    "at most": operator.le,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for an entry: a figure on the right side of a limit.

    `limit` is a number or the name of the parameter that sets it; `sign` is -1 where the parameter is written
    without the minus that the figure has.
    """

    reason: str
    figure: str
    side: Side
    limit: float | str
    sign: int = 1

    def limit_value(self, parameters: ParameterValues) -> float:
        """Give the limit as a number."""
        return self.sign * (parameters[self.limit] if isinstance(self.limit, str) else self.limit)


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


CONDITIONS: Mapping[str, tuple[Condition, ...]] = {
    "DIP_REVERSION": (
        Condition("DIP_TOO_SHALLOW", "zscore", "at most", "z_entry", sign=-1),
        Condition("RSI_TOO_HIGH", "rsi", "at most", "rsi_entry"),
        Condition("REWARD_TOO_SMALL", "reward_bps", "at least", "reward_bps"),
        Condition("TREND_FALLING", "trend_bps", "at least", "trend_fall_bps", sign=-1),
        Condition("VOLUME_ABNORMAL", "volume_ratio", "at most", "volume_ratio"),
        Condition("VOLUME_ABNORMAL", "volume_ratio", "above", 0.0),
    ),
    "TREND_BREAKOUT": (
        Condition("NO_BREAKOUT", "breakout_bps", "above", 0.0),
        Condition("BREAKOUT_STALE", "breakout_before_bps", "at most", 0.0),
        Condition("TREND_WEAK", "trend_bps", "at least", "trend_rise_bps"),
        Condition("VOLATILITY_TOO_LOW", "atr_bps", "at least", "atr_min_bps"),
        Condition("VOLATILITY_TOO_HIGH", "atr_bps", "at most", "atr_max_bps"),
        Condition("VOLUME_TOO_LOW", "volume_ratio", "at least", "volume_ratio"),
    ),
}
# figure -> (what it is, its unit)
FIGURES: Mapping[str, tuple[str, str]] = {
    "zscore": ("Close against its mean", "standard deviations"),
    "rsi": ("Relative strength index", "of 100"),
    "reward_bps": ("Way back up to the mean", "bps"),
    "trend_bps": ("Trend over half its length", "bps"),
    "volume_ratio": ("Volume against its mean", "times"),
    "breakout_bps": ("Close above the range", "bps"),
    "breakout_before_bps": ("Close above the range one candle before", "bps"),
    "atr_bps": ("Average true range", "bps of the price"),
}


def explain(
    strategy: str, parameters: ParameterValues, values: Mapping[str, float | None]
) -> Iterator[Check]:
    """Give the conditions of a strategy in the order in which they are asked; none for one that states none.

    Args:
        values: The figures of one decision; one that is absent or None is not known.
    """
    for condition in CONDITIONS.get(strategy, ()):
        words, unit = FIGURES[condition.figure]
        value, limit = values.get(condition.figure), condition.limit_value(parameters)
        yield Check(
            words=words,
            unit=unit,
            value=value,
            side=condition.side,
            limit=limit,
            holds=None if value is None else _HOLDS[condition.side](value, limit),
            reason=condition.reason,
        )
