"""TREND_BREAKOUT: buy the first close above a range while trend, volatility and volume agree.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading.domain.indicators import (
    atr,
    change_bps,
    donchian,
    ema,
    ema_warmup,
    ratio_to_mean,
    shift,
    wilder_warmup,
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

# Figures of the defaults: docs/strategies.md.
PARAMETERS = (
    Parameter("channel_length", 60, 10, 240, "candles", "Rows of the range whose top must break.", "int"),
    Parameter(
        "trend_length", 50, 5, 60, "candles", "Length of the exponential mean that shows the trend.", "int"
    ),
    Parameter("trend_rise_bps", 15.0, 0.0, 2000.0, "bps", "Least rise of that mean over half its length."),
    Parameter("atr_length", 14, 2, 28, "candles", "Length of the average true range.", "int"),
    Parameter("atr_min_bps", 60.0, 0.0, 500.0, "bps", "Least average range; below it the fees eat the move."),
    Parameter("atr_max_bps", 400.0, 1.0, 2000.0, "bps", "Most average range; above it a stop is only luck."),
    Parameter("volume_ratio", 2.0, 0.0, 50.0, "ratio", "Least volume against its mean over the range."),
)


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    trend = int(parameters["trend_length"])
    return max(
        int(parameters["channel_length"]) + 2,
        wilder_warmup(int(parameters["atr_length"])) + 1,
        ema_warmup(trend) + trend // 2,
    )


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row."""
    close, length, trend_length = candles.close, int(shape["channel_length"]), int(shape["trend_length"])
    top, _ = donchian(candles.high, candles.low, length)
    over = (close / top - 1.0) * 1e4
    return {
        "breakout_bps": over,
        "breakout_before_bps": shift(over, 1),
        "trend_bps": change_bps(ema(close, trend_length), trend_length // 2),
        "atr_bps": atr(candles.high, candles.low, close, int(shape["atr_length"])) / close * 1e4,
        "volume_ratio": ratio_to_mean(candles.volume, length),
    }


CONDITIONS = (
    Condition("NO_BREAKOUT", "breakout_bps", "above", 0.0),
    Condition("BREAKOUT_STALE", "breakout_before_bps", "at most", 0.0),
    Condition("TREND_WEAK", "trend_bps", "at least", "trend_rise_bps"),
    Condition("VOLATILITY_TOO_LOW", "atr_bps", "at least", "atr_min_bps"),
    Condition("VOLATILITY_TOO_HIGH", "atr_bps", "at most", "atr_max_bps"),
    Condition("VOLUME_TOO_LOW", "volume_ratio", "at least", "volume_ratio"),
)

TREND_BREAKOUT = StrategySpec(
    name="TREND_BREAKOUT",
    title="Trend breakout",
    idea=(
        "A close above everything seen for a while, in a rising trend and with more volume than usual, is "
        "often the beginning of a move, because late buyers and stops of sellers push the same way. It buys "
        "only the first such close."
    ),
    loses=(
        "In ranges, where each break falls back; low volatility, a flat trend and thin volume therefore "
        "forbid it, and the exit should let winners run."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=1000, stop_loss_bps=300, trailing_bps=0, max_hold_candles=288),
)
