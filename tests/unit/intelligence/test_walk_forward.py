"""Walking forward: bounded steps, no step without evidence, no trade that the present did not allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.promotion import a_market
from intelligence import baselines
from intelligence.backtest import CostModel, Market, Plan, join, run
from intelligence.evaluation import walk
from intelligence.plans import plan_of_strategy
from intelligence.sequential import evidence
from intelligence.walk_forward import REACH, STEP, Change, Proof, Step, best_change, neighbours
from tests.support.markets import candles_of, history
from tests.support.markets import walk as random_walk
from trading.domain.exits import ExitTerms
from trading.domain.strategy import DEFAULT_STRATEGY, STRATEGIES, get_strategy

DAY_ROWS = 288


def market(rows: int = 60 * DAY_ROWS, *, seed: int = 1) -> Market:
    candles = [random_walk(rows, seed=seed + number, size=2e-3, interval_s=300) for number in range(2)]
    return join([history(each, f"{name}USDT", "5m") for each, name in zip(candles, "AB", strict=True)])


def loose_plan() -> Plan:
    plan = plan_of_strategy("DIP_REVERSION", interval_s=300, costs=CostModel())
    parameters = {**plan.parameters, "reward_bps": 60.0, "z_entry": 1.4}
    return replace(plan, parameters=parameters, terms=ExitTerms(100.0, 100.0, 0.0, 24 * 300.0))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_step_moves_one_limit_within_its_reach(name: str) -> None:
    spec = get_strategy(name)
    champion: dict[str, float] = spec.defaults()
    known = {each.name: each for each in spec.parameters}

    for _ in range(8):  # always the first step offered, as far as it goes
        offered = list(neighbours(spec, champion))
        for moved, parameters in offered:
            assert [key for key in champion if champion[key] != parameters[key]] == [moved]
            assert 1 / STEP - 1e-9 <= parameters[moved] / champion[moved] <= STEP + 1e-9
            assert 1 / REACH - 1e-9 <= parameters[moved] / known[moved].default <= REACH + 1e-9
            assert known[moved].minimum <= parameters[moved] <= known[moved].maximum
        champion = dict(offered[0][1])


def test_walk_on_noise_changes_nothing_and_trades_like_the_back_test() -> None:
    plan = replace(loose_plan(), costs=CostModel(0.0, 0.0, 0.0))  # with costs, trading less would be right
    changes = 0
    for seed in range(0, 16, 2):
        noise = market(110 * DAY_ROWS, seed=seed)

        walked = walk(plan, noise)

        changes += len(walked.changes)
        if not walked.changes:
            assert walked.outcome.trips.tolist() == run(plan, noise).trips.tolist()
    assert changes == 0


def test_step_that_always_gained_is_taken_and_named() -> None:
    plan = loose_plan()
    tried = list(neighbours(plan.spec, plan.parameters))
    gains = np.random.default_rng(3).normal(0.0, 1e-3, (len(tried) + 1, 60))
    gains[2] = gains[0] + 2e-3 + np.random.default_rng(4).normal(0.0, 1e-3, 60)

    def judged(trades: int) -> Change | None:
        counts = np.full(len(tried) + 1, trades)
        return best_change(plan, tried, gains, counts, now_s=1_700_000_000, tried_so_far=40)

    change = judged(50)

    assert change is not None
    assert (change.parameter, change.after) == (tried[1][0], tried[1][1][tried[1][0]])
    assert change.confidence >= 0.99
    assert judged(5) is None


def test_walk_sees_no_later_data() -> None:
    plan, whole = loose_plan(), market(seed=7)
    half = 30 * DAY_ROWS
    cut = join([replace(each, candles=each.candles.part(0, half)) for each in whole.histories])
    ends_s = int(cut.arrays.open_s.max()) + 300

    trips = {
        name: [(trip["entry_s"], trip["exit_s"], trip["pnl"]) for trip in walk(plan, each).outcome.trips]
        for name, each in (("whole", whole), ("cut", cut))
    }

    known = [trip for trip in trips["whole"] if trip[1] < ends_s]
    assert known
    assert set(known) <= set(trips["cut"])


def test_chance_is_repeatable_and_a_planted_edge_is_above_it() -> None:
    plan, noise = loose_plan(), market(20 * DAY_ROWS)
    outcome = run(plan, noise)

    first, again = (baselines.random_entries(plan, noise, outcome, seed=5, draws=50) for _ in range(2))

    np.testing.assert_array_equal(first.expectancy_bps, again.expectancy_bps)
    assert -60.0 < np.nanmedian(first.expectancy_bps) < 0.0  # noise pays its costs
    assert baselines.percentile_of(40.0, first.expectancy_bps) == 100.0
    assert baselines.percentile_of(float("nan"), first.expectancy_bps) is None


def test_holding_pays_costs_and_lives_through_its_falls() -> None:
    prices = [100.0] * DAY_ROWS + [50.0] * DAY_ROWS + [200.0] * DAY_ROWS
    data = candles_of([(price,) * 4 for price in prices], interval_s=300, start_ms=1_700_006_400_000)

    free = baselines.hold(join([history(data, interval="5m")]), CostModel(0.0, 0.0, 0.0))
    paid = baselines.hold(join([history(data, interval="5m")]), CostModel(10.0, 0.0, 0.0))

    assert (free.net_return, free.max_drawdown) == (1.0, 0.5)
    assert paid.net_return == pytest.approx(2.0 * 0.999 / 1.001 - 1.0)


def test_default_strategy_is_listed() -> None:
    assert DEFAULT_STRATEGY in STRATEGIES


@given(st.integers(0, 10_000))
def test_evidence_of_a_fair_game_is_at_most_one_in_the_mean(seed: int) -> None:
    tosses = np.random.default_rng(seed).choice([-1.0, 1.0], (200, 30))
    both = np.concatenate((tosses, -tosses))

    assert np.mean([evidence(each[:5], bound=1.0) for each in both]) < 1.5
    assert evidence(np.empty(0), bound=1.0) == 1.0
    assert evidence(np.full(60, 0.5), bound=1.0) > 1_000.0
    assert evidence(np.full(60, -0.5), bound=1.0) < 0.5


def test_later_challengers_need_more() -> None:
    proof = Proof(days=90, trades=50, better=50.0, gaining=60.0)

    assert [proof.is_enough(number) for number in (1, 2)] == [True, False]
    assert not replace(proof, gaining=1.0).is_enough(1)  # losing less than the champion is not gaining


def test_planted_edge_is_proposed_shadowed_and_promoted_and_noise_is_not() -> None:
    planted = a_market(4, kind="planted")
    plan = plan_of_strategy("CAPITULATION", interval_s=900, costs=CostModel())

    steps = walk(plan, planted).steps

    assert [each.step for each in steps[:2]] == [Step.PROPOSED, Step.PROMOTED]
    assert (steps[1].parameter, steps[1].before, steps[1].after) == ("fall_min_bps", 600.0, 480.0)
    assert steps[1].proof is not None
    assert steps[1].proof.is_enough(1)
    noise = a_market(4, kind="noise")
    assert Step.PROMOTED not in {each.step for each in walk(plan, noise).steps}
