"""Closed trades in cuts: every cut adds up to all of them, and sums of parts are the sum of the whole."""

from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import NOON
from trading.domain.slices import Cut, Ended, Tally, cut, difference, falls, mean_return

cents = st.integers(-5000, 5000).map(lambda number: Decimal(number) / 100)
ended = st.builds(
    Ended,
    worker_id=st.integers(1, 3),
    version_id=st.integers(1, 3),
    symbol=st.sampled_from(["BTCUSDT", "ETHUSDT"]),
    quote_asset=st.just("USDT"),
    opened_at=st.none() | st.integers(0, 200_000).map(lambda s: NOON - timedelta(seconds=s)),
    closed_at=st.integers(0, 10_000).map(lambda s: NOON + timedelta(seconds=s)),
    exit_reason=st.sampled_from(["TAKE_PROFIT", "STOP_LOSS"]),
    entry_notional=st.sampled_from([Decimal(0), Decimal(100)]),
    exit_notional=st.just(Decimal(100)),
    fees=st.none() | cents,
    pnl=st.none() | cents,
    entry_slippage_bps=st.none() | cents,
    exit_slippage_bps=st.none() | cents,
)
EXACT = (
    "trades",
    "wins",
    "unknown",
    "pnl",
    "fees",
    "gains",
    "losses",
    "bought",
    "slipped_in",
    "slip_unknown",
)


def exact(tally: Tally) -> dict[str, object]:
    """Give the sums that are exact numbers."""
    return {name: value for name, value in asdict(tally).items() if name in EXACT}


@given(st.lists(ended, max_size=6))
def test_every_cut_of_every_worker_adds_up_to_all_trades(trades: list[Ended]) -> None:
    whole, sums = Tally(), defaultdict[tuple[Cut, bool], Tally](Tally)
    for trade in trades:
        whole.count(trade)
    for (_, worker_id, by, _), tally in cut(trades).items():
        sums[by, worker_id is None].add(tally)

    complete = set(Cut) - {Cut.RETURN}
    for by in complete if trades else ():
        assert exact(sums[by, False]) == exact(whole)
        assert by is Cut.VERSION or exact(sums[by, True]) == exact(whole)
    assert sums[Cut.RETURN, True].trades == whole.measured


@given(st.lists(ended, max_size=4), st.lists(ended, max_size=4))
def test_the_sum_of_two_days_is_the_sum_of_their_trades(first: list[Ended], second: list[Ended]) -> None:
    parts = cut(first)
    for key, tally in cut(second).items():
        parts.setdefault(key, Tally()).add(tally)

    whole = cut([*first, *second])

    assert {key: exact(tally) for key, tally in parts.items()} == {
        key: exact(tally) for key, tally in whole.items()
    }


def tally_of(*pnls: str) -> Tally:
    """Count trades of 100 with these results."""
    found = Tally()
    for pnl in pnls:
        found.count(
            Ended(1, 1, "BTCUSDT", "USDT", NOON, NOON, "STOP_LOSS", Decimal(100), Decimal(100), None,
                  Decimal(pnl), None, None)
        )  # fmt: skip
    return found


def test_groups_that_differ_by_chance_are_not_told_apart_and_others_are() -> None:
    same = difference(tally_of("1", "-1", "2", "-2"), tally_of("1.1", "-1", "2", "-2"))
    better = difference(tally_of("-1", "-1.1", "-0.9"), tally_of("1", "1.1", "0.9"))

    assert same is not None
    assert better is not None
    assert (same.is_told_apart, better.is_told_apart) == (False, True)
    assert better.mean == pytest.approx(200)


def test_one_trade_has_no_range() -> None:
    assert mean_return(tally_of("1")) is None


@given(st.lists(cents, max_size=20))
def test_no_level_lies_above_the_highest_so_far(levels: list[Decimal]) -> None:
    assert all(fall <= 0 for fall in falls(levels))
    assert len(falls(levels)) == len(levels)
