"""Trend of memory, exceptions in logs, samples and their merging, the lag of a queue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring import health_page
from monitoring.alert_kinds import KINDS
from monitoring.log_tail import LogTail
from monitoring.machine import CacheWindow, Trend
from monitoring.models import HealthSample
from monitoring.probes import QueueClock
from monitoring.sampling import Round, Sampler, merge, span_begin
from trading.selectors.live import CacheReads

ROOT = Path(__file__).resolve().parents[3]
START = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


@settings(deadline=None)  # time is shared with other workers
@given(st.floats(50, 500), st.floats(-50, 50))
def test_a_steady_growth_is_measured_as_it_is(begin_mb: float, mb_h: float) -> None:
    trend = Trend()
    for second in range(0, 7200, 30):
        trend.add(begin_mb + mb_h * second / 3600, now_s=float(second))

    assert trend.growth_mb_h() == pytest.approx(mb_h, abs=1e-3)


def test_a_trend_is_not_known_before_there_is_time_for_one() -> None:
    trend = Trend()
    for second in range(0, 1800, 30):
        trend.add(100.0, now_s=float(second))

    assert trend.growth_mb_h() is None


def write(path: Path, *entries: dict[str, str]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)


def test_exceptions_are_counted_once_and_only_new_ones(tmp_path: Path) -> None:
    log = tmp_path / "trader.log"
    bad = {"level": "error", "exception": "Traceback"}
    write(log, bad)
    tail = LogTail(tmp_path)

    assert tail.count_exceptions() == 0
    write(log, bad, {"level": "error", "event": "refused"}, {"level": "warning", "exception": "seen to"})
    write(tmp_path / "feed.log", bad)
    assert tail.count_exceptions() == 2
    assert tail.count_exceptions() == 0


def test_a_log_that_was_turned_over_is_read_from_its_begin(tmp_path: Path) -> None:
    log = tmp_path / "trader.log"
    bad = {"level": "critical", "exception": "Traceback"}
    write(log, bad, bad)
    tail = LogTail(tmp_path)
    log.rename(tmp_path / "trader.log.1")
    write(log, bad)

    assert tail.count_exceptions() == 1


def test_a_half_written_line_is_counted_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("")
    tail = LogTail(tmp_path)
    line = json.dumps({"level": "error", "exception": "Traceback"})
    log.write_text(line[:20])
    assert tail.count_exceptions() == 0
    log.write_text(line + "\n")

    assert tail.count_exceptions() == 1


def test_a_task_that_stays_at_the_head_of_the_queue_lags() -> None:
    clock = QueueClock()

    assert clock.lag_s("a", now_s=10.0) == 0.0
    assert clock.lag_s("a", now_s=13.0) == 3.0
    assert clock.lag_s("b", now_s=14.0) == 0.0
    assert clock.lag_s(None, now_s=20.0) == 0.0


ROUNDS = st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.floats(0, 100)), min_size=21, max_size=80)


@settings(deadline=None)  # time is shared with other workers
@given(ROUNDS)
def test_merged_samples_keep_the_worst_the_sum_and_the_mean(rounds: list[tuple[int, bool, float]]) -> None:
    sampler = Sampler()
    made: list[HealthSample] = []
    for second, (score, is_up, age) in enumerate(rounds):
        found = Round(START + timedelta(seconds=second), score, is_up, {"A": 100 - score}, {"age": age})
        sample = sampler.add(found)
        if sample is not None:
            made.append(sample)

    whole = merge(made, at=START, span_s=60)

    used = rounds[: sum(sample.rounds for sample in made)]
    assert whole.rounds == len(used)
    assert whole.score_min == min(score for score, _, _ in used)
    assert whole.score_mean == pytest.approx(sum(score for score, _, _ in used) / len(used))
    assert whole.up_s == sum(is_up for _, is_up, _ in used[1:])
    ages = [age for _, _, age in used]
    assert whole.figures["age"] == pytest.approx([min(ages), sum(ages) / len(ages), max(ages)], abs=1e-4)
    assert whole.losses == {"A": 100 - whole.score_min}


def test_spans_are_aligned_to_the_clock() -> None:
    assert span_begin(START + timedelta(seconds=17), 10) == START + timedelta(seconds=10)


def test_the_page_about_health_says_what_the_rules_say() -> None:
    assert (ROOT / "docs" / "health.md").read_text(encoding="utf-8") == health_page.write()


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_alert_has_its_entry_for_the_operator(code: str) -> None:
    lines = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.startswith(f"| `{code}` | {KINDS[code].level} |")]

    assert len(entries) == 1
    assert KINDS[code].todo in entries[0]


def test_price_questions_are_judged_over_ten_minutes() -> None:
    window = CacheWindow()
    window.add(CacheReads(hits=0, misses=100), now_s=0.0)  # warming up
    for second in range(10, 700, 10):
        window.add(CacheReads(hits=second, misses=100), now_s=float(second))

    assert window.hit_ratio == 1.0


def test_price_questions_are_counted_anew_after_the_shared_memory_began_anew() -> None:
    window = CacheWindow()
    window.add(CacheReads(hits=1000, misses=0), now_s=0.0)
    window.add(CacheReads(hits=1, misses=0), now_s=1.0)
    window.add(CacheReads(hits=4, misses=1), now_s=2.0)

    assert window.hit_ratio == 0.75


def test_nothing_asked_is_not_known() -> None:
    assert CacheWindow().hit_ratio is None
