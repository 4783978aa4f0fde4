"""A model is one more condition: it sees what the strategy sees, says why, and is read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw

from tests.support.builders import a_config
from tests.support.markets import walk
from trading.domain.explanations import FIGURES, explain
from trading.domain.signal_model import (
    CHANCE,
    CHANCE_TOO_LOW,
    SignalModel,
    feature_names,
    model_to_json,
    name_signals,
    parse_model,
    with_model,
)
from trading.domain.signals import ENTRY, Candles
from trading.domain.strategy import STRATEGIES, get_strategy
from trading.domain.workers import InvalidConfiguration, check_config

NAMES = list(STRATEGIES)


def a_model(strategy: str = "CAPITULATION", *, threshold: float = 0.5, signals: str = "") -> SignalModel:
    names = feature_names(get_strategy(strategy))
    weights = tuple(0.3 * (-1) ** place for place in range(len(names)))
    scales = tuple(50.0 if name.endswith("_bps") else 1.0 for name in names)
    return SignalModel(
        names, (0.0,) * len(names), scales, weights, 0.1, threshold, digest="d" * 64, signals=signals
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_row_sees_the_future_or_needs_more_than_the_warm_up(name: str) -> None:
    spec, data = with_model(get_strategy(name), a_model(name)), walk(1_200, seed=4)
    parameters = spec.defaults()
    whole, warmup = spec.signals(data, parameters), spec.warmup(spec.defaults())

    assert warmup <= 300
    for end in (warmup, 700, 999):
        for part in (data.part(0, end), data.part(end - warmup, end)):
            last = spec.signals(part, parameters)
            assert last.reasons[-1] == whole.reasons[end - 1] > 0
            assert all(last.values[key][-1] == whole.values[key][end - 1] for key in whole.values)


@pytest.mark.parametrize("name", NAMES)
def test_symbols_side_by_side_are_answered_as_if_each_were_alone(name: str) -> None:
    spec, several = (
        with_model(get_strategy(name), a_model(name)),
        [walk(400, seed=seed) for seed in (1, 2, 3)],
    )
    columns = ("open_ms", "open", "high", "low", "close", "volume")
    block = {column: np.stack([getattr(each, column) for each in several], axis=1) for column in columns}

    together = spec.signals(Candles(**block, interval_s=60), spec.defaults())

    for place, each in enumerate(several):
        alone = spec.signals(each, spec.defaults())
        for key, values in alone.values.items():
            assert np.array_equal(together.values[key][:, place], values, equal_nan=True), key


@given(seed=draw.integers(0, 2**32 - 1), threshold=draw.floats(0.0, 1.0))
def test_model_is_asked_last_and_only_leaves_out(seed: int, threshold: float) -> None:
    plain, model = get_strategy("DIP_REVERSION"), a_model("DIP_REVERSION", threshold=threshold)
    loose = {
        **plain.defaults(),
        "z_entry": 1.0,
        "rsi_entry": 45.0,
        "reward_bps": 2.0,
        "trend_fall_bps": 200.0,
    }
    asked, data = with_model(plain, model), walk(420, seed=seed)

    before, after = plain.signals(data, loose), asked.signals(data, loose)

    warm = asked.warmup(loose) - 1
    refused = after.reasons == asked.reasons.index(CHANCE_TOO_LOW)
    assert np.array_equal(before.entries[warm:], (after.entries | refused)[warm:])
    assert (after.values[CHANCE][after.entries] >= threshold).all()
    assert (after.values[CHANCE][refused] < threshold).all()


@given(seed=draw.integers(0, 2**32 - 1))
def test_explanation_ends_with_the_chance_and_what_moved_it(seed: int) -> None:
    plain = get_strategy("DIP_REVERSION")
    config = a_config(parameters=plain.defaults(), model=a_model("DIP_REVERSION"))
    found = config.spec.signals(walk(420, seed=seed), config.parameters)
    values = {name: float(column[-1]) for name, column in found.values.items()}

    checks = list(explain(config, values))

    failed = [check.reason for check in checks if check.holds is False]
    assert (failed[0] if failed else ENTRY) == config.spec.reasons[int(found.reasons[-1])]
    assert checks[-1].reason == CHANCE_TOO_LOW
    assert checks[-1].words.count(" it,") == 2  # three features, each for or against it
    assert set(FIGURES) >= set(values)


def test_model_is_read_back_as_it_was() -> None:
    model = a_model(signals="abc")

    assert parse_model(json.loads(json.dumps(model_to_json(model)))) == model
    assert sum(share for _, share in model.importances()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": [1.0]}, "lists of equal length"),
        ({"scales": None}, "lists of equal length"),
        ({"intercept": "much"}, "finite numbers"),
        ({"intercept": float("nan")}, "finite numbers"),
        ({"threshold": 1.5}, "threshold from 0 to 1"),
        ({"scales": [0.0] * 11}, "scales must be above 0"),
        ({"names": [1] * 11}, "names must be texts"),
        ({"signals": None}, "digest and signals must be texts"),
        ({"extra": 1}, "an object with exactly names"),
    ],
)
def test_what_is_no_model_is_told_in_a_line(change: dict[str, Any], told: str) -> None:
    raw = {**model_to_json(a_model()), **change}

    with pytest.raises(ValueError, match=told):
        parse_model(raw)


def test_worker_asks_only_a_model_of_its_own_signals() -> None:
    config = a_config(parameters=get_strategy("DIP_REVERSION").defaults())
    fitting = a_config(parameters=config.parameters, model=a_model("DIP_REVERSION", signals=config.signals))

    assert check_config(fitting).model == fitting.model
    with pytest.raises(InvalidConfiguration, match="model: one that learned from this strategy"):
        check_config(a_config(parameters=config.parameters, model=fitting.model, stop_loss_bps=101))


def test_model_of_features_that_are_no_more_is_refused_and_lets_nothing_through() -> None:
    config = a_config(parameters=get_strategy("DIP_REVERSION").defaults())
    model = a_model("DIP_REVERSION", threshold=0.0, signals=config.signals)
    other = replace(model, names=("hope", *model.names[1:]))

    with pytest.raises(InvalidConfiguration, match="model: names must be depth, rsi"):
        check_config(replace(config, model=other))
    spec = with_model(get_strategy("DIP_REVERSION"), other)
    loose = {**config.parameters, "z_entry": 0.5, "rsi_entry": 60.0, "reward_bps": 2.0}
    assert with_model(get_strategy("DIP_REVERSION"), model).signals(walk(900, seed=1), loose).entries.any()
    assert not spec.signals(walk(900, seed=1), loose).entries.any()


def test_equal_signals_have_an_equal_name_whatever_their_numbers_are_written_in() -> None:
    assert name_signals("A", "1m", {"x": 1, "y": 2.0}, (1, 2)) == name_signals(
        "A", "1m", {"y": 2, "x": 1.0}, (1.0, 2.0)
    )
    assert name_signals("A", "1m", {"x": 1}, (1, 2)) != name_signals("A", "1m", {"x": 1}, (1, 3))
