"""Alerts over time: opened once, grouped under their cause, quiet while flapping, never forgotten."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring import rules
from monitoring.alert_kinds import KINDS, AlertKind, AlertLevel
from monitoring.alert_rules import CLEAR_AFTER, QUIET, Change, Finding, Step, Tracker

START = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
SMALL = {
    "CAUSE": AlertKind(AlertLevel.CRITICAL, "mend it", hold_s=1.0),
    "CHILD": AlertKind(AlertLevel.CRITICAL, "mend it", causes=("CAUSE",), hold_s=1.0),
    "OTHER": AlertKind(AlertLevel.WARNING, "mend it", hold_s=0.0),
}


def found(*codes: str) -> list[Finding]:
    return [Finding(code, "", 10, f"{code} is so") for code in codes]


def run(rounds: list[set[str]], *, kinds: dict[str, AlertKind] = SMALL) -> list[tuple[int, Change]]:
    """Give every change with its second, a round a second."""
    tracker = Tracker(kinds)
    steps = []
    for second, codes in enumerate(rounds):
        moment = START + timedelta(seconds=second)
        for change in tracker.step(found(*sorted(codes)), now=moment):
            steps.append((second, change))  # noqa: PERF401 -- plainer than two loops in one
    return steps


def told(steps: list[tuple[int, Change]], step: Step = Step.TOLD) -> list[tuple[int, str]]:
    return [(second, change.watched.finding.code) for second, change in steps if change.step is step]


def test_every_code_of_the_health_rules_has_its_alert() -> None:
    codes = {each.code for each in (*rules.SCALES, *rules.FIXED)}

    assert set(KINDS) == codes
    named = {cause.split(":")[0] for kind in KINDS.values() for cause in kind.causes}
    assert named <= codes


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_alert_can_reach_the_operator_within_five_seconds_and_says_what_to_do(code: str) -> None:
    assert KINDS[code].hold_s <= 2.0
    assert KINDS[code].todo.endswith(".")


def test_no_alert_explains_itself_in_a_circle() -> None:
    def reach(code: str, seen: frozenset[str]) -> None:
        assert code not in seen
        for cause in KINDS[code].causes:
            reach(cause.split(":")[0], seen | {code})

    for code in KINDS:
        reach(code, frozenset())


@pytest.mark.parametrize("prices", [rules.FEED_DOWN.code, rules.PRICE_AGE.code])
def test_calls_that_fail_while_prices_are_missing_are_no_second_alarm(prices: str) -> None:
    calls = rules.ERROR_RATIO.code

    assert [code for _, code in told(run([{prices}] * 4 + [{prices, calls}] * 6, kinds=KINDS))] == [prices]
    assert [code for _, code in told(run([{calls}] * 6, kinds=KINDS))] == [calls]


def test_what_lasts_is_told_once_and_its_end_once() -> None:
    rounds = [{"OTHER"}] * 30 + [set()] * (int(CLEAR_AFTER.total_seconds()) + 5)

    steps = run(rounds)

    assert told(steps) == [(0, "OTHER")]
    assert told(steps, Step.TOLD_OVER) == [(29 + CLEAR_AFTER.total_seconds(), "OTHER")]


def test_what_passes_before_it_holds_is_not_told() -> None:
    assert run([{"CAUSE"}, *[set()] * 20]) == []


def test_what_is_explained_stays_silent_and_belongs_to_its_cause() -> None:
    steps = run([{"CHILD"}, {"CHILD", "CAUSE"}, {"CHILD", "CAUSE"}, {"CHILD", "CAUSE"}])

    assert told(steps) == [(2, "CAUSE")]
    child = next(change.watched for _, change in steps if change.watched.finding.code == "CHILD")
    assert child.cause == "CAUSE"


def test_a_cause_that_is_found_a_moment_later_adds_no_message() -> None:
    steps = run([{"CHILD"}] * 3 + [{"CHILD", "CAUSE"}] * 5)

    assert told(steps) == [(1, "CHILD")]
    causes = [change for _, change in steps if change.watched.finding.code == "CAUSE"]
    assert causes[0].step is Step.OPENED


def test_what_outlives_its_cause_is_told() -> None:
    clear_s = int(CLEAR_AFTER.total_seconds())
    steps = run([{"CHILD", "CAUSE"}] * 5 + [{"CHILD"}] * (clear_s + 3))

    assert [code for _, code in told(steps)] == ["CAUSE", "CHILD"]


def test_what_comes_and_goes_is_one_alert_and_one_message() -> None:
    steps = run([{"OTHER"} if second // 7 % 2 == 0 else set() for second in range(300)])

    assert told(steps) == [(0, "OTHER")]
    assert len([change for _, change in steps if change.step is Step.OPENED]) == 1


def test_what_comes_back_soon_opens_the_same_alert_without_a_word() -> None:
    gap = [set[str]()] * (int(CLEAR_AFTER.total_seconds()) + 30)

    steps = run([{"OTHER"}, *gap, {"OTHER"}])

    assert len(told(steps)) == 1
    assert steps[-1][1].step is Step.REOPENED
    assert steps[-1][1].watched.times == 2


def test_what_comes_back_late_is_a_new_alert() -> None:
    gap = [set[str]()] * int((CLEAR_AFTER + QUIET).total_seconds() + 5)

    assert len(told(run([{"OTHER"}, *gap, {"OTHER"}]))) == 2


@settings(deadline=None)  # time is shared with other workers
@given(st.lists(st.tuples(st.sets(st.sampled_from(sorted(SMALL))), st.integers(1, 120)), max_size=60))
def test_no_sequence_floods_or_forgets(stretches: list[tuple[set[str], int]]) -> None:
    rounds = [codes for codes, seconds in stretches for _ in range(seconds)]

    steps = run(rounds)

    seconds_told: dict[str, list[int]] = defaultdict(list)
    for second, code in told(steps):
        seconds_told[code].append(second)
    for moments in seconds_told.values():
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert all(gap >= QUIET.total_seconds() for gap in gaps)
    # Whatever was there for three rounds on end, without its cause, is an alert that was told.
    for second in range(3, len(rounds)):
        for code in rounds[second] & rounds[second - 1] & rounds[second - 2]:
            cause_gone = code != "CHILD" or not any("CAUSE" in each for each in rounds[: second + 1])
            names = (code, "CHILD") if code == "CAUSE" else (code,)  # one trouble is one message
            if cause_gone:
                assert any(moment <= second for name in names for moment in seconds_told[name])
