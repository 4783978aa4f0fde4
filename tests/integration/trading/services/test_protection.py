"""Protection: sold in one request, kept while a sale is refused, put back, and never silently gone."""

from decimal import Decimal
from unittest.mock import Mock

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.executions import Replacement
from trading.domain.trades import ExitReason
from trading.models import Order, Trade
from trading.services import instruments, upkeep
from trading.services.exits import exit_trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]

NOTIONAL = "Filter failure: NOTIONAL"


@pytest.fixture
def scene() -> Scene:
    """A desk with a quote of BTC."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    return made


def _held(scene: Scene, *, max_hold_s: int = 600) -> Trade:
    a_worker(scene, max_hold_s=max_hold_s)
    turn(scene)
    scene.pump()
    return Trade.objects.get()


def _rounds(scene: Scene, number: int, *, every_s: float = 2.0) -> None:
    for _ in range(number):
        scene.clock.advance(every_s)
        upkeep.run(desk=scene.desk)


def test_a_time_exit_takes_one_request_and_no_moment_without_protection(scene: Scene) -> None:
    trade = _held(scene, max_hold_s=60)
    sent = len(scene.venue.sent)
    scene.clock.advance(61)

    upkeep.run(desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason, trade.unprotected_s) == ("CLOSED", "MAX_HOLD", 0.0)
    assert len(scene.venue.sent) == sent + 1
    assert trade.exit_decision_price == Decimal("100.00")
    assert_ledger_agrees(scene)


def test_a_symbol_without_replacement_is_left_in_two_requests(scene: Scene) -> None:
    scene.venue.catalogue.update("BTCUSDT", cancel_replace_allowed=False)
    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())
    trade = _held(scene)

    assert exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    assert Trade.objects.get().state == "CLOSED"
    assert_ledger_agrees(scene)


def test_a_sale_that_a_filter_refuses_leaves_the_protection_alone(scene: Scene) -> None:
    trade = _held(scene)
    scene.venue.refuse = [NOTIONAL]

    assert not exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.is_protected) == ("CLOSING", True)
    _rounds(scene, 1)
    assert Trade.objects.get().state == "CLOSED"
    assert Trade.objects.get().unprotected_s == 0.0


def test_a_target_that_wins_the_race_against_the_replacement_is_booked_and_nothing_sold_twice(
    scene: Scene,
) -> None:
    trade = _held(scene)
    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.engine.drain_events()

    assert exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert Order.objects.get(role="EXIT").reason == "NOT_ATTEMPTED"
    assert_ledger_agrees(scene)


def test_a_replacement_of_which_only_the_cancel_was_done_is_sold_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = _held(scene)
    whole = scene.venue.cancel_list

    def half(symbol: str, *_: object, **__: object) -> Replacement:
        reports = whole(symbol, Order.objects.get(role="STOP").order_list.client_list_id)  # type: ignore[union-attr]  # it has one
        return Replacement(tuple(reports), None, "code -2010: Account has insufficient balance")

    monkeypatch.setattr(scene.venue, "replace_order", half)

    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    _rounds(scene, 1)

    assert Trade.objects.get().state == "CLOSED"
    assert list(Order.objects.filter(role="EXIT").values_list("status", flat=True)) == ["REJECTED", "FILLED"]
    assert_ledger_agrees(scene)


def test_where_market_sales_are_refused_a_limit_sale_is_tried(scene: Scene) -> None:
    trade = _held(scene)
    scene.venue.refuse = ["Market orders are not supported for this symbol."]

    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    _rounds(scene, 1)

    sale = Order.objects.filter(role="EXIT").latest("id")
    assert (sale.type, sale.time_in_force, sale.status) == ("LIMIT", "IOC", "FILLED")
    assert Trade.objects.get().state == "CLOSED"


def test_a_position_whose_sale_is_refused_again_and_again_gets_its_exits_back(scene: Scene) -> None:
    scene.quote("DOGEUSDT", "0.3000", "0.3001", qty="1000000")
    a_worker(scene, "DOGEUSDT")
    turn(scene, "DOGEUSDT")
    trade = Trade.objects.get()
    scene.engine.execute("openOrders.cancelAll", {"symbol": "DOGEUSDT"})
    scene.pump()
    scene.venue.refuse = ["This action is disabled on this account."] * 3
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    assert Trade.objects.get().is_protected is False
    scene.clock.advance(1.1)
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    scene.venue.refuse = []

    scene.clock.advance(0.1)
    upkeep.run(desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.is_protected) == ("CLOSING", True)
    _rounds(scene, 2)
    assert Trade.objects.get().state == "CLOSED"
    assert_ledger_agrees(scene)


def test_the_rest_of_a_target_that_filled_in_part_is_sold_at_once(scene: Scene) -> None:
    trade = _held(scene)
    target = Order.objects.get(role="TAKE_PROFIT")
    assert target.price is not None
    scene.engine.set_book(
        "BTCUSDT", bids=[(target.price, target.qty / 2), (Decimal("100.2"), Decimal(9))], asks=[]
    )
    scene.pump()
    trade.refresh_from_db()
    assert (trade.state, trade.is_protected) == ("OPEN", False)

    upkeep.run(desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert_ledger_agrees(scene)


def test_a_stop_limit_that_the_market_fell_through_is_sold_and_its_seconds_count(scene: Scene) -> None:
    types = frozenset({"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
    scene.venue.catalogue.update("BTCUSDT", order_types=types)
    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())
    trade = _held(scene)
    assert Order.objects.get(role="STOP").type == "STOP_LOSS_LIMIT"
    scene.quote("BTCUSDT", "90.00", "90.01")
    scene.pump()
    trade.refresh_from_db()
    assert trade.state == "OPEN"

    upkeep.run(desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "STOP_LOSS")
    assert_ledger_agrees(scene)


def test_a_position_below_the_smallest_order_keeps_its_protection(scene: Scene) -> None:
    trade = _held(scene)
    scene.venue.catalogue.update("BTCUSDT", min_notional=Decimal(500))
    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())

    assert not exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)

    trade.refresh_from_db()
    assert (trade.state, trade.is_protected) == ("CLOSING", True)


def test_what_no_order_may_carry_and_nothing_protects_is_booked_as_dust(scene: Scene) -> None:
    trade = _held(scene)
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    scene.venue.catalogue.update("BTCUSDT", min_notional=Decimal(500))

    _rounds(scene, 8)

    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "DUST")
    assert trade.dust_qty == trade.qty > 0
    assert_ledger_agrees(scene)


def test_a_halted_symbol_that_trades_again_is_sold_within_seconds_by_a_question_of_its_own(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = _held(scene)
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    scene.venue.catalogue.update("BTCUSDT", status="BREAK")
    instruments.refresh_instruments(venue=scene.venue, now=scene.clock())
    Trade.objects.filter(pk=trade.pk).update(state="CLOSING", exit_reason="MANUAL")
    volumes = Mock(wraps=scene.venue.quote_volumes)
    monkeypatch.setattr(scene.venue, "quote_volumes", volumes)
    _rounds(scene, 20)
    assert not Order.objects.filter(role="EXIT").exists()
    scene.venue.catalogue.update("BTCUSDT", status="TRADING")

    _rounds(scene, 3)

    assert Trade.objects.get().state == "CLOSED"
    assert not volumes.called
    assert_ledger_agrees(scene)


def test_refused_sales_of_a_bare_position_are_tried_again_every_few_seconds(scene: Scene) -> None:
    trade = _held(scene)
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    scene.quote("BTCUSDT", "90.00", "90.01")
    scene.venue.refuse = ["This action is disabled on this account."] * 100
    for _ in range(25):
        scene.clock.advance(1)
        scene.quote("BTCUSDT", "90.00", "90.01")
        upkeep.run(desk=scene.desk)
    scene.venue.refuse = []
    for _ in range(4):
        scene.clock.advance(1)
        scene.quote("BTCUSDT", "90.00", "90.01")
        upkeep.run(desk=scene.desk)

    trade.refresh_from_db()
    assert trade.state == "CLOSED"
    assert Order.objects.filter(status="REJECTED").count() <= 10
    assert_ledger_agrees(scene)


def test_protection_that_cannot_be_sent_is_tried_again_with_growing_pauses(scene: Scene) -> None:
    scene.quote("DOGEUSDT", "0.3000", "0.3001", qty="1000000")
    a_worker(scene, "DOGEUSDT")
    turn(scene, "DOGEUSDT")
    scene.engine.execute("openOrders.cancelAll", {"symbol": "DOGEUSDT"})
    scene.pump()
    scene.venue.unavailable = 4

    _rounds(scene, 20, every_s=0.5)

    trade = Trade.objects.get()
    assert trade.is_protected
    assert Order.objects.filter(role="STOP", reason="NOT_SENT").count() == 4
    assert 0 < trade.unprotected_s <= 10
