"""Who goes first where several workers want one symbol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.market import INTERVAL_S
from trading.domain.workers import rank_workers


@given(
    st.sets(st.integers(1, 10_000), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.sampled_from(sorted(INTERVAL_S)),
)
def test_each_worker_is_first_in_its_turn_at_a_symbol_that_several_want(
    worker_ids: set[int], candles: int, interval: str
) -> None:
    step = timedelta(seconds=INTERVAL_S[interval])
    begin = datetime(2024, 1, 1, tzinfo=UTC) + candles * step
    ranks = [rank_workers(worker_ids, begin + place * step, interval) for place in range(len(worker_ids))]
    assert all(sorted(each.values()) == list(range(len(worker_ids))) for each in ranks)
    assert {next(iter(each)) for each in (sorted(rank, key=rank.__getitem__) for rank in ranks)} == worker_ids
