"""Strategies: they enter where their idea says, name what stopped them, and see no future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trading.domain.signals import Candles, Condition, StrategySpec
from trading.domain.strategy import STRATEGIES, clean_parameters, get_strategy

ROWS = 900
DIP = {"z_length": 40, "z_entry": 2.4, "reward_bps": 40, "trend_fall_bps": 60, "volume_ratio": 8}
BREAK = {"channel_length": 60, "atr_min_bps": 8, "volume_ratio": 1.5}


def candles(closes: np.ndarray, *, volume: np.ndarray | None = None, interval_s: int = 60) -> Candles:
    opens = np.concatenate((closes[:1], closes[:-1]))
    return Candles(
        open_ms=np.arange(len(closes), dtype=np.int64) * interval_s * 1000,
        open=opens,
        high=np.maximum(opens, closes) * 1.0002,
        low=np.minimum(opens, closes) * 0.9998,
        close=closes,
        volume=np.full(len(closes), 10.0) if volume is None else volume,
        interval_s=interval_s,
    )


def noisy(seed: int = 3, *, size: float = 1.5e-3) -> Candles:
    random = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0, size, ROWS)))
    return candles(closes, volume=random.lognormal(2, 0.6, ROWS))


def until(data: Candles, end: int) -> Candles:
    arrays = {
        name: getattr(data, name)[:end] for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    return Candles(**arrays, interval_s=data.interval_s)


def loosest(spec: StrategySpec) -> dict[str, float]:
    """Give the defaults with every limit where it lets the most through."""
    ends = {each.name: each for each in spec.parameters}
    wide = {
        each.limit: ends[each.limit].maximum
        if each.side in ("at most", "below")
        else ends[each.limit].minimum
        for each in reversed(spec.conditions)  # of two conditions on one limit the first counts
        if isinstance(each.limit, str)
    }
    return clean_parameters(spec, {**spec.defaults(), **wide})


def wave() -> np.ndarray:
    return 100.0 + 0.03 * np.sin(np.arange(400) / 3.0)


@pytest.mark.parametrize("name", STRATEGIES)
def test_symbols_side_by_side_are_answered_as_if_each_were_alone(name: str) -> None:
    spec, several = get_strategy(name), [noisy(seed) for seed in (3, 4, 5)]
    several.append(candles(np.full(ROWS, 5.0), volume=np.zeros(ROWS)))
    block = {
        name: np.stack([getattr(each, name) for each in several], axis=1)
        for name in ("open_ms", "open", "high", "low", "close", "volume")
    }

    together = spec.signals(Candles(**block, interval_s=60), spec.defaults())

    for place, each in enumerate(several):
        alone = spec.signals(each, spec.defaults())
        assert np.array_equal(together.entries[:, place], alone.entries)
        assert np.array_equal(together.reasons[:, place], alone.reasons)
        for key, values in alone.values.items():
            assert np.array_equal(together.values[key][:, place], values, equal_nan=True)


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_row_sees_the_future_or_needs_more_than_the_warm_up(name: str) -> None:
    spec, data = get_strategy(name), noisy()
    parameters = spec.defaults()
    whole, warmup = spec.signals(data, parameters), spec.warmup(spec.defaults())

    for end in (warmup, 500, 777):
        cut = until(data, end)
        for part in (cut, cut.tail(warmup)):
            last = spec.signals(part, parameters)
            assert last.reasons[-1] == whole.reasons[end - 1]
            assert all(last.values[key][-1] == whole.values[key][end - 1] for key in whole.values)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_row_has_a_reason_and_entries_are_the_rows_that_pass(name: str) -> None:
    spec = get_strategy(name)
    parameters = loosest(spec)

    result = spec.signals(noisy(size=3e-3), parameters)

    warmup = spec.warmup(parameters)
    assert (result.reasons[: warmup - 1] == 0).all()
    assert (result.reasons[warmup - 1 :] > 0).all()
    assert result.reasons.max() < len(spec.reasons)
    assert (result.entries == (result.reasons == 1)).all()
    assert result.entries.any()


@pytest.mark.parametrize("name", STRATEGIES)
def test_live_window_is_short_enough(name: str) -> None:
    spec = get_strategy(name)
    longest = {parameter.name: parameter.maximum for parameter in spec.parameters}

    assert spec.warmup(spec.defaults()) <= 300
    assert spec.warmup(longest) <= 300


def test_dip_is_bought_and_a_slide_is_not() -> None:
    spec = get_strategy("DIP_REVERSION")
    dip, slide = wave(), wave() * np.linspace(1.0, 0.9, 400)
    dip[-2:] -= (0.3, 0.9)
    slide[-2:] -= (0.3, 0.9)

    bought = spec.signals(candles(dip), clean_parameters(spec, DIP))
    left = spec.signals(candles(slide), clean_parameters(spec, DIP))

    assert spec.reasons[bought.reasons[-1]] == "ENTRY"
    assert spec.reasons[left.reasons[-1]] == "TREND_FALLING"
    assert spec.reasons[bought.reasons[-20]] == "DIP_TOO_SHALLOW"


def test_dip_on_a_flood_of_volume_is_left_alone() -> None:
    spec = get_strategy("DIP_REVERSION")
    dip, volume = wave(), np.full(400, 10.0)
    dip[-2:] -= (0.3, 0.9)
    volume[-1] = 5_000.0

    result = spec.signals(candles(dip, volume=volume), clean_parameters(spec, DIP))

    assert spec.reasons[result.reasons[-1]] == "VOLUME_ABNORMAL"


def test_first_close_above_the_range_is_bought_and_the_second_is_not() -> None:
    spec = get_strategy("TREND_BREAKOUT")
    closes = 100.0 * np.linspace(1.0, 1.03, 400) + 0.3 * np.sin(np.arange(400) / 3.0)
    closes[-2:] = closes[:-2].max() * np.array([1.004, 1.008])
    volume = np.full(400, 10.0)
    volume[-2:] = 60.0

    result = spec.signals(candles(closes, volume=volume), clean_parameters(spec, BREAK))

    codes = [spec.reasons[code] for code in result.reasons[-3:]]
    assert codes[1:] == ["ENTRY", "BREAKOUT_STALE"]


def test_breakout_without_volume_is_left_alone() -> None:
    spec = get_strategy("TREND_BREAKOUT")
    closes = 100.0 * np.linspace(1.0, 1.03, 400) + 0.3 * np.sin(np.arange(400) / 3.0)
    closes[-1] = closes.max() * 1.004

    result = spec.signals(candles(closes), clean_parameters(spec, BREAK))

    assert spec.reasons[result.reasons[-1]] == "VOLUME_TOO_LOW"


def test_first_condition_that_fails_names_the_reason_and_may_share_its_code() -> None:
    high = Condition("LOW", "a", "at least", "a_min")
    conditions = (high, Condition("B", "b", "below", 3.0), Condition("LOW", "a", "above", 1.0))
    nothing = np.array([np.nan, 5.0, 1.0, 1.0, 0.0])
    spec = replace(
        get_strategy("TREND_BREAKOUT"),
        figures=lambda candles, shape: {"a": nothing, "b": np.array([1.0, 1.0, 1.0, 9.0, 9.0])},
        conditions=conditions,
    )

    result = spec.signals(noisy(), {"a_min": 1.0, "length": 3.0})

    assert spec.reasons == ("WARMING_UP", "ENTRY", "LOW", "B")
    assert result.reasons.tolist() == [0, 1, 2, 3, 2]
    assert spec.shape({"a_min": 1.0, "length": 3.0}) == {"length": 3.0}


def test_parameters_are_completed_and_numbers_may_be_texts() -> None:
    spec = get_strategy("DIP_REVERSION")

    cleaned = clean_parameters(spec, {"z_length": "30", "z_entry": "2.5"})

    assert (cleaned["z_length"], cleaned["z_entry"], cleaned["rsi_length"]) == (
        30,
        2.5,
        spec.defaults()["rsi_length"],
    )
    assert isinstance(cleaned["z_length"], int)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({"z_lenght": 3}, "no parameter 'z_lenght'"),
        ({"z_length": 2.5}, r"z_length must be a whole number from 5 to 240 \(candles\), not 2.5"),
        ({"z_entry": "many"}, "z_entry must be a number from 0.5 to 6"),
        ({"z_entry": float("nan")}, "not nan"),
        ({"z_entry": True}, "not True"),
        ({"z_entry": 99}, "not 99"),
        ({"z_entry": None}, "not None"),
    ],
)
def test_bad_parameter_is_one_clear_line(raw: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        clean_parameters(get_strategy("DIP_REVERSION"), raw)


def test_unknown_strategy_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="DIP_REVERSION, TREND_BREAKOUT"):
        get_strategy("HOPE")
