"""Bad health halts once it has lasted; what flaps, dips or comes back by itself does not."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring import rules
from monitoring.halting import Judge, Patience, Verdict
from monitoring.rules import Health, Loss

START = datetime(2026, 11, 1, tzinfo=UTC)
PATIENCE = Patience(below=70, fault_s=60, outage_s=600, critical_s=10)
FINE = Health(100, (), ())


def _bad(*losses: Loss) -> Health:
    return Health(rules.score_of(losses), losses, ())


LEDGER = _bad(Loss("LEDGER_DIFFERS", 40, 60, "ledger"))
FEED = _bad(Loss("FEED_DOWN", 50, 50, "feed"))
BARE = _bad(Loss("POSITION_UNPROTECTED", 60, 40, "bare"))
MEMORY = _bad(Loss("MEMORY_USED", 20, 75, "memory"))


def _first_verdict(judge: Judge, rounds: list[Health], *, step_s: float = 1.0) -> tuple[int, Verdict] | None:
    for number, health in enumerate(rounds):
        verdict = judge.step(health, now=START + timedelta(seconds=number * step_s))
        if verdict is not None:
            return number, verdict
    return None


def test_a_fault_halts_after_its_seconds() -> None:
    assert _first_verdict(Judge(PATIENCE), [LEDGER] * 60) is None
    found = _first_verdict(Judge(PATIENCE), [FINE] * 5 + [LEDGER] * 61)
    assert found is not None
    assert found[0] == 65
    assert found[1].cause == "health below 70 for 60 s: LEDGER_DIFFERS"


def test_what_comes_on_top_is_no_new_cause() -> None:
    worse = _bad(Loss("QUEUE_LAG", 40, 50, "queue"), LEDGER.losses[0])
    judge = Judge(PATIENCE)
    assert _first_verdict(judge, [LEDGER] * 60) is None

    verdict = judge.step(worse, now=START + timedelta(seconds=60))

    assert verdict is not None
    assert verdict.cause == "health below 70 for 60 s: LEDGER_DIFFERS"


def test_causes_that_take_turns_are_told_as_such() -> None:
    disk = _bad(Loss("DISK_FREE", 40, 60, "disk"))

    found = _first_verdict(Judge(PATIENCE), [LEDGER, disk] * 31)

    assert found is not None
    assert found[1].cause == "health below 70 for 60 s: changing causes"


def test_an_outage_may_last_longer() -> None:
    found = _first_verdict(Judge(PATIENCE), [FEED] * 601)

    assert found is not None
    assert (found[0], found[1].cause) == (600, "health below 70 for 600 s: FEED_DOWN")


def test_a_fault_beside_an_outage_is_named_as_the_fault() -> None:
    both = _bad(FEED.losses[0], LEDGER.losses[0])

    found = _first_verdict(Judge(PATIENCE), [both] * 61)

    assert found is not None
    assert (found[0], found[1].cause) == (60, "health below 70 for 60 s: LEDGER_DIFFERS")


def test_a_bare_position_is_not_waited_for_as_long() -> None:
    found = _first_verdict(Judge(PATIENCE), [BARE] * 11)

    assert found is not None
    assert (found[0], found[1].cause) == (10, "critical error for 10 s: POSITION_UNPROTECTED")


def test_health_above_the_line_halts_nothing() -> None:
    assert _first_verdict(Judge(PATIENCE), [MEMORY] * 2000) is None


@given(st.lists(st.sampled_from([FINE, LEDGER, FEED, BARE, MEMORY]), min_size=1, max_size=200))
def test_nothing_halts_that_was_fine_a_moment_ago(rounds: list[Health]) -> None:
    judge = Judge(Patience(below=70, fault_s=5, outage_s=5, critical_s=5))

    for number, health in enumerate(rounds):
        verdict = judge.step(health, now=START + timedelta(seconds=number))
        if verdict is not None:
            assert all(each.score < 70 for each in rounds[number - 5 : number + 1])


def test_a_pause_of_the_watch_begins_the_count_anew() -> None:
    judge = Judge(PATIENCE)
    assert _first_verdict(judge, [LEDGER] * 50) is None

    assert judge.step(LEDGER, now=START + timedelta(seconds=80)) is None
    assert judge.step(LEDGER, now=START + timedelta(seconds=81)) is None


def test_the_verdict_stays_while_the_reason_does() -> None:
    judge = Judge(Patience(fault_s=0))

    assert judge.step(LEDGER, now=START) is not None
    assert judge.step(LEDGER, now=START + timedelta(seconds=1)) is not None
    assert judge.step(FINE, now=START + timedelta(seconds=2)) is None
