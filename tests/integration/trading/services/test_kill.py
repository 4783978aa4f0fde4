"""The kill switch: three levels, effective for what is recorded, queued, unknown or halted, told exactly."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import redis
from django.db import connection, transaction

from tests.support.desk import Scene, a_scene
from tests.support.trading import OPERATOR, a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.risk import TradingState
from trading.models import InstrumentRow, JournalEntry, Order, Trade, TradingControl
from trading.services import cycle, upkeep, workers
from trading.services.account_lock import lock_account
from trading.services.control import KillLevel, Left, kill, set_trading_state, stop
from trading.services.entries import record_entries
from trading.services.submit import send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
PRICES = {"BTCUSDT": "100", "ETHUSDT": "50", "BNBUSDT": "500", "ADAUSDT": "0.4", "DOGEUSDT": "0.3"}


@pytest.fixture
def scene() -> Scene:
    """A desk with quotes of five symbols."""
    made = a_scene()
    prepare(made)
    for symbol, bid in PRICES.items():
        made.quote(symbol, bid, str(Decimal(bid) * Decimal("1.0001")), qty="1000000")
    return made


def pull(scene: Scene, level: KillLevel = KillLevel.FLATTEN) -> Left:
    """Pull the kill switch."""
    return kill(level, actor=OPERATOR, desk=scene.desk, reason="enough")


def before(scene: Scene, step: Callable[..., Any], level: KillLevel) -> Callable[..., Any]:
    """Pull the switch right before a step of the turn, which then goes on as if nothing had happened."""

    def killed_first(*arguments: Any, **options: Any) -> Any:
        scene.clock.advance(2)  # nobody waits for the answer: this very call would bring it
        pull(scene, level)
        scene.clock.advance(-1)  # and yet within the receive window: the venue's clock is behind
        return step(*arguments, **options)

    return killed_first


def test_everything_is_sold_from_several_threads_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene, *PRICES)
    turn(scene, *PRICES)
    one_at_a_time, execute = threading.Lock(), scene.venue._execute

    def execute_alone(method: str, params: dict[str, str]) -> Any:
        with one_at_a_time:
            return execute(method, params)

    monkeypatch.setattr(scene.venue, "_execute", execute_alone)
    with ThreadPoolExecutor(8) as senders:
        left = kill(KillLevel.FLATTEN, actor=OPERATOR, desk=replace(scene.desk, senders=senders))

    assert (left.trading_state, left.open_trades, left.unknown_orders) == ("HALTED", 0, 0)
    assert Trade.objects.filter(state="CLOSED", exit_reason="FLATTEN").count() == len(PRICES)
    assert_ledger_agrees(scene)


def test_the_report_names_the_dust_that_the_venue_has(scene: Scene) -> None:
    a_worker(scene, *PRICES)
    turn(scene, *PRICES)

    left = pull(scene)

    dust = {each.asset: Decimal(each.qty) for each in left.left}
    held = {
        asset: total
        for asset, total in scene.venue_totals().items()
        if total and asset not in ("USDT", "BNB")
    }
    assert {asset: qty for asset, qty in dust.items() if asset != "BNB"} == held
    assert all(line.endswith("dust of closed trades") for line in left.lines)


def test_an_entry_that_was_decided_and_not_recorded_is_denied(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene)
    monkeypatch.setattr(cycle, "record_entries", before(scene, record_entries, KillLevel.CANCEL))

    denied = turn(scene).decisions

    assert [decision.code for decision in denied] == ["TRADING_HALTED"]
    assert scene.venue.sent == []
    assert not Order.objects.exists()


def test_an_entry_that_leaves_a_senders_queue_after_the_flatten_is_sold(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene)
    monkeypatch.setattr(cycle, "send", before(scene, send, KillLevel.FLATTEN))

    turn(scene)
    scene.pump()
    bought = Trade.objects.get()
    assert (bought.state, bought.exit_reason, bought.is_protected) == ("OPEN", "FLATTEN", True)
    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "FLATTEN")
    assert_ledger_agrees(scene)


def test_an_entry_whose_answer_was_lost_is_asked_for_and_sold_at_once(scene: Scene) -> None:
    a_worker(scene)
    scene.venue.lose_replies = 1
    turn(scene)
    scene.clock.advance(2)

    left = pull(scene)

    assert (left.open_trades, Trade.objects.get().state) == (0, "CLOSED")
    assert_ledger_agrees(scene)


def test_an_entry_that_never_arrived_is_named_until_that_is_certain(scene: Scene) -> None:
    a_worker(scene)
    scene.venue.lose_requests = 1
    turn(scene)
    scene.clock.advance(2)

    assert pull(scene).lines == [
        "BTCUSDT: nothing held, nobody knows yet whether its entry was executed; the venue is asked, "
        "and what it bought is sold"
    ]

    scene.clock.advance(30)
    upkeep.run(desk=scene.desk)
    assert pull(scene).lines == []


def test_cancel_leaves_the_exits_of_an_entry_that_was_filled_unheard(scene: Scene) -> None:
    a_worker(scene)
    scene.venue.lose_replies = 1
    turn(scene)
    scene.clock.advance(2)

    left = pull(scene, KillLevel.CANCEL)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected, trade.unprotected_s) == ("OPEN", True, 0.0)
    assert (left.working_entries, left.protected_trades) == (0, 1)
    assert left.lines[0].endswith("protected, leaves by its own exits")


def test_everything_is_sold_also_where_prices_cannot_be_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT", "ETHUSDT")

    def away(symbols: object) -> None:
        raise redis.ConnectionError("no Redis")

    monkeypatch.setattr(scene.market, "quotes", away)

    assert pull(scene).open_trades == 0
    assert_ledger_agrees(scene)


def test_a_halted_symbol_is_named_keeps_its_exits_and_is_sold_when_it_trades_again(scene: Scene) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT", "ETHUSDT")
    scene.pump()
    InstrumentRow.objects.filter(symbol="BTCUSDT").update(status="BREAK")

    left = pull(scene)

    assert left.symbols == ["BTCUSDT"]
    assert left.lines[0].endswith(
        "held, protected, the venue does not trade it now (BREAK); sold when it trades again"
    )
    InstrumentRow.objects.filter(symbol="BTCUSDT").update(status="TRADING")
    upkeep.run(desk=scene.desk)
    assert Trade.objects.get(symbol="BTCUSDT").exit_reason == "FLATTEN"
    assert not Trade.objects.exclude(state="CLOSED").exists()
    assert_ledger_agrees(scene)


def test_a_refused_sale_is_named_with_the_venues_words(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.venue.refuse = ["Market is closed."] * 4

    left = pull(scene)

    assert left.open_trades == 1
    assert "the sale was not taken (" in left.lines[0]
    assert "Market is closed." in left.lines[0]


def test_a_lower_level_never_loosens_what_a_higher_one_stopped(scene: Scene) -> None:
    pull(scene, KillLevel.CANCEL)

    assert pull(scene, KillLevel.ENTRIES).trading_state == "HALTED"
    set_trading_state(TradingState.ACTIVE, actor=OPERATOR, now=scene.clock())
    assert pull(scene, KillLevel.ENTRIES).trading_state == "REDUCING"


@pytest.mark.parametrize("is_first", [False, True], ids=["later", "in the first turn of all"])
def test_the_moment_of_a_kill_is_not_before_the_turn_that_it_waits_for(
    scene: Scene, *, is_first: bool
) -> None:
    TradingControl.objects.all().delete()
    if not is_first:
        set_trading_state(TradingState.ACTIVE, actor=OPERATOR, now=scene.clock())

    def pull_apart() -> datetime:
        try:
            return stop(KillLevel.CANCEL, actor=OPERATOR, clock=scene.clock)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        with transaction.atomic():
            lock_account(now=scene.clock())
            pulled = hand.submit(pull_apart)
            pulled_while_locked = wait([pulled], timeout=0.3).done
            scene.clock.advance(1.0)
        at = pulled.result(10)

    assert not pulled_while_locked
    assert at == scene.clock() == TradingControl.objects.get().changed_at


def test_every_pull_is_journalled_with_what_it_left(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)

    pull(scene, KillLevel.CANCEL)
    pull(scene, KillLevel.CANCEL)

    pulls = JournalEntry.objects.filter(action="account.kill")
    assert [(entry.actor, entry.after["level"], entry.reason) for entry in pulls] == [
        (OPERATOR, "cancel", "enough")
    ] * 2
    rest = JournalEntry.objects.filter(action="account.left").latest("id")
    assert rest.after["symbols"] == ["BTCUSDT"]
    assert TradingControl.objects.get().reason == "enough"


def test_flattening_a_worker_leaves_the_others_alone(scene: Scene) -> None:
    first = a_worker(scene, "BTCUSDT", name="first")
    a_worker(scene, "ETHUSDT", name="second")
    turn(scene, "BTCUSDT", "ETHUSDT")

    assert workers.flatten_worker(first.pk, actor=OPERATOR, desk=scene.desk) == 0

    assert {trade.symbol: trade.state for trade in Trade.objects.all()} == {
        "BTCUSDT": "CLOSED",
        "ETHUSDT": "OPEN",
    }
