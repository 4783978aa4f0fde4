"""Every fault of the table, in one process: a whole story of two trades with the fault armed from its start.

Two entries on symbols of two kinds of protection; the price reaches the target of one, the time of the other
runs out. Then the fault is cleared, watchdog and reconcile go round until the state is clean, and another
story without a fault shows that trading goes on. At the end both sides must agree on everything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle as endless

import pytest
import redis

from bench.fault_arms import Arm, Row
from bench.fault_rows import ROWS
from tests.conftest import ON_POSTGRES
from tests.support.rig import PATIENCE_S, Rig, a_rig
from tests.support.trading import always

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("always"),
    pytest.mark.story,
    pytest.mark.skipif(ON_POSTGRES, reason="what differs by database is told in tests/integration"),
]
__all__ = ["always"]

# Spent orders come back when a window of the clock turns, which no test waits for.
ENDS_WITH_ITS_WINDOW = (18,)
# Which reaches its target, and whose time runs out.
PAIRS = endless(
    [("BTCUSDT", "DOGEUSDT"), ("LTCUSDT", "ADAUSDT"), ("ADAUSDT", "BTCUSDT"), ("DOGEUSDT", "LTCUSDT")]
)

# More forms of one fault than these are left to the running stack, as are those marked so.
FORMS = 3


def _forms(row: Row) -> list[tuple[int, Arm]]:
    return [(number, arm) for number, arm in enumerate(row.arms) if not arm.is_live_only][:FORMS]


STORIES = [
    pytest.param(
        row, arm, row.symbols or pair, id=f"{row.number} {number}" if len(row.arms) > 1 else str(row.number)
    )
    for row in ROWS
    if not row.provocation
    for (number, arm), pair in zip(_forms(row), PAIRS, strict=False)
]
SETTLE_S = 20.0
STRIKE_S = 2.0
EXECUTES_TWICE = 13


@pytest.fixture
def rig(row: Row, redis_client: redis.Redis) -> Iterator[Rig]:
    """A venue and our side of it, with a feed where the row is about prices."""
    with a_rig(redis_client, is_fed=row.is_fed) as rig:
        yield rig


@pytest.mark.parametrize(("row", "arm", "pair"), STORIES)
def test_a_fault_ends_in_a_clean_state(row: Row, arm: Arm, pair: tuple[str, str], rig: Rig) -> None:
    rig.begin(pair)
    assert rig.settle(limit_s=SETTLE_S) == []

    with struck_by(rig, row, arm) as strikes:
        rig.enter(*pair)
        rig.watch(rig.is_settled, limit_s=PATIENCE_S)
        rig.ask_anew()
        leave(rig, *pair)
    end_clean(rig, *pair)
    rig.enter(*pair)
    assert rig.watch(lambda: rig.protected() == set(pair), limit_s=SETTLE_S)
    with struck_by(rig, row, arm) as later_strikes:
        leave(rig, *pair)
        if not strikes and not row.is_idle:
            rig.watch(lambda: bool(strikes_of(rig, row)), limit_s=STRIKE_S)
    end_clean(rig, *pair)

    assert bool(strikes + later_strikes) != row.is_idle
    # Where the venue itself executes a request twice, two orders of one id are the fault and not ours.
    found = [line for line in rig.violations() if not (row.number == EXECUTES_TWICE and "placed 2" in line)]
    assert found == []


@contextmanager
def struck_by(rig: Rig, row: Row, arm: Arm) -> Iterator[list[int]]:
    """Arm until the block ends; what is given holds something afterwards if it struck."""
    for number, count in row.besides:
        rig.paper.arm(number, count=count)
    rig.paper.arm(row.number, count=arm.count, **{**arm.params, **arm.quick})
    strikes: list[int] = []
    yield strikes
    strikes += strikes_of(rig, row)
    rig.paper.disarm()
    if row.number in ENDS_WITH_ITS_WINDOW:
        rig.forget_limits()
    rig.ask_anew()


def strikes_of(rig: Rig, row: Row) -> list[int]:
    """Give how often the fault struck, once per arming that did."""
    listing = rig.paper.paper("faults")
    faults = [*listing["armed"], *listing["spent"]]
    return [each["fired"] for each in faults if each["fault"] == row.number and each["fired"]]


def leave(rig: Rig, target: str, overdue: str) -> None:
    """The price reaches one target, the other's time runs out; what does not come in time is left behind."""
    rig.price(target, at_target=True)
    rig.run_out(overdue)
    rig.watch(rig.is_flat, limit_s=PATIENCE_S)


def end_clean(rig: Rig, *pair: str) -> None:
    """Demand a clean state by itself, then that all can be left."""
    assert rig.settle(limit_s=SETTLE_S) == []
    rig.run_out(*pair)
    assert rig.watch(rig.is_flat, limit_s=SETTLE_S)
