"""A trader is killed with SIGKILL at every point of its work; `python -m bench.crashes` does it longer."""

from pathlib import Path

import pytest
import redis

from bench.children import run
from bench.crash_stories import STORIES
from bench.crashes import Verdict, choose, number, strike_once
from bench.real_desk import BALANCES, PRICES, settle_in
from bench.still_venue import run_still_venue
from tests.conftest import ON_POSTGRES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.story, pytest.mark.timeout(240)]
# Every point is struck, half of them on each database, and all of them on both by the long version.
# The functions that record, submit and book; that version strikes every other function too.
ROOMS = ("entries.", "submit.", "executions.", "books.", "ledger.", "protection.", "exits.", "resolve.")


def test_a_restart_ends_clean_wherever_the_trader_was_killed(
    redis_client: redis.Redis, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, said=said)
    passed = {
        story.name: [each for each in number(story, said=said) if each.place.startswith(ROOMS)]
        for story in STORIES
    }
    found = Verdict()

    for strike in list(choose(STORIES, passed, seeds=1, is_thorough=False))[ON_POSTGRES::2]:
        strike_once(strike, found, said=said)

    assert not found.violations + found.missed, said.read_text()[-2000:]
    assert len(found.runs) >= 12
