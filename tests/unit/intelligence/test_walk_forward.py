"""Walking forward: bounded steps, no step without evidence, no trade that the present did not allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intelligence import baselines
from intelligence.backtest import CostModel, Market, Plan, join, run
from intelligence.plans import plan_of_strategy
from intelligence.walk_forward import REACH, STEP, Change, best_change, neighbours, walk
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
