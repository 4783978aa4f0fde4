"""DIP_REVERSION: buy a sharp dip below the recent mean while the larger picture is not falling.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

import numpy as np

from trading.domain.indicators import ema, ema_warmup, rolling_mean, rsi, shift, wilder_warmup, zscore
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
    "DIP_TOO_SHALLOW",
    "RSI_TOO_HIGH",
    "REWARD_TOO_SMALL",
    "TREND_FALLING",
    "VOLUME_ABNORMAL",
)

# Defaults: the middle of a plateau on 1m candles of 2020-21 and 5m candles of 2022-24, after 10 bps a side,
# with a target of 200 bps, a stop of 300 and 240 candles at most. Faster candles need a smaller reward_bps.
PARAMETERS = (
    Parameter("z_length", 20, 5, 240, "candles", "Rows of the mean and the band around it.", "int"),
    Parameter("z_entry", 1.8, 0.5, 6.0, "ratio", "Standard deviations below the mean that make a dip."),
    Parameter("rsi_length", 7, 2, 28, "candles", "Length of the relative strength index.", "int"),
    Parameter("rsi_entry", 30.0, 1.0, 60.0, "points", "Highest relative strength index of a dip."),
    Parameter(
        "reward_bps", 250.0, 0.0, 2000.0, "bps", "Least distance back to the mean; keep above all fees."
    ),
    Parameter(
        "trend_length", 60, 5, 60, "candles", "Length of the exponential mean that shows the trend.", "int"
    ),
    Parameter(
        "trend_fall_bps", 0.0, 0.0, 2000.0, "bps", "Most that mean may have fallen over half its length."
    ),
    Parameter(
        "volume_ratio", 20.0, 1.0, 100.0, "ratio", "Most volume against its mean; more is news, not noise."
    ),
)


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    trend = int(parameters["trend_length"])
    return max(
        int(parameters["z_length"]),
        wilder_warmup(int(parameters["rsi_length"])) + 1,
        ema_warmup(trend) + trend // 2,
    )


def signals(candles: Candles, parameters: ParameterValues) -> Signals:
    """Say for every row whether to buy at its close."""
    close, length = candles.close, int(parameters["z_length"])
    trend_length = int(parameters["trend_length"])
    mean = rolling_mean(close, length)
    trend = ema(close, trend_length)
    volume_mean = rolling_mean(candles.volume, length)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {
            "zscore": zscore(close, length),
            "rsi": rsi(close, int(parameters["rsi_length"])),
            "reward_bps": (mean / close - 1.0) * 1e4,
            "trend_bps": (trend / shift(trend, trend_length // 2) - 1.0) * 1e4,
            "volume_ratio": np.where(volume_mean > 0.0, candles.volume / volume_mean, volume_mean),
        }
        conditions = (
            values["zscore"] <= -parameters["z_entry"],
            values["rsi"] <= parameters["rsi_entry"],
            values["reward_bps"] >= parameters["reward_bps"],
            values["trend_bps"] >= -parameters["trend_fall_bps"],
            (values["volume_ratio"] <= parameters["volume_ratio"]) & (candles.volume > 0.0),
        )
    return judge(conditions, values, reasons=REASONS)


DIP_REVERSION = StrategySpec(
    name="DIP_REVERSION",
    title="Dip reversion",
    idea=(
        "Prices overshoot when someone must sell at once: the close falls several standard deviations "
        "below its recent mean and often comes back part of the way. It buys such a dip when the trend is "
        "flat or up and the way back pays the fees several times. It loses when a dip is the beginning of "
        "a slide, which is why a falling trend and abnormal volume forbid it, and a stop must stand under it."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    signals=signals,
    reasons=REASONS,
)
