"""Every criterion is judged from evidence alone: change the evidence, and the verdict changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitoring.acceptance_rules import CRITERIA, Evidence, judge_all

IDS = [
    *("R1", "R2", "R3", "R4", "T1", "T2", "T3", "T4", "A1", "A2", "A3", "A4", "U1", "U2", "U3", "U4"),
    *("I1", "I2", "I3", "I4", "D1", "D2", "D3", "D4", "D5", "D6", "P1", "P2", "P3", "S1"),
]
DAY_S = 86_400.0
GOOD = Evidence(
    seen_s=DAY_S,
    spanned_s=DAY_S,
    up_s=DAY_S,
    error_ratio=0.0,
    memory_max_mb=200.0,
    memory_growth_mb_h=0.1,
    exceptions=0.0,
    trades=150,
    win_rate=0.6,
    win_rate_low=0.5,
    win_rate_high=0.7,
    profit_factor=1.4,
    signal_ms=[10.0] * 50,
    conflicts=0,
    closed_recently=50,
    unprotected_exits=0,
    unprotected_s=[0.0] * 50,
    requests_max_1m=100.0,
    blocked_s=0.0,
    feed_up=1.0,
    user_stream_up=1.0,
    cache_hit_ratio=1.0,
    latency_ms=5.0,
    requests_mean_1m=10.0,
    symbols=50.0,
    exports=7,
    blacklisted=1,
    challenges={"stays": 1, "in shadow": 1},
    challenges_decided=1,
    alerts_seen=3,
    told_after_s=[1.0],
    rows_kept=100,
    rows_allowed=1000,
    reports_due=24,
    reports_made=24,
    week_s=7 * DAY_S,
    week_score_min=95.0,
)
NEVER = {"U1", "U2", "U3", "D1", "D2", "D3", "D4", "D5", "D6"}


def verdicts(found: Evidence) -> dict[str, str]:
    return {row.id: row.verdict for row in judge_all(found)}


def test_the_ids_are_those_of_the_agreed_table_each_once() -> None:
    assert [criterion.id for criterion in CRITERIA] == IDS


def test_without_evidence_nothing_is_met_and_every_row_says_what_is_missing() -> None:
    rows = judge_all(Evidence())

    assert {row.verdict for row in rows} == {"not enough data"}
    assert all(row.missing for row in rows)


def test_good_evidence_meets_everything_that_is_measured() -> None:
    found = verdicts(GOOD)

    assert {id_ for id_, verdict in found.items() if verdict != "met"} == NEVER


@pytest.mark.parametrize(
    ("changes", "id_"),
    [
        ({"up_s": DAY_S - 60}, "R1"),
        ({"error_ratio": 0.002}, "R2"),
        ({"memory_max_mb": 260.0}, "R3"),
        ({"memory_growth_mb_h": 20.0}, "R3"),
        ({"exceptions": 1.0}, "R4"),
        ({"win_rate": 0.48}, "T1"),
        ({"profit_factor": 0.9}, "T1"),
        ({"signal_ms": [10.0] * 40 + [60.0] * 10}, "T2"),
        ({"conflicts": 1}, "T3"),
        ({"unprotected_s": [0.0] * 40 + [2.0] * 10}, "T4"),
        ({"unprotected_exits": 1}, "T4"),
        ({"requests_max_1m": 601.0}, "A1"),
        ({"blocked_s": 5.0}, "A1"),
        ({"feed_up": 0.99}, "A2"),
        ({"user_stream_up": 0.99}, "A2"),
        ({"cache_hit_ratio": 0.99}, "A3"),
        ({"latency_ms": 600.0}, "A4"),
        ({"exports_wrong": 1}, "U4"),
        ({"challenges_unproven": 1}, "I2"),
        ({"alerts_unseen_by_health": 1}, "I3"),
        ({"told_after_s": [1.0, 6.0]}, "I4"),
        ({"requests_mean_1m": 300.0}, "P1"),
        ({"rows_kept": 2000}, "P2"),
        ({"reports_made": 20}, "P3"),
        ({"week_score_min": 70.0}, "S1"),
        ({"week_critical": 1}, "S1"),
    ],
)
def test_bad_evidence_changes_the_verdict(changes: dict[str, Any], id_: str) -> None:
    assert verdicts(replace(GOOD, **changes))[id_] == "not met"


@pytest.mark.parametrize(
    ("changes", "id_"),
    [
        ({"spanned_s": 3600.0, "up_s": 3600.0}, "R1"),
        ({"seen_s": 60.0}, "R2"),
        ({"memory_growth_mb_h": None}, "R3"),
        ({"trades": 99}, "T1"),
        ({"signal_ms": [10.0]}, "T2"),
        ({"closed_recently": 0}, "T3"),
        ({"challenges_decided": 0}, "I2"),
        ({"blocked_s": None}, "A1"),
        ({"alerts_seen": 0}, "I3"),
        ({"told_after_s": []}, "I4"),
        ({"week_s": DAY_S}, "S1"),
    ],
)
def test_too_little_evidence_is_not_a_verdict(changes: dict[str, Any], id_: str) -> None:
    assert verdicts(replace(GOOD, **changes))[id_] == "not enough data"
