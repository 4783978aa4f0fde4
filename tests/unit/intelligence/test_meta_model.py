"""The model: no feature looks ahead, no training knows the judged, luck is not proven and a hint is."""

from __future__ import annotations

import numpy as np
import pytest

from bench.promotion import a_market
from intelligence.backtest import CostModel, Plan
from intelligence.meta_labels import Examples, calibration, collect, features
from intelligence.meta_model import break_even, judge, largest_move_bps, purged_folds
from intelligence.plans import plan_of_strategy
from tests.support.markets import walk
from trading.domain.strategy import STRATEGIES, get_strategy


def plan_for() -> Plan:
    return plan_of_strategy("CAPITULATION", interval_s=900, costs=CostModel())


@pytest.fixture(scope="module")
def hinted() -> Examples:
    return collect(plan_for(), a_market(1, kind="hinted"))


@pytest.mark.parametrize("name", STRATEGIES)
def test_features_do_not_change_when_later_data_are_cut_off(name: str) -> None:
    spec, data = get_strategy(name), walk(2_000, seed=4)

    whole, cut = (features(spec, each, spec.defaults()) for each in (data, data.part(0, 1_500)))

    for column, values in whole.items():
        np.testing.assert_array_equal(values[:1_500], cut[column], err_msg=column)


def test_nothing_is_trained_on_that_was_not_over_an_embargo_before() -> None:
    begin = np.arange(0, 600, 2)
    end = begin + np.random.default_rng(1).integers(1, 80, len(begin))

    folds = list(purged_folds(begin, end, embargo_s=25))

    assert len(folds) >= 3
    for known, rows in folds:
        assert end[known].max() <= begin[rows].min() - 25


def test_hint_in_a_feature_is_found_proven_and_named(hinted: Examples) -> None:
    plan = plan_for()

    judged = judge(hinted, embargo_s=int(plan.terms.max_hold_s), bound_bps=largest_move_bps(plan))

    assert judged is not None
    model, judgement = judged
    assert judgement.is_proven
    assert judgement.brier < judgement.base_brier
    assert judgement.taken_bps > 0 > judgement.all_bps
    assert "volume" in model.importances()[0][0]
    best = hinted.features[int(np.argmax(model.probability(hinted.features)))]
    assert "volume" in model.reasons(best)[0][0]
    assert model.digest == hinted.digest


def test_coin_that_nothing_tells_of_is_not_proven() -> None:
    plan = plan_for()
    examples = collect(plan, a_market(1, kind="noise"))

    judged = judge(examples, embargo_s=int(plan.terms.max_hold_s), bound_bps=largest_move_bps(plan))

    assert judged is not None
    assert not judged[1].is_proven


def test_too_few_examples_are_not_learned_from(hinted: Examples) -> None:
    few = Examples(
        hinted.names, hinted.features[:50], hinted.bps[:50], hinted.begin_s[:50], hinted.end_s[:50]
    )

    assert judge(few, embargo_s=0, bound_bps=100.0) is None


def test_break_even_and_calibration_are_what_they_say() -> None:
    assert break_even(np.array([300.0, -100.0])) == 0.25
    bins = calibration(np.array([0.1] * 5 + [0.9] * 5), np.array([False] * 5 + [True] * 5))
    assert bins[0][1] == 0.0
    assert bins[-1][1] == 1.0
