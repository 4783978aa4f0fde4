"""Leaving: by target, by stop, by time, by hand; and the watchdog behind all of them."""

from datetime import datetime
from decimal import Decimal

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import OPERATOR, a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.trades import ExitReason
from trading.models import InstrumentRow, Order, Trade
from trading.selectors.trades import list_triggers, list_unprotected
from trading.services import exits, upkeep, workers
from trading.services.control import KillLevel, kill
from trading.services.exits import exit_trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk with a quote of BTC."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    return made


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [("101.00", "101.01", "TAKE_PROFIT"), ("98.00", "98.01", "STOP_LOSS")],
)
def test_the_venue_leaves_the_trade_by_itself(scene: Scene, bid: str, ask: str, reason: str) -> None:
    a_worker(scene)
    turn(scene)

    scene.quote("BTCUSDT", bid, ask)
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", reason)
    cost_of_dust = trade.entry_notional * trade.dust_qty / (trade.dust_qty + Decimal("0.9978"))
    gained = scene.venue_totals()["USDT"] - 10_000 + cost_of_dust
    assert trade.realised_pnl == pytest.approx(gained, abs=Decimal("1e-7"))
    assert_ledger_agrees(scene)


def test_a_trailing_stop_follows_the_price_up(scene: Scene) -> None:
    a_worker(scene, trailing_bps=50, take_profit_bps=500)
    turn(scene)

    for bid in ("101.00", "102.00", "101.00"):
        scene.quote("BTCUSDT", bid, str(Decimal(bid) + Decimal("0.01")))
    scene.pump()

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "TRAILING")
    assert trade.avg_exit_price > trade.avg_entry_price


def test_a_trade_that_is_held_too_long_is_sold(scene: Scene) -> None:
    a_worker(scene, max_hold_s=60)
    turn(scene)
    scene.clock.advance(61)
    scene.quote("BTCUSDT", "100.00", "100.01")

    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "MAX_HOLD")
    assert_ledger_agrees(scene)


def test_a_stop_that_won_the_race_against_our_exit_is_not_sold_twice(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.quote("BTCUSDT", "98.00", "98.01")

    exit_trade(Trade.objects.get().pk, ExitReason.MANUAL, desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "STOP_LOSS")
    assert not Order.objects.filter(role="EXIT").exists()
    assert_ledger_agrees(scene)


def test_an_exit_of_unknown_outcome_is_asked_for_and_never_sent_again(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.venue.lose_replies = 1

    first = exit_trade(Trade.objects.get().pk, ExitReason.MANUAL, desk=scene.desk)
    second = exit_trade(Trade.objects.get().pk, ExitReason.MANUAL, desk=scene.desk)

    assert (first, second) == (False, True)
    assert Order.objects.filter(role="EXIT").count() == 1
    assert_ledger_agrees(scene)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "LTCUSDT"], ids=["one request", "two requests"])
def test_two_processes_that_leave_the_same_trade_at_once_sell_it_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, symbol: str
) -> None:
    scene.quote(symbol, "100.00", "100.01")
    a_worker(scene, symbol)
    turn(scene, symbol)
    trade = Trade.objects.get()
    look_at_pauses = exits.pause_left

    def be_overtaken(of: Trade, orders: list[Order], *, now: datetime) -> bool:
        monkeypatch.setattr(exits, "pause_left", look_at_pauses)
        exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
        return look_at_pauses(of, orders, now=now)

    monkeypatch.setattr(exits, "pause_left", be_overtaken)
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    assert [order.status for order in Order.objects.filter(role="EXIT")] == ["FILLED"]
    assert_ledger_agrees(scene)


def test_a_sale_that_was_overtaken_before_the_orders_were_read_is_not_recorded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_worker(scene)
    turn(scene)
    trade = Trade.objects.get()
    look = exits.read_orders

    def be_overtaken(of: Trade) -> list[Order]:
        monkeypatch.setattr(exits, "read_orders", look)
        exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
        return look(of)

    monkeypatch.setattr(exits, "read_orders", be_overtaken)
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    assert [order.status for order in Order.objects.filter(role="EXIT")] == ["FILLED"]


