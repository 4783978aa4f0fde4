"""A strategy's decision said in conditions: each figure with its value, its limit, and whether it held.

Called by monitoring for the page that answers "why did it (not) trade?". Pure. A test draws candles and sees
that the first condition shown as failed is the strategy's own reason, so that the page cannot invent one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from trading.domain.signal_model import CHANCE, SignalModel
from trading.domain.signals import Side
from trading.domain.strategy import STRATEGIES
from trading.domain.workers import WorkerConfig


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
    "chance": ("Chance that it pays, by the model", "of 1"),
    "return_1_bps": ("Move of the candle", "bps"),
    "return_6_bps": ("Move over 6 candles", "bps"),
    "return_24_bps": ("Move over 24 candles", "bps"),
    "usual_range_bps": ("Usual range of a candle", "bps of the price"),
    "volume_against_usual": ("Volume against its usual, logarithm", ""),
    "hour_sine": ("Time of day, sine", ""),
    "hour_cosine": ("Time of day, cosine", ""),
}
PUSHES_SHOWN = 3


def explain(config: WorkerConfig, values: Mapping[str, float | None]) -> Iterator[Check]:
    """Give the conditions of a worker's entries in the order in which they are asked.

    None for a strategy that is no more.

    Args:
        values: The figures of one decision; one that is absent or None is not known.
    """
    parameters = config.parameters
    for condition in config.spec.conditions if config.strategy in STRATEGIES else ():
        words, unit = FIGURES.get(condition.figure, (condition.figure.replace("_", " ").capitalize(), ""))
        if condition.figure == CHANCE and config.model is not None:
            words += _tell_pushes(config.model, values)
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


def _tell_pushes(model: SignalModel, values: Mapping[str, float | None]) -> str:
    """Name what speaks most for and against a signal, in the order of its weight; nothing where unknown."""
    told = [
        f"{FIGURES.get(name, (name, ''))[0].lower()} {'for' if push > 0.0 else 'against'} it"
        for name, push in model.pushes(values)[:PUSHES_SHOWN]
    ]
    return f" ({', '.join(told)})" if told else ""
