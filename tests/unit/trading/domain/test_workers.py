"""Who goes first where several workers want one symbol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.market import INTERVAL_S
from trading.domain.workers import rank_workers

# Within so many times as many candles as there are workers each has been first.
ROUNDS = 10


@given(
    st.sets(st.integers(1, 10_000), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.sampled_from(sorted(INTERVAL_S)),
    st.integers(1, 12),
)
def test_each_worker_is_first_in_its_turn_at_a_symbol_that_several_want_whatever_their_rhythm(
    worker_ids: set[int], candles: int, interval: str, rhythm: int
) -> None:
    step = timedelta(seconds=INTERVAL_S[interval])
    begin = datetime(2024, 1, 1, tzinfo=UTC) + candles * step
    moments = [begin + place * rhythm * step for place in range(ROUNDS * len(worker_ids))]
    ranks = [rank_workers(worker_ids, moment, interval) for moment in moments]
    assert all(sorted(each.values()) == list(range(len(worker_ids))) for each in ranks)
    assert {min(rank, key=rank.__getitem__) for rank in ranks} == worker_ids
