"""Performance figures against hand-worked cases, and what must always hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.performance import (
    ClosedTrade,
    daily_returns,
    deflated_sharpe,
    equity_curve,
    expectancy_bps,
    max_drawdown,
    profit_factor,
    sharpe_ratio,
    summarise,
    wilson_interval,
    win_rate,
)

DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)


def trades(*pnls: str) -> list[ClosedTrade]:
    return [
        ClosedTrade(
            DAY + timedelta(days=number, hours=-6), DAY + timedelta(days=number), Decimal(pnl), Decimal(100)
        )
        for number, pnl in enumerate(pnls)
    ]


def test_figures_of_a_known_row_of_trades() -> None:
    figures = summarise(trades("2", "-1", "1", "-4", "3"), starting_equity=Decimal(100))

    assert (figures.trades, figures.wins, figures.win_rate) == (5, 3, 0.6)
    assert figures.profit_factor == pytest.approx(6 / 5)
    assert figures.expectancy_bps == pytest.approx(20.0)
    assert figures.net_pnl == Decimal(1)
    assert figures.net_return == pytest.approx(0.01)
    assert figures.max_drawdown == pytest.approx(4 / 102)


def test_order_of_arrival_does_not_matter() -> None:
    rows = trades("2", "-1", "1", "-4", "3")

    assert summarise(rows[::-1], starting_equity=Decimal(100)) == summarise(
        rows, starting_equity=Decimal(100)
    )


def test_wilson_interval_matches_the_published_formula() -> None:
    assert wilson_interval(0, 0) is None
    for wins, trades_made, low, high in ((8, 10, 0.4902, 0.9433), (0, 5, 0.0, 0.4345)):
        interval = wilson_interval(wins, trades_made)
        assert interval is not None
        assert interval[0] == pytest.approx(low, abs=1e-4)
        assert interval[1] == pytest.approx(high, abs=1e-4)


def test_what_is_not_known_is_none() -> None:
    nothing = summarise([], starting_equity=Decimal(100))

    assert (nothing.win_rate, nothing.profit_factor, nothing.expectancy_bps, nothing.sharpe) == (None,) * 4
    assert (nothing.net_pnl, nothing.max_drawdown) == (Decimal(0), 0.0)
    assert profit_factor([Decimal(1)]) is None
    assert win_rate([]) is None
    assert expectancy_bps([]) is None
    assert sharpe_ratio(trades("1"), starting_equity=Decimal(100)) is None


def test_sharpe_counts_days_without_trades() -> None:
    first, second = trades("1", "2")
    late = ClosedTrade(second.opened_at, DAY + timedelta(days=9), second.pnl, second.entry_notional)

    busy = sharpe_ratio([first, second], starting_equity=Decimal(100))
    idle = sharpe_ratio([first, late], starting_equity=Decimal(100))

    assert busy is not None
    assert idle is not None
    assert 0 < idle < busy


def test_days_that_were_looked_at_tell_exposure_turnover_and_idle_time() -> None:
    days = [DAY.date() + timedelta(days=number) for number in range(4)]

    figures = summarise(trades("1", "2"), starting_equity=Decimal(1000), days=days)

    assert figures.exposure == pytest.approx(2 * 100 * 6 / (1000 * 4 * 24))
    assert figures.turnover == pytest.approx(2 * 100 / (1000 * 4))
    assert daily_returns(trades("1"), starting_equity=Decimal(100), days=days) == [0.01, 0.0, 0.0, 0.0]
    assert summarise(trades("1"), starting_equity=Decimal(1000)).exposure is None


def test_sharpe_is_deflated_by_tries_and_not_by_one() -> None:
    returns = [0.01, -0.004, 0.012, 0.0, 0.008, -0.006, 0.011, 0.002] * 5

    alone = deflated_sharpe(returns, trials=1, trial_sharpe_variance=0.04)
    best_of = [deflated_sharpe(returns, trials=tries, trial_sharpe_variance=0.04) for tries in (2, 20, 1000)]

    known = [each for each in (alone, *best_of) if each is not None]
    assert len(known) == 4
    assert known[0] > 0.95
    assert known == sorted(known, reverse=True)
    assert deflated_sharpe([0.5, 0.5, 0.5], trials=1, trial_sharpe_variance=0.0) is None


def test_noise_that_was_picked_from_many_does_not_look_good() -> None:
    random = np.random.default_rng(4)
    tries = random.normal(0.0, 0.01, (200, 300))
    sharpes = tries.mean(axis=1) / tries.std(axis=1)
    best = tries[sharpes.argmax()].tolist()

    plain = deflated_sharpe(best, trials=1, trial_sharpe_variance=0.0)
    deflated = deflated_sharpe(best, trials=200, trial_sharpe_variance=float(sharpes.var()))

    assert plain is not None
    assert deflated is not None
    assert plain > 0.99 > 0.9 > deflated


def test_equity_must_be_positive_at_the_start() -> None:
    with pytest.raises(ValueError, match="above 0"):
        summarise([], starting_equity=Decimal(0))


@given(st.lists(st.decimals(-5, 5, places=2, allow_nan=False), max_size=30))
def test_drawdown_stays_between_nothing_and_everything(pnls: list[Decimal]) -> None:
    curve = equity_curve(pnls, starting_equity=Decimal(1000))

    assert 0.0 <= max_drawdown(curve) <= 1.0
    assert curve[-1] - curve[0] == sum(pnls)


@given(st.integers(0, 500), st.integers(1, 500))
def test_interval_holds_the_observed_rate(wins: int, losses: int) -> None:
    interval = wilson_interval(wins, wins + losses)

    assert interval is not None
    assert 0.0 <= interval[0] <= wins / (wins + losses) <= interval[1] <= 1.0
