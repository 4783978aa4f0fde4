"""DIP_REVERSION: buy a deep and sharp dip below the recent mean.

Registered in trading.domain.strategy. Pure array code; the exit belongs to the worker's exit policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading.domain.indicators import (
    change_bps,
    ema,
    ema_warmup,
    ratio,
    ratio_to_mean,
    rolling_mean_std,
    rsi,
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
    Parameter("z_length", 20, 5, 240, "candles", "Rows of the mean and the band around it.", "int"),
    Parameter("z_entry", 1.8, 0.5, 6.0, "ratio", "Standard deviations below the mean that make a dip."),
    Parameter("rsi_length", 7, 2, 28, "candles", "Length of the relative strength index.", "int"),
    Parameter("rsi_entry", 30.0, 1.0, 60.0, "points", "Highest relative strength index of a dip."),
    Parameter(
        "reward_bps", 450.0, 0.0, 2000.0, "bps", "Least distance back to the mean; keep above all fees."
    ),
    Parameter(
        "trend_length", 60, 5, 60, "candles", "Length of the exponential mean that shows the trend.", "int"
    ),
    Parameter(
        "trend_fall_bps", 2000.0, 0.0, 2000.0, "bps", "Most that mean may have fallen over half its length."
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


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row."""
    close, length, trend_length = candles.close, int(shape["z_length"]), int(shape["trend_length"])
    mean, std = rolling_mean_std(close, length)
    below = mean - close
    return {
        "depth": ratio(below, std),
        "rsi": rsi(close, int(shape["rsi_length"])),
        "reward_bps": below / close * 1e4,
        "trend_fall_bps": -change_bps(ema(close, trend_length), trend_length // 2),
        "volume_ratio": ratio_to_mean(candles.volume, length),
    }


CONDITIONS = (
    Condition("DIP_TOO_SHALLOW", "depth", "at least", "z_entry"),
    Condition("RSI_TOO_HIGH", "rsi", "at most", "rsi_entry"),
    Condition("REWARD_TOO_SMALL", "reward_bps", "at least", "reward_bps"),
    Condition("TREND_FALLING", "trend_fall_bps", "at most", "trend_fall_bps"),
    Condition("VOLUME_ABNORMAL", "volume_ratio", "at most", "volume_ratio"),
    Condition("VOLUME_ABNORMAL", "volume_ratio", "above", 0.0),
)

DIP_REVERSION = StrategySpec(
    name="DIP_REVERSION",
    title="Dip reversion",
    idea=(
        "Prices overshoot when someone must sell at once: the close falls several standard deviations "
        "below its recent mean and often comes back part of the way. It buys such a dip where the way back "
        "pays the fees many times; the deeper the dip, the better it paid."
    ),
    loses=(
        "When a dip is the beginning of a slide: several stops in a row. Abnormal volume forbids an entry; a "
        "limit on the trend (trend_fall_bps) can, at the price of most of the trades."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=400, stop_loss_bps=400, trailing_bps=0, max_hold_candles=288),
)
