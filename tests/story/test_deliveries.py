"""Processes at once: one batch many times, two workers on one symbol, two exits, a kill switch in a batch."""

from collections import Counter
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import redis

from bench.aftermath import entries_by_decision, judge
from bench.children import Child, run
from bench.crash_stories import STORIES, prepare
from bench.deliveries import deliver_all, deliver_by_celery, settle_two_workers
from bench.real_desk import BALANCES, PRICES, RealDesk, batch, newest_candle, open_account, settle_in
from bench.still_venue import FORK, StillVenue, run_still_venue
from trading.domain.trades import ExitReason
from trading.models import Order, Trade, TradingControl
from trading.services import control, cycle, exits, reconcile, upkeep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.story, pytest.mark.timeout(240)]
ROUNDS = 3
LIMIT_S = 60.0
SYMBOL = "DOGEUSDT"


@pytest.fixture
def said(redis_client: redis.Redis, tmp_path: Path) -> Path:
    """Where the processes log; the request budget is fresh."""
    return tmp_path / "said.txt"


def test_the_same_batch_delivered_to_four_processes_makes_one_order_each(said: Path) -> None:
    settle_two_workers(said)

    found = deliver_all(5, 20, said=said)

    assert not found.violations
    assert found.entries == 5 * len(PRICES)


def test_the_same_task_published_twenty_times_makes_one_order_each(said: Path) -> None:
    settle_two_workers(said)

    found = deliver_by_celery(2, 20, said=said)

    assert not found.violations
    assert found.entries == 2 * len(PRICES)


def _together(said: Path, *acts: tuple[Any, ...]) -> None:
    """Run each (function, arguments …) in a process of its own, all at the same moment."""
    barrier = FORK.Barrier(len(acts))
    children = [Child(act, barrier, *given, said=said) for act, *given in acts]
    for child in children:
        child.end()


def _take(barrier: Barrier, venue: StillVenue, interval: str, opened: datetime) -> None:
    desk = RealDesk(venue)
    desk.see(PRICES, opened, interval=interval)
    barrier.wait(LIMIT_S)
    cycle.run_batch(batch([SYMBOL], opened, interval=interval), desk=desk.desk)


def _leave(barrier: Barrier, venue: StillVenue, opened: datetime) -> None:
    desk = RealDesk(venue)
    desk.see(PRICES, opened)
    trade = Trade.objects.get()
    barrier.wait(LIMIT_S)
    exits.exit_trade(trade.pk, ExitReason.MAX_HOLD, desk=desk.desk)


def _take_all(barrier: Barrier, venue: StillVenue, opened: datetime) -> None:
    desk = RealDesk(venue)
    desk.see(PRICES, opened)
    barrier.wait(LIMIT_S)
    cycle.run_batch(batch(PRICES, opened), desk=desk.desk)


def _kill(barrier: Barrier, venue: StillVenue, opened: datetime) -> None:
    desk = RealDesk(venue)
    desk.see(PRICES, opened)
    barrier.wait(LIMIT_S)
    control.kill(control.KillLevel.FLATTEN, actor="test", desk=desk.desk)


def _settle(venue: StillVenue, opened: datetime, *, is_flat: bool) -> list[str]:
    desk = RealDesk(venue)
    for ahead_s in (0.0, 2.0, 12.0, 20.0):
        desk.move_to(ahead_s)
        desk.see(PRICES, opened)
        reconcile.run(desk=desk.desk, reason="schedule")
        upkeep.run(desk=desk.desk)
    return judge(venue.ledger(), is_flat=is_flat)


def test_two_workers_that_want_one_symbol_in_two_processes_get_one_trade(said: Path) -> None:
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, ("second",), said=said)
        run(settle_in, venue, ("minute",), "1m", said=said)
    for _ in range(ROUNDS):
        with run_still_venue(PRICES, balances=BALANCES) as venue:
            run(open_account, venue, said=said)
            opened = {each: newest_candle(interval=each) for each in ("1s", "1m")}
            _together(said, *((_take, venue, each, at) for each, at in opened.items()))
            wrong = run(_settle, venue, opened["1s"], said=said, is_flat=False).answer
            entries = entries_by_decision(venue.ledger())

        assert not wrong
        assert list(entries.values()) == [1]


@pytest.mark.parametrize("name", ["time exit", "time exit of a stop", "kill switch"])
def test_two_exits_of_one_trade_in_two_processes_sell_once(said: Path, name: str) -> None:
    story = next(story for story in STORIES if story.name == name)
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, said=said)
    for seed in range(ROUNDS):
        with run_still_venue(PRICES, balances=BALANCES) as venue:
            scene = run(prepare, story, venue, seed, said=said).answer
            _together(said, *[(_leave, venue, scene.opened)] * 2)
            wrong = run(_settle, venue, scene.opened, said=said, is_flat=True).answer
            sold = Counter(
                fill["clientOrderId"] for fill in venue.ledger()["fills"] if fill["side"] == "SELL"
            )

        assert not wrong
        assert len(sold) == 1


def test_the_kill_switch_in_the_middle_of_a_batch_leaves_nothing_behind(said: Path) -> None:
    with run_still_venue(PRICES, balances=BALANCES) as venue:
        run(settle_in, venue, said=said)
    for _ in range(ROUNDS):
        with run_still_venue(PRICES, balances=BALANCES) as venue:
            run(open_account, venue, said=said)
            opened = newest_candle()
            _together(said, (_take_all, venue, opened), (_kill, venue, opened))
            wrong = run(_settle, venue, opened, said=said, is_flat=True).answer
        halted_at = TradingControl.objects.get().changed_at

        assert not wrong
        assert not Order.objects.filter(role="ENTRY", submitted_at__gt=halted_at, venue_order_id__gt=0)
