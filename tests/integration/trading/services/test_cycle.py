"""One turn: what it opens, what it refuses, and that deliveries do not add up."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, close_candles, prepare, turn
from trading.domain.risk import TradingState
from trading.models import Order, Trade
from trading.services import cycle, entries
from trading.services.control import set_trading_state
from trading.services.cycle import run_batch
from trading.services.entries import _read_books

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk with quotes of BTC and ETH."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    made.quote("ETHUSDT", "50.00", "50.01")
    return made


def test_an_entry_is_filled_and_protected_in_one_request(scene: Scene) -> None:
    a_worker(scene)

    turn(scene)
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected, trade.unprotected_s) == ("OPEN", True, 0.0)
    assert len(scene.venue.sent) == 1
    assert_ledger_agrees(scene)


@pytest.mark.parametrize("symbol", ["ADAUSDT", "DOGEUSDT", "LTCUSDT"])
def test_every_rung_of_the_ladder_ends_protected(scene: Scene, symbol: str) -> None:
    scene.quote(symbol, "0.3000", "0.3001", qty="1000000")
    a_worker(scene, symbol)

    turn(scene, symbol)
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert_ledger_agrees(scene)


def test_the_same_batch_delivered_twice_opens_one_trade(scene: Scene) -> None:
    a_worker(scene)
    batch = close_candles(scene)

    run_batch(batch, desk=scene.desk)
    run_batch(batch, desk=scene.desk)

    assert Trade.objects.count() == 1
    assert len(scene.venue.sent) == 1


def test_the_same_batch_opens_no_second_trade_after_the_first_was_closed(scene: Scene) -> None:
    a_worker(scene)
    batch = close_candles(scene)
    run_batch(batch, desk=scene.desk)
    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.pump()

    second = run_batch(batch, desk=scene.desk)

    assert Trade.objects.get().state == "CLOSED"
    assert [decision.code for decision in second.decisions] == ["SYMBOL_BUSY"]


def test_two_workers_that_want_one_symbol_get_one_trade_and_take_turns(scene: Scene) -> None:
    a_worker(scene, name="older")
    a_worker(scene, name="younger")

    for _ in range(4):
        result = turn(scene)
        assert sorted(decision.code for decision in result.decisions) == ["ENTRY", "SYMBOL_BUSY"]
        Trade.objects.update(state="CLOSED")
        scene.clock.advance(60)
        scene.quote("BTCUSDT", "100.00", "100.01")

    assert {trade.worker.name for trade in Trade.objects.all()} == {"older", "younger"}


def test_a_symbol_that_was_taken_behind_our_back_is_busy_at_the_second_look(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene)
    turn(scene)
    scene.clock.advance(60)
    scene.quote("BTCUSDT", "100.00", "100.01")
    monkeypatch.setattr(cycle, "busy_symbols", set)
    looks = []

    def look(*args: Any, **kwargs: Any) -> Any:
        books = _read_books(*args, **kwargs)
        looks.append(set(books.busy))
        if len(looks) == 1:
            books.busy.clear()  # the other trade came alive just after
        return books

    monkeypatch.setattr(entries, "_read_books", look)
    result = turn(scene)

    assert [decision.code for decision in result.decisions] == ["SYMBOL_BUSY"]
    assert looks == [{"BTCUSDT"}, {"BTCUSDT"}]
    assert len(scene.venue.sent) == 1


def test_a_worker_never_binds_more_than_its_budget(scene: Scene) -> None:
    a_worker(scene, "BTCUSDT", "ETHUSDT", budget=Decimal(150))

    result = turn(scene, "BTCUSDT", "ETHUSDT")

    assert Trade.objects.count() == 1
    assert "WORKER_BUDGET_SPENT" in [decision.code for decision in result.decisions]


def test_a_late_batch_never_trades(scene: Scene) -> None:
    a_worker(scene)
    batch = close_candles(scene)
    scene.clock.advance(6)

    result = run_batch(batch, desk=scene.desk)

    assert [decision.code for decision in result.decisions] == ["CANDLE_STALE"]
    assert not Trade.objects.exists()


def test_a_stale_quote_never_trades(scene: Scene) -> None:
    a_worker(scene)
    scene.clock.advance(2.5)

    result = turn(scene)

    assert [decision.code for decision in result.decisions] == ["QUOTE_STALE"]
    assert scene.venue.sent == []


def test_a_halted_account_opens_nothing(scene: Scene) -> None:
    a_worker(scene)
    set_trading_state(TradingState.HALTED, actor="operator", now=scene.clock())

    result = turn(scene)

    assert [decision.code for decision in result.decisions] == ["TRADING_HALTED"]


def test_nothing_is_opened_while_the_user_stream_is_down() -> None:
    scene = a_scene(user_stream_is_up=False)
    prepare(scene)
    scene.quote("BTCUSDT", "100.00", "100.01")
    a_worker(scene)

    result = turn(scene)

    assert [decision.code for decision in result.decisions] == ["USER_STREAM_DOWN"]


def test_an_entry_that_finds_no_seller_is_aborted_and_the_symbol_is_free_again(scene: Scene) -> None:
    a_worker(scene)
    scene.engine.set_book("BTCUSDT", bids=[(Decimal(100), Decimal(1))], asks=[(Decimal(200), Decimal(1))])

    turn(scene)
    scene.pump()

    assert Trade.objects.get().state == "ABORTED"
    assert {order.status for order in Order.objects.all()} <= {"EXPIRED", "CANCELED"}


def test_a_refused_entry_keeps_the_venues_words(scene: Scene) -> None:
    a_worker(scene)
    scene.venue.refuse = ["Account has insufficient balance for requested action."]

    turn(scene)

    assert Trade.objects.get().state == "ABORTED"
    assert {order.status for order in Order.objects.all()} == {"REJECTED"}
    assert "insufficient balance" in Order.objects.earliest("id").reason


def test_an_intent_that_was_never_sent_is_not_sent_later(scene: Scene) -> None:
    a_worker(scene)
    scene.venue.unavailable = 1

    turn(scene)

    assert Trade.objects.get().state == "ABORTED"
    assert {order.reason for order in Order.objects.all()} == {"NOT_SENT"}


def test_a_trade_keeps_the_version_it_was_opened_with(scene: Scene) -> None:
    worker = a_worker(scene, max_hold_s=600)

    turn(scene)

    trade = Trade.objects.get()
    assert trade.version == worker.version
    assert trade.opened_at is not None
    assert trade.expires_at == trade.opened_at + timedelta(seconds=600)
