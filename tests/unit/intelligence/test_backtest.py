"""The back-tester: stated fills and wallets, equal to a plain reading of the rules, blind to the future."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intelligence.backtest import DEFAULT_WALLET, CostModel, Market, Outcome, Plan, join, play, run
from intelligence.plans import plan_of_strategy, suggested_terms
from intelligence.signal_rows import BLOCK_ROWS, entry_rows
from intelligence.sweep import sweep
from tests.support.markets import candles_of, history, walk
from trading.domain.exits import (
    DATA_END,
    MAX_HOLD,
    NONE,
    STOP_LOSS,
    TAKE_PROFIT,
    ExitTerms,
    PriceRange,
    exit_levels,
    exit_step,
)
from trading.domain.signals import Candles, Condition
from trading.domain.strategy import STRATEGIES, get_strategy

TERMS = ExitTerms(100.0, 100.0, 0.0, 180.0)
FREE = CostModel(0.0, 0.0, 0.0)
# Without room above the ask and sizes by risk, so that the quantity is the notional divided by the price.
WALLET = DEFAULT_WALLET._replace(max_slippage=0.0, full_size_risk=100, max_risk=100)
PLAN = Plan(get_strategy("DIP_REVERSION"), {}, TERMS, wallet=WALLET, costs=FREE)
FLAT = (100.0, 100.2, 99.8, 100.0)
UP, DOWN = (100.0, 101.5, 99.9, 101.2), (100.0, 100.1, 98.5, 98.8)
LOOSE: dict[str, dict[str, float]] = {
    "DIP_REVERSION": {"z_entry": 1.0, "reward_bps": 0.0, "rsi_entry": 60.0},
    "TREND_BREAKOUT": {"channel_length": 20, "trend_rise_bps": 0.0, "atr_min_bps": 0.0, "volume_ratio": 0.5},
    "TREND_PULLBACK": {"trend_rise_bps": 0.0, "rsi_low": 60.0, "atr_min_bps": 0.0},
    "SQUEEZE_RELEASE": {"squeeze_ratio": 1.0, "release_z": 0.5, "volume_ratio": 0.0, "release_bps": 0.0},
    "RELATIVE_STRENGTH": {"strength": 0.5, "efficiency": 0.0, "rise_min_bps": 0.0, "pullback_bps": 2000.0},
    "CAPITULATION": {"fall_atr": 1.0, "fall_min_bps": 0.0, "volume_ratio": 1.0, "rejection": 0.3},
}


def played(market: Market, rows: list[int], plan: Plan = PLAN, symbol: int = 0) -> Outcome:
    return play(plan, market, np.full(len(rows), symbol), np.array(rows))


@pytest.mark.parametrize(
    ("after", "code", "price", "exit_row"),
    [
        ([UP], TAKE_PROFIT, 101.0, 1),
        ([DOWN], STOP_LOSS, 99.0, 1),
        ([(100.0, 102.0, 98.0, 100.0)], STOP_LOSS, 99.0, 1),  # both in one candle: the worse
        ([FLAT, (97.0, 97.5, 96.0, 97.0)], STOP_LOSS, 97.0, 2),  # opened below the stop
        ([FLAT, FLAT, (100.0, 100.2, 99.8, 100.1)], MAX_HOLD, 100.1, 3),
        ([FLAT, (100.0, 100.2, 99.8, 99.9)], DATA_END, 99.9, 2),
    ],
)
def test_position_is_filled_and_left_by_the_stated_prices(
    after: list[tuple[float, ...]], code: int, price: float, exit_row: int
) -> None:
    market = join([history(candles_of([FLAT, *after]))])

    (trip,) = played(market, [0]).trips

    assert (trip["entry_price"], trip["exit_price"]) == (100.0, price)
    assert (trip["code"], trip["exit_row"]) == (code, exit_row)
    assert trip["pnl"] == pytest.approx(10.0 * (price - 100.0))


def test_costs_are_paid_on_each_side_and_a_target_pays_the_fee_alone() -> None:
    costs = CostModel(fee_bps=10.0, spread_bps=20.0, slippage_bps=30.0)
    gain = join([history(candles_of([FLAT, (100.0, 103.0, 99.9, 102.0)]))])
    loss = join([history(candles_of([FLAT, DOWN]))])

    plan = replace(PLAN, costs=costs, wallet=WALLET._replace(max_slippage=30e-4, max_spread=20e-4))
    (won,) = played(gain, [0], plan).trips
    (lost,) = played(loss, [0], plan).trips

    assert won["entry_price"] == 100.41  # ask 100.10, 30 bps worse, up to the tick
    assert won["exit_price"] == 101.11  # 100 bps above the ask, up to the tick
    assert lost["exit_price"] == 98.69  # 99.09, half the spread and slippage worse, down to the tick
    qty = 9.959  # 1,000 / 100.41 down to the step
    assert won["qty"] == qty
    assert won["sold_qty"] == 9.949  # what a fee of 0.009959 leaves, down to the step
    left = 9.959 - 0.009959 - 9.949
    assert won["pnl"] == pytest.approx(9.949 * 101.11 * 0.999 - qty * 100.41 * (1 - left / (qty * 0.999)))


def test_symbol_holds_one_trade_and_a_time_exit_keeps_it_busy_through_its_close() -> None:
    market = join([history(candles_of([FLAT] * 12))])

    outcome = played(market, [0, 1, 3, 4])

    assert outcome.trips["signal_row"].tolist() == [0, 4]
    assert outcome.denied["SYMBOL_BUSY"] == 2
    again = played(join([history(candles_of([FLAT, UP, FLAT, FLAT]))]), [0, 1])
    assert again.trips["signal_row"].tolist() == [0, 1]


def test_wallet_denies_what_is_too_many_too_much_or_too_small() -> None:
    market = join([history(candles_of([FLAT] * 6), name) for name in ("AUSDT", "BUSDT", "CUSDT")])
    symbols, rows = np.array([0, 1, 2]), market.first_rows.copy()

    def denied(**changes: Any) -> dict[str, int]:
        plan = replace(PLAN, wallet=WALLET._replace(**changes), costs=replace(FREE, spread_bps=4.0))
        return {name: count for name, count in play(plan, market, symbols, rows).denied.items() if count}

    assert denied(max_open_trades=2) == {"WORKER_TRADES_FULL": 1}
    assert denied(budget=2_500.0) == {"BUDGET_SPENT": 1}
    assert denied(balance=1_000.0) == {"BUDGET_SPENT": 2}
    assert denied(trade_notional=4.0) == {"NOTIONAL_BELOW_MINIMUM": 3}
    assert denied(max_spread=3.9e-4) == {"SPREAD_WIDE": 3}
    assert denied() == {}


def test_entry_waits_for_a_quote_and_for_its_limit() -> None:
    data = candles_of([FLAT] * 6)
    holed = replace(data, open_ms=data.open_ms + np.where(np.arange(6) >= 3, 3_600_000, 0))
    dear = replace(PLAN, costs=CostModel(0.0, 0.0, 5.0))

    assert played(join([history(holed)]), [2]).denied["NO_CANDLE_AFTER"] == 1
    assert played(join([history(data)]), [2], dear).denied["NOT_FILLED"] == 1


def test_position_goes_through_downtime_and_not_through_a_hole_in_the_files() -> None:
    early, late = candles_of([FLAT] * 3), candles_of([DOWN] * 3)
    for hours, code, price in ((3, STOP_LOSS, 99.0), (48, DATA_END, 100.0)):
        moved = late.open_ms + hours * 3_600_000
        names = ("open", "high", "low", "close", "volume")
        both = {name: np.concatenate((getattr(early, name), getattr(late, name))) for name in names}
        data = Candles(np.concatenate((early.open_ms, moved)), **both, interval_s=60)
        plan = replace(PLAN, terms=TERMS._replace(max_hold_s=0.0))

        (trip,) = played(join([history(data)]), [0], plan).trips

        assert (trip["code"], trip["exit_price"]) == (code, price)


def test_no_signal_looks_over_a_gap() -> None:
    spec = get_strategy("DIP_REVERSION")
    parameters = {**spec.defaults(), **LOOSE["DIP_REVERSION"]}
    data, warmup = walk(3_000, seed=8), spec.warmup(parameters)
    holed = replace(data, open_ms=data.open_ms + np.where(np.arange(3_000) >= 1_500, 60_000, 0))

    whole, with_gap = entry_rows(spec, data, parameters), entry_rows(spec, holed, parameters)

    barred = (whole >= 1_500) & (whole < 1_500 + warmup - 1)
    assert barred.any()
    assert with_gap.tolist() == whole[~barred].tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_blocks_give_the_rows_of_one_pass_and_of_live_windows(name: str) -> None:
    spec, data = get_strategy(name), walk(BLOCK_ROWS + 2_000, seed=2)
    parameters = {**spec.defaults(), **LOOSE.get(name, {})}

    rows = entry_rows(spec, data, parameters)

    assert rows.tolist() == np.flatnonzero(spec.signals(data, parameters).entries).tolist()
    for row in rows[:5]:
        window = data.part(int(row) + 1 - spec.warmup(parameters), int(row) + 1)
        assert spec.signals(window, parameters).entries[-1]


def plan_for(name: str) -> Plan:
    spec = get_strategy(name)
    parameters = {**spec.defaults(), **LOOSE.get(name, {})}
    return Plan(spec, parameters, suggested_terms(spec, interval_s=60)._replace(max_hold_s=7_200.0))


@pytest.mark.parametrize("name", STRATEGIES)
def test_trades_do_not_change_when_later_data_are_cut_off_or_scrambled(name: str) -> None:
    data, until, plan = walk(6_000, seed=12), 4_000, plan_for(name)
    other = walk(6_000, seed=99)
    mixed = {
        column: np.concatenate((getattr(data, column)[:until], getattr(other, column)[until:]))
        for column in ("open_ms", "open", "high", "low", "close", "volume")
    }

    whole, scrambled, cut = (
        run(plan, join([history(each)])).trips
        for each in (data, Candles(**mixed, interval_s=60), data.part(0, until))
    )

    known = whole[whole["exit_row"] < until]
    assert len(known)
    assert known.tolist() == scrambled[scrambled["exit_row"] < until].tolist()
    assert known.tolist() == [trip for trip in cut.tolist() if trip in known.tolist()]
    assert all(trip["code"] == DATA_END for trip in cut[len(known) :])


def test_sweep_gives_each_point_the_trades_of_its_own_back_test() -> None:
    market = join([history(walk(20_000, seed=seed), name) for seed, name in ((3, "AUSDT"), (4, "BUSDT"))])
    plan = plan_for("DIP_REVERSION")
    points = [
        {**plan.parameters, "z_length": length, "z_entry": depth, "volume_ratio": volume}
        for length in (20, 30)
        for depth in (1.2, 1.8)
        for volume in (1.5, 20.0)
    ]

    for index, outcome in sweep(plan, market, points):
        alone = run(replace(plan, parameters=points[index]), market)
        assert outcome.trips.tolist() == alone.trips.tolist()
        assert outcome.denied == alone.denied


def test_sweep_knows_strict_limits_from_others() -> None:
    market = join([history(candles_of([FLAT] * 400))])
    spec = plan_for("DIP_REVERSION").spec
    for side, expected in (("above", 0), ("at least", 1), ("below", 0), ("at most", 1)):
        conditions = (Condition("SAME", "depth", side, 0.0),)  # type: ignore[arg-type]  # one of the sides
        plan = replace(plan_for("DIP_REVERSION"), spec=replace(spec, conditions=conditions))

        ((_, outcome),) = sweep(plan, market, [plan.parameters])

        assert min(len(outcome.trips), 1) == expected


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(5, 300),
    st.integers(10, 300),
    st.sampled_from([0, 40]),
    st.integers(0, 9),
)
def test_compiled_play_equals_a_plain_reading_of_the_rules(
    seed: int, target: int, stop: int, trailing: int, hold: int
) -> None:
    data = walk(300, seed=seed, size=4e-3)
    terms = ExitTerms(target, stop, min(trailing, stop), hold * 60.0)
    rows = np.flatnonzero(np.random.default_rng(seed).random(299) < 0.2).tolist()

    outcome = played(join([history(data)]), rows, replace(PLAN, terms=terms))

    assert outcome.trips[["signal_row", "exit_row", "code"]].tolist() == plain_reading(data, rows, terms)


def plain_reading(data: Candles, rows: list[int], terms: ExitTerms) -> list[tuple[int, int, int]]:
    """Step through a position candle by candle with the functions that live has; no compiler, no arrays."""
    trips, free_row = [], 0
    for signal in rows:
        if signal < free_row:
            continue
        entry = float(data.open[signal + 1])
        levels, highest, code = exit_levels(terms, entry, 100.0), entry, DATA_END
        for row in range(signal + 1, len(data)):
            prices = PriceRange(
                *(float(column[row]) for column in (data.open, data.high, data.low, data.close))
            )
            step = exit_step(levels, highest, prices, (row - signal) * 60.0)
            highest = step.highest_price
            if step.code != NONE:
                code = step.code
                break
        trips.append((signal, row, code))
        free_row = row + (1 if code == MAX_HOLD else 0)
    return trips


def test_plan_of_a_strategy_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="no parameter 'zz'"):
        plan_of_strategy("DIP_REVERSION", interval_s=60, costs=FREE, changes={"zz": 1})
