"""RELATIVE_STRENGTH: buy a rise that is strong and steady against the own past of the symbol.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from trading.domain.indicators import (
    change_bps,
    efficiency,
    ratio,
    ratio_to_mean,
    rolling_max,
    rolling_mean_std,
    shift,
)
from trading.domain.signals import (
    Candles,
    Condition,
    FloatArray,
    Parameter,
    ParameterValues,
    StrategySpec,
    SuggestedExits,
)

PARAMETERS = (
    Parameter("length", 120, 20, 240, "candles", "Rows over which the rise is measured.", "int"),
    Parameter("strength", 2.5, 0.2, 8.0, "ratio", "Least rise, in standard deviations of such a walk."),
    Parameter("efficiency", 0.3, 0.0, 1.0, "ratio", "Least straightness: net rise against all moves summed."),
    Parameter("rise_min_bps", 150.0, 0.0, 5000.0, "bps", "Least rise; less does not pay the fees."),
    Parameter("pullback_bps", 80.0, 0.0, 2000.0, "bps", "Most distance below the highest close of the rise."),
    Parameter("volume_ratio", 0.0, 0.0, 50.0, "ratio", "Least volume against its mean over the rise."),
)


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    return int(parameters["length"]) + 2


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row."""
    close, length = candles.close, int(shape["length"])
    rise = change_bps(close, length)
    _, noise = rolling_mean_std(change_bps(close, 1), length)
    strength = ratio(rise, noise * math.sqrt(length))
    return {
        "strength": strength,
        "strength_before": shift(strength, 1),
        "efficiency": efficiency(close, length),
        "rise_bps": rise,
        "pullback_bps": (1.0 - close / rolling_max(close, length)) * 1e4,
        "volume_ratio": ratio_to_mean(candles.volume, length),
    }


CONDITIONS = (
    Condition("STRENGTH_LOW", "strength", "at least", "strength"),
    Condition("STRENGTH_STALE", "strength_before", "below", "strength"),
    Condition("RISE_UNSTEADY", "efficiency", "at least", "efficiency"),
    Condition("RISE_TOO_SMALL", "rise_bps", "at least", "rise_min_bps"),
    Condition("RISE_OVER", "pullback_bps", "at most", "pullback_bps"),
    Condition("VOLUME_TOO_LOW", "volume_ratio", "at least", "volume_ratio"),
)

RELATIVE_STRENGTH = StrategySpec(
    name="RELATIVE_STRENGTH",
    title="Relative strength",
    idea=(
        "What rose steadily against its own noise tends to rise a little longer (time-series momentum: "
        "Moskowitz, Ooi, Pedersen 2012). Strength is the rise divided by what a random walk of this "
        "volatility would do, so that calm and wild symbols are asked the same; it buys when strength comes "
        "up. Ranking symbols against each other would need the candles of all, which a signal does not see."
    ),
    loses=(
        "At turns, and in markets that rise and fall within a few hours: it buys late by design. Rises that "
        "are not straight, or are already falling back, forbid the entry."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=600, stop_loss_bps=600, trailing_bps=0, max_hold_candles=288),
)
