"""CAPITULATION: buy when a flood of selling is rejected within its own candle.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading.domain.indicators import atr, ratio, ratio_to_mean, shift, wilder_warmup
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
    Parameter("fall_length", 12, 1, 40, "candles", "Rows of the fall, the present one included.", "int"),
    Parameter("fall_atr", 3.0, 0.5, 30.0, "ratio", "Least fall to the low, in average ranges before it."),
    Parameter(
        "fall_min_bps", 600.0, 0.0, 5000.0, "bps", "Least fall to the low; less does not pay the fees."
    ),
    Parameter("atr_length", 28, 2, 32, "candles", "Length of the average true range.", "int"),
    Parameter("volume_length", 120, 10, 240, "candles", "Rows of the usual volume.", "int"),
    Parameter("volume_ratio", 2.0, 0.0, 100.0, "ratio", "Least volume against the usual: the flood."),
    Parameter(
        "rejection", 0.5, 0.0, 1.0, "ratio", "Least place of the close in its candle; 1 = at the high."
    ),
)


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    fall = int(parameters["fall_length"])
    return max(wilder_warmup(int(parameters["atr_length"])) + 1 + fall, int(parameters["volume_length"]))


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row."""
    close, low, length = candles.close, candles.low, int(shape["fall_length"])
    begin = shift(close, length)
    usual = shift(atr(candles.high, low, close, int(shape["atr_length"])), length)
    return {
        "fall_atr": ratio(begin - low, usual),
        "fall_bps": (begin - low) / begin * 1e4,
        "volume_ratio": ratio_to_mean(candles.volume, int(shape["volume_length"])),
        "rejection": ratio(close - low, candles.high - low),
    }


CONDITIONS = (
    Condition("FALL_USUAL", "fall_atr", "at least", "fall_atr"),
    Condition("FALL_TOO_SMALL", "fall_bps", "at least", "fall_min_bps"),
    Condition("VOLUME_TOO_LOW", "volume_ratio", "at least", "volume_ratio"),
    Condition("NO_REJECTION", "rejection", "at least", "rejection"),
)

CAPITULATION = StrategySpec(
    name="CAPITULATION",
    title="Capitulation",
    idea=(
        "Forced sales (liquidations, stops) come as a flood of volume and end when nobody is left to be "
        "forced. It buys when such a fall, large against the usual range, is rejected: the close stands in "
        "the upper part of its own candle."
    ),
    loses=(
        "When the flood is news and more of it follows. Then each rejection is a pause, and one bad day "
        "costs several stops; trades come in bunches, so exposure needs a limit."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=300, stop_loss_bps=500, trailing_bps=0, max_hold_candles=288),
)
