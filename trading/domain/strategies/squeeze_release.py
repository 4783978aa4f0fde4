"""SQUEEZE_RELEASE: buy the first strong close out of an unusually quiet time.

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
    rolling_min,
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
    Parameter("band_length", 20, 5, 60, "candles", "Rows of the mean and the band around it.", "int"),
    Parameter("quiet_length", 120, 20, 200, "candles", "Rows that say what is quiet here.", "int"),
    Parameter("squeeze_ratio", 0.7, 0.1, 1.0, "ratio", "Most band width before, against its usual one."),
    Parameter("release_z", 2.0, 0.5, 6.0, "ratio", "Least standard deviations above the mean before."),
    Parameter("volume_ratio", 5.0, 0.0, 50.0, "ratio", "Least volume against its mean over the band."),
    Parameter("release_bps", 150.0, 0.0, 1000.0, "bps", "Least distance above the mean; less is noise."),
    Parameter("trend_length", 50, 5, 60, "candles", "Length of the exponential mean of the trend.", "int"),
    Parameter("trend_rise_bps", 0.0, 0.0, 2000.0, "bps", "Least rise of that mean over half its length."),
)
RECENT = 5  # rows within which the quiet time may have ended


def warmup(parameters: ParameterValues) -> int:
    """Give how many rows one answer needs, the present one included."""
    trend = int(parameters["trend_length"])
    band = int(parameters["band_length"]) + int(parameters["quiet_length"])
    return max(band + RECENT, ema_warmup(trend) + trend // 2)


def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
    """Give the figures of every row; band and squeeze are those of the rows before the present one."""
    close, length, trend_length = candles.close, int(shape["band_length"]), int(shape["trend_length"])
    mean, std = rolling_mean_std(close, length)
    mean_before, std_before = shift(mean, 1), shift(std, 1)
    squeeze = rolling_min(ratio_to_mean(std / mean, int(shape["quiet_length"])), RECENT)
    return {
        "squeeze_ratio": shift(squeeze, 1),
        "release_z": ratio(close - mean_before, std_before),
        "release_bps": (close / mean_before - 1.0) * 1e4,
        "volume_ratio": ratio_to_mean(candles.volume, length),
        "trend_bps": change_bps(ema(close, trend_length), trend_length // 2),
    }


CONDITIONS = (
    Condition("NOT_QUIET_BEFORE", "squeeze_ratio", "at most", "squeeze_ratio"),
    Condition("NO_RELEASE", "release_z", "at least", "release_z"),
    Condition("RELEASE_TOO_SMALL", "release_bps", "at least", "release_bps"),
    Condition("VOLUME_TOO_LOW", "volume_ratio", "at least", "volume_ratio"),
    Condition("TREND_WEAK", "trend_bps", "at least", "trend_rise_bps"),
)

SQUEEZE_RELEASE = StrategySpec(
    name="SQUEEZE_RELEASE",
    title="Squeeze release",
    idea=(
        "Volatility comes in clusters: after an unusually quiet time the next large move tends to go on, "
        "because orders have piled up on both sides. It buys a close far above the narrow band, on volume."
    ),
    loses=(
        "On false starts: the quiet time ends upwards for one candle and the real move goes the other way. "
        "Thin volume, a small release and a falling mean forbid the entry; what is left costs a stop."
    ),
    parameters=PARAMETERS,
    warmup=warmup,
    figures=figures,
    conditions=CONDITIONS,
    exits=SuggestedExits(take_profit_bps=600, stop_loss_bps=600, trailing_bps=0, max_hold_candles=288),
)
