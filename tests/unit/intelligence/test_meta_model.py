"""The model: no training knows the judged, luck is not proven and a hint is."""

from __future__ import annotations

import numpy as np
import pytest

from bench.promotion import a_market
from intelligence.backtest import CostModel, Plan
from intelligence.meta_labels import Examples, calibration, collect
from intelligence.meta_model import Judgement, break_even, chances_of, judge, largest_move_bps, purged_folds
from intelligence.plans import plan_of_strategy
from trading.domain.signal_model import SignalModel


def plan_for() -> Plan:
    return plan_of_strategy("CAPITULATION", interval_s=900, costs=CostModel())


def judged_by(plan: Plan, examples: Examples, *, number: int = 1) -> tuple[SignalModel, Judgement] | None:
    embargo_s, bound_bps = int(plan.terms.max_hold_s), largest_move_bps(plan)
    return judge(examples, signals="s", embargo_s=embargo_s, bound_bps=bound_bps, number=number)


@pytest.fixture(scope="module")
def hinted() -> Examples:
    return collect(plan_for(), a_market(1, kind="hinted"))


def test_nothing_is_trained_on_that_was_not_over_an_embargo_before() -> None:
    begin = np.arange(0, 600, 2)
    end = begin + np.random.default_rng(1).integers(1, 80, len(begin))

    folds = list(purged_folds(begin, end, embargo_s=25))

    assert len(folds) >= 3
    for known, rows in folds:
        assert end[known].max() <= begin[rows].min() - 25


def test_hint_in_a_feature_is_found_proven_and_named(hinted: Examples) -> None:
    plan = plan_for()

    judged = judged_by(plan, hinted)

    assert judged is not None
    model, judgement = judged
    assert judgement.is_proven
    assert judgement.brier < judgement.base_brier
    assert judgement.taken_bps > 0 > judgement.all_bps
    assert "volume" in model.importances()[0][0]
    best = int(np.argmax(chances_of(model, hinted, np.arange(len(hinted)))))
    pushes = model.pushes(dict(zip(hinted.names, hinted.features[best].tolist(), strict=True)))
    assert "volume" in pushes[0][0]
    assert model.digest == hinted.digest


def test_coin_that_nothing_tells_of_is_not_proven() -> None:
    plan = plan_for()
    examples = collect(plan, a_market(1, kind="noise"))

    judged = judge(
        examples,
        signals="s",
        embargo_s=int(plan.terms.max_hold_s),
        bound_bps=largest_move_bps(plan),
        number=1,
    )

    assert judged is not None
    assert not judged[1].is_proven


def test_too_few_examples_are_not_learned_from(hinted: Examples) -> None:
    few = Examples(
        hinted.names, hinted.features[:50], hinted.bps[:50], hinted.begin_s[:50], hinted.end_s[:50]
    )

    assert judge(few, signals="s", embargo_s=0, bound_bps=100.0, number=1) is None


def test_break_even_and_calibration_are_what_they_say() -> None:
    assert break_even(np.array([300.0, -100.0])) == 0.25
    bins = calibration(np.array([0.1] * 5 + [0.9] * 5), np.array([False] * 5 + [True] * 5))
    assert bins[0][1] == 0.0
    assert bins[-1][1] == 1.0


def test_later_trainings_need_more_so_that_all_share_one_error(hinted: Examples) -> None:
    plan = plan_for()
    answers = [judged_by(plan, hinted, number=number) for number in (1, 3)]

    first, third = (answer[1] for answer in answers if answer is not None)
    assert third.needed == pytest.approx(9 * first.needed)
    assert 1.0 / first.needed + 1.0 / third.needed < 0.05
