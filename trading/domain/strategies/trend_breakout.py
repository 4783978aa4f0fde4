"""TREND_BREAKOUT: buy the first close above a range while trend, volatility and volume agree.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

import numpy as np

from trading.domain.indicators import atr, donchian, ema, ema_warmup, rolling_mean, shift, wilder_warmup
from trading.domain.signals import (
    ENTRY,
    WARMING_UP,
    Candles,
    Parameter,
    ParameterValues,
    Signals,
    StrategySpec,
    judge,
)

REASONS = (
    WARMING_UP,
    ENTRY,
    "NO_BREAKOUT",
    "BREAKOUT_STALE",
    "TREND_WEAK",
    "VOLATILITY_TOO_LOW",
    "VOLATILITY_TOO_HIGH",
    "VOLUME_TOO_LOW",
)

# Defaults: 1m candles of 2020-21 after 10 bps a side, with a target of 600 bps, a stop of 300 and 480
# candles at most. On 5m candles of 2022-24 they do not pay; let a worker prove them before it trades them.
PARAMETERS = (
    Parameter("channel_length", 240, 10, 240, "candles", "Rows of the range whose top must break.", "int"),
    Parameter(
        "trend_length", 50, 5, 60, "candles", "Length of the exponential mean that shows the trend.", "int"
    ),
    Parameter("trend_rise_bps", 15.0, 0.0, 2000.0, "bps", "Least rise of that mean over half its length."),
    Parameter("atr_length", 14, 2, 28, "candles", "Length of the average true range.", "int"),
    Parameter("atr_min_bps", 25.0, 0.0, 500.0, "bps", "Least average range; below it the fees eat the move."),
    Parameter("atr_max_bps", 150.0, 1.0, 2000.0, "bps", "Most average range; above it a stop is only luck."),
    Parameter("volume_ratio", 4.0, 0.0, 50.0, "ratio", "Least volume against its mean over the range."),
)


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    trend = int(parameters["trend_length"])
    return max(
        int(parameters["channel_length"]) + 2,
        wilder_warmup(int(parameters["atr_length"])) + 1,
        ema_warmup(trend) + trend // 2,
    )


def signals(candles: Candles, parameters: ParameterValues) -> Signals:
    """Say for every row whether to buy at its close."""
    close, length = candles.close, int(parameters["channel_length"])
    trend_length = int(parameters["trend_length"])
    top, _ = donchian(candles.high, candles.low, length)
    trend = ema(close, trend_length)
    volume_mean = rolling_mean(candles.volume, length)
    spread = atr(candles.high, candles.low, close, int(parameters["atr_length"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        over = (close / top - 1.0) * 1e4
        values = {
            "breakout_bps": over,
            "breakout_before_bps": shift(over, 1),
            "trend_bps": (trend / shift(trend, trend_length // 2) - 1.0) * 1e4,
            "atr_bps": spread / close * 1e4,
            "volume_ratio": np.where(volume_mean > 0.0, candles.volume / volume_mean, volume_mean),
        }
        conditions = (
            values["breakout_bps"] > 0.0,
            values["breakout_before_bps"] <= 0.0,
            values["trend_bps"] >= parameters["trend_rise_bps"],
            values["atr_bps"] >= parameters["atr_min_bps"],
            values["atr_bps"] <= parameters["atr_max_bps"],
            values["volume_ratio"] >= parameters["volume_ratio"],
        )
    return judge(conditions, values, reasons=REASONS)


TREND_BREAKOUT = StrategySpec(
    name="TREND_BREAKOUT",
    title="Trend breakout",
    idea=(
        "A close above everything seen for a while, in a rising trend and with more volume than usual, is "
        "often the beginning of a move, because late buyers and stops of sellers push the same way. It buys "
        "only the first such close. It loses in ranges, where each break falls back; low volatility, a flat "
        "trend and thin volume therefore forbid it, and the exit should let winners run."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    signals=signals,
    reasons=REASONS,
)
