"""Indicators: right against plain arithmetic, blind to the future and to where the array begins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trading.domain import indicators
from trading.domain.indicators import FloatArray

RANDOM = np.random.default_rng(11)
CLOSES = 60_000.0 * np.exp(np.cumsum(RANDOM.normal(0, 1e-3, 700)))
HIGHS = CLOSES * (1 + RANDOM.uniform(0, 1e-3, 700))
LOWS = CLOSES * (1 - RANDOM.uniform(0, 1e-3, 700))

Indicator = Callable[[slice], FloatArray]
CASES: dict[str, tuple[Indicator, int]] = {
    "ema": (lambda s: indicators.ema(CLOSES[s], 20), indicators.ema_warmup(20)),
    "rsi": (lambda s: indicators.rsi(CLOSES[s], 14), indicators.wilder_warmup(14) + 1),
    "atr": (lambda s: indicators.atr(HIGHS[s], LOWS[s], CLOSES[s], 14), indicators.wilder_warmup(14) + 1),
    "mean": (lambda s: indicators.rolling_mean(CLOSES[s], 21), 21),
    "sum": (lambda s: indicators.rolling_sum(CLOSES[s], 45), 45),
    "std": (lambda s: indicators.rolling_mean_std(CLOSES[s], 37)[1], 37),
    "change": (lambda s: indicators.change_bps(CLOSES[s], 8), 9),
    "ratio": (lambda s: indicators.ratio_to_mean(CLOSES[s], 19), 19),
    "max": (lambda s: indicators.rolling_max(HIGHS[s], 13), 13),
    "top": (lambda s: indicators.donchian(HIGHS[s], LOWS[s], 24)[0], 25),
    "bottom": (lambda s: indicators.donchian(HIGHS[s], LOWS[s], 24)[1], 25),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_said_before_the_stated_warm_up(name: str) -> None:
    indicator, warmup = CASES[name]

    values = indicator(slice(None))

    assert np.isnan(values[: warmup - 1]).all()
    assert not np.isnan(values[warmup - 1 :]).any()


@pytest.mark.parametrize("name", CASES)
def test_value_is_the_same_to_the_bit_without_future_and_without_older_past(name: str) -> None:
    indicator, warmup = CASES[name]
    whole = indicator(slice(None))

    for row in (warmup, 300, 555):
        assert indicator(slice(0, row + 1))[-1] == whole[row]
        assert indicator(slice(row + 1 - warmup, row + 1))[-1] == whole[row]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16, 21, 100])
def test_rolling_figures_agree_with_plain_windows(length: int) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(CLOSES, length)

    def tail(values: FloatArray) -> FloatArray:
        return values[length - 1 :]

    np.testing.assert_allclose(
        tail(indicators.rolling_mean(CLOSES, length)), windows.mean(axis=1), rtol=1e-12
    )
    mean, std = indicators.rolling_mean_std(CLOSES, length)
    np.testing.assert_allclose(tail(mean), windows.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(tail(std), windows.std(axis=1), atol=1e-9)
    np.testing.assert_array_equal(tail(indicators.rolling_min(CLOSES, length)), windows.min(axis=1))
    np.testing.assert_array_equal(tail(indicators.rolling_max(CLOSES, length)), windows.max(axis=1))


@pytest.mark.parametrize("length", [2, 14, 50])
def test_exponential_means_agree_with_the_recursion(length: int) -> None:
    for weight, values in ((2 / (length + 1), indicators.ema), (1 / length, indicators.wilder_mean)):
        expected = CLOSES[0]
        for close in CLOSES[1:]:
            expected += weight * (close - expected)
        assert values(CLOSES, length)[-1] == pytest.approx(expected, rel=2e-5)


def test_rsi_knows_its_ends_and_its_middle() -> None:
    rising, flat = np.arange(100.0) + 1, np.full(100, 5.0)

    assert indicators.rsi(rising, 5)[-1] == 100.0
    assert indicators.rsi(rising[::-1].copy(), 5)[-1] == 0.0
    assert indicators.rsi(flat, 5)[-1] == 50.0
    assert indicators.rolling_mean_std(flat, 5)[1][-1] == 0.0
    assert indicators.ratio_to_mean(flat * 0.0, 5)[-1] == 0.0


def test_true_range_reaches_over_a_gap() -> None:
    ranges = indicators.true_range(np.array([11.0, 21.0]), np.array([9.0, 19.0]), np.array([10.0, 20.0]))

    assert np.isnan(ranges[0])
    assert ranges[1] == 11.0


def test_short_arrays_stay_silent() -> None:
    short = CLOSES[:3]

    for values in (
        indicators.ema(short, 20),
        indicators.rolling_mean_std(short, 9)[1],
        indicators.rolling_max(short, 9),
    ):
        assert np.isnan(values).all()
        assert len(values) == 3
