"""TREND_PULLBACK: buy the first recovery from a shallow fall inside a rising trend.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading.domain.indicators import atr, change_bps, ema, ema_warmup, rsi, shift, wilder_warmup
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
    Parameter("fast_length", 20, 3, 40, "candles", "Length of the fast exponential mean.", "int"),
    Parameter("slow_length", 60, 10, 60, "candles", "Length of the slow exponential mean: the trend.", "int"),
    Parameter(
        "trend_rise_bps", 100.0, 0.0, 3000.0, "bps", "Least rise of the slow mean over half its length."
    ),
    Parameter("rsi_length", 3, 2, 28, "candles", "Length of the relative strength index.", "int"),
    Parameter("rsi_low", 25.0, 1.0, 60.0, "points", "Highest index one candle before: the fall."),
    Parameter(
        "depth_max_bps", 200.0, 5.0, 3000.0, "bps", "Most distance below the slow mean: else it broke."
    ),
    Parameter("atr_min_bps", 60.0, 0.0, 500.0, "bps", "Least average range; below it the fees eat the move."),
)
ATR_LENGTH = 14


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    slow = int(parameters["slow_length"])
    return max(
        ema_warmup(slow) + slow // 2,
        ema_warmup(int(parameters["fast_length"])),
        wilder_warmup(int(parameters["rsi_length"])) + 2,
        wilder_warmup(ATR_LENGTH) + 1,
    )


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row."""
    close, slow_length = candles.close, int(shape["slow_length"])
    slow, fast = ema(close, slow_length), ema(close, int(shape["fast_length"]))
    return {
        "trend_bps": change_bps(slow, slow_length // 2),
        "order_bps": (fast / slow - 1.0) * 1e4,
        "rsi_before": shift(rsi(close, int(shape["rsi_length"])), 1),
        "recovery_bps": (close / shift(candles.high, 1) - 1.0) * 1e4,
        "depth_bps": (1.0 - close / slow) * 1e4,
        "atr_bps": atr(candles.high, candles.low, close, ATR_LENGTH) / close * 1e4,
    }


CONDITIONS = (
    Condition("TREND_WEAK", "trend_bps", "at least", "trend_rise_bps"),
    Condition("TREND_TURNED", "order_bps", "above", 0.0),
    Condition("NO_FALL_BEFORE", "rsi_before", "at most", "rsi_low"),
    Condition("NO_RECOVERY", "recovery_bps", "above", 0.0),
    Condition("FALL_TOO_DEEP", "depth_bps", "at most", "depth_max_bps"),
    Condition("VOLATILITY_TOO_LOW", "atr_bps", "at least", "atr_min_bps"),
)

TREND_PULLBACK = StrategySpec(
    name="TREND_PULLBACK",
    title="Trend pull-back",
    idea=(
        "In a rising trend, falls end when the last impatient holders have sold. It waits for such a fall "
        "and buys the first close above the candle before, so that buyers have already come back."
    ),
    loses=(
        "When the fall is the end of the trend. Then the first recovery fails and the stop is hit; a slow "
        "mean that stopped rising, or a close far below it, forbids the entry."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=300, stop_loss_bps=500, trailing_bps=0, max_hold_candles=240),
)