def test_protection_that_is_refused_sells_the_position(scene: Scene) -> None:
    scene.quote("DOGEUSDT", "0.3000", "0.3001", qty="1000000")
    a_worker(scene, "DOGEUSDT")
    scene.venue.refuse_lists = "Account has insufficient balance for requested action."

    turn(scene, "DOGEUSDT")

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "UNPROTECTED")
    assert_ledger_agrees(scene)


def test_protection_lost_to_a_stranger_is_put_back_by_the_watchdog(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.clock.advance(3)
    scene.pump()
    assert Trade.objects.get().is_protected is False
    assert list_unprotected() == ["BTCUSDT"]

    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert trade.unprotected_s == pytest.approx(3.0)


def test_a_supervised_target_is_sold_when_its_price_is_reached(scene: Scene) -> None:
    scene.quote("LTCUSDT", "80.00", "80.01")
    a_worker(scene, "LTCUSDT")
    turn(scene, "LTCUSDT")
    assert list_triggers() == {"LTCUSDT": "|80.42000000"}

    scene.quote("LTCUSDT", "81.00", "81.01")
    upkeep.run_triggers(["LTCUSDT"], desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert_ledger_agrees(scene)


def test_a_draining_worker_stops_with_its_last_trade(scene: Scene) -> None:
    worker = a_worker(scene)
    turn(scene)
    workers.drain_worker(worker.pk, actor=OPERATOR, now=scene.clock())
    upkeep.run(desk=scene.desk)
    worker.refresh_from_db()
    assert worker.state == "DRAINING"

    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.pump()
    upkeep.run(desk=scene.desk)

    worker.refresh_from_db()
    assert worker.state == "STOPPED"


def test_flatten_sells_everything_and_tells_what_is_left(scene: Scene) -> None:
    scene.quote("ETHUSDT", "50.00", "50.01")
    a_worker(scene, "BTCUSDT", "ETHUSDT")
    turn(scene, "BTCUSDT", "ETHUSDT")

    left = kill(KillLevel.FLATTEN, actor=OPERATOR, desk=scene.desk)

    assert (left.trading_state, left.open_trades, left.unknown_orders) == ("HALTED", 0, 0)
    assert Trade.objects.filter(state="CLOSED", exit_reason="FLATTEN").count() == 2
    assert_ledger_agrees(scene)


def test_fees_in_bnb_are_valued_and_keep_the_ledger_exact() -> None:
    scene = a_scene(bnb_fees=True)
    prepare(scene)
    scene.quote("BNBUSDT", "500.00", "500.01")
    scene.quote("BTCUSDT", "100.00", "100.01")
    a_worker(scene)
    turn(scene)

    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.pump()

    trade = Trade.objects.get()
    assert trade.state == "CLOSED"
    assert trade.realised_pnl is not None
    assert_ledger_agrees(scene)


def test_a_halted_symbol_keeps_its_protection(scene: Scene) -> None:
    a_worker(scene, max_hold_s=60)
    turn(scene)
    scene.pump()
    scene.venue.catalogue.update("BTCUSDT", status="HALT")
    InstrumentRow.objects.filter(symbol="BTCUSDT").update(status="HALT")
    scene.clock.advance(61)

    upkeep.run(desk=scene.desk)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)


def test_a_refused_exit_is_tried_again_after_a_growing_pause(scene: Scene) -> None:
    a_worker(scene)
    turn(scene)
    scene.venue.refuse = ["This order type is not possible in this trading phase."] * 3
    trade_id = Trade.objects.get().pk

    for seconds in (0.0, 0.5, 0.6, 1.0, 1.1):
        scene.clock.advance(seconds)
        exit_trade(trade_id, ExitReason.MANUAL, desk=scene.desk)

    assert Order.objects.filter(role="EXIT", status="REJECTED").count() == 3
    scene.clock.advance(5)
    assert exit_trade(trade_id, ExitReason.MANUAL, desk=scene.desk)
    assert_ledger_agrees(scene)
