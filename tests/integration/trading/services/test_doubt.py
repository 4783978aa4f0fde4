"""What nobody tells: a sale in doubt leaves its position covered; a resting order that is gone is missed."""

from decimal import Decimal
from unittest.mock import Mock

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.ports import Venue, VenueUncertain
from trading.domain.trades import ExitReason
from trading.models import Order, Trade
from trading.services import cycle, protection, upkeep
from trading.services.exits import exit_trade
from trading.services.submit import Answer, Recorded, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk that holds BTC without protection."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    a_worker(made)
    turn(made)
    made.pump()
    return made


def _lose_the_sale(scene: Scene, *, is_executed: bool) -> Trade:
    """Take the protection away, then sell with an answer that nobody understands."""
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    if is_executed:
        scene.venue.lose_replies = 1
    else:
        scene.venue.lose_requests = 1
    trade = Trade.objects.get(symbol="BTCUSDT")
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    assert Order.objects.get(role="EXIT").status == "SUBMITTED"
    return trade


def _rounds(scene: Scene, seconds: float, *, bid: str = "100.00", ask: str = "100.01") -> None:
    for _ in range(round(seconds)):
        scene.clock.advance(1.0)
        scene.quote("BTCUSDT", bid, ask)
        upkeep.run(desk=scene.desk)


def test_a_position_whose_sale_never_arrived_is_covered_before_the_sale_is_given_up(scene: Scene) -> None:
    trade = _lose_the_sale(scene, is_executed=False)

    _rounds(scene, 4)

    trade.refresh_from_db()
    assert (trade.state, trade.is_protected) == ("CLOSING", True)
    assert Order.objects.get(role="EXIT").status == "SUBMITTED"
    assert trade.unprotected_s <= 4
    _rounds(scene, 30)
    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "MANUAL")
    assert_ledger_agrees(scene)


@pytest.mark.parametrize(("bid", "ask"), [("98.00", "98.01"), ("102.00", "102.01")], ids=["stop", "target"])
def test_a_position_in_doubt_beyond_its_prices_is_sold_before_the_sale_is_given_up(
    scene: Scene, bid: str, ask: str
) -> None:
    trade = _lose_the_sale(scene, is_executed=False)

    _rounds(scene, 4, bid=bid, ask=ask)

    trade.refresh_from_db()
    assert trade.state == "CLOSING"
    assert trade.unprotected_since is None
    sales = Order.objects.filter(role="EXIT").order_by("id")
    assert [order.status for order in sales] == ["SUBMITTED", "FILLED"]
    assert not Order.objects.filter(status="REJECTED").exists()
    _rounds(scene, 30, bid=bid, ask=ask)
    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "MANUAL")
    assert_ledger_agrees(scene)


def test_what_a_lost_sale_should_have_replaced_is_replaced_again_while_it_rests(scene: Scene) -> None:
    trade = Trade.objects.get()
    target = Order.objects.get(role="TAKE_PROFIT")
    assert target.price is not None
    bids = [(target.price, target.qty / 2), (Decimal("100.2"), Decimal(9))]
    scene.engine.set_book("BTCUSDT", bids=bids, asks=[])
    scene.pump()
    scene.venue.lose_requests = 1
    upkeep.run(desk=scene.desk)
    assert Order.objects.get(role="EXIT").status == "SUBMITTED"

    _rounds(scene, 4, bid="100.20", ask="100.21")

    sales = Order.objects.filter(role="EXIT").order_by("id")
    assert [order.status for order in sales] == ["SUBMITTED", "FILLED"]
    _rounds(scene, 20)
    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert_ledger_agrees(scene)


def test_positions_in_doubt_share_one_look_at_the_balances(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.quote("ETHUSDT", "50.00", "50.01")
    a_worker(scene, "ETHUSDT", name="second")
    turn(scene, "ETHUSDT")
    scene.engine.execute("openOrders.cancelAll", {"symbol": "ETHUSDT"})
    _lose_the_sale(scene, is_executed=False)
    scene.venue.lose_requests = 1
    exit_trade(Trade.objects.get(symbol="ETHUSDT").pk, ExitReason.MANUAL, desk=scene.desk)
    scene.clock.advance(3)
    balances = Mock(wraps=scene.venue.balances)
    monkeypatch.setattr(scene.venue, "balances", balances)

    upkeep.run(desk=scene.desk)

    assert [trade.is_protected for trade in Trade.objects.all()] == [True, True]
    assert balances.call_count == 1


def test_a_position_whose_sale_was_executed_is_not_covered_again(scene: Scene) -> None:
    _lose_the_sale(scene, is_executed=True)
    orders = Order.objects.count()

    _rounds(scene, 6)

    assert Trade.objects.get().state == "CLOSED"
    assert Order.objects.count() == orders
    assert_ledger_agrees(scene)


def test_nothing_is_placed_in_doubt_while_the_balance_does_not_add_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_the_sale(scene, is_executed=True)

    def in_vain(*_: object, **__: object) -> object:
        raise VenueUncertain("no answer")

    monkeypatch.setattr(scene.venue, "query_order", in_vain)
    orders = Order.objects.count()

    _rounds(scene, 12)

    assert Order.objects.count() == orders
    assert Trade.objects.get().is_protected is False


def test_a_protection_whose_sender_died_before_sending_is_replaced_within_seconds(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.pump()
    with monkeypatch.context() as dying:
        dying.setattr(protection, "submit", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            _rounds(scene, 1)

    _rounds(scene, 6)

    trade = Trade.objects.get()
    assert trade.is_protected
    assert trade.unprotected_s <= 7
    assert [order.status for order in Order.objects.filter(role="STOP").order_by("id")] == [
        "CANCELED", "EXPIRED", "ACCEPTED",
    ]  # fmt: skip
    assert_ledger_agrees(scene)


def test_an_order_cancelled_elsewhere_without_an_event_is_missed_within_seconds(scene: Scene) -> None:
    scene.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    scene.engine.drain_events()
    assert Trade.objects.get().is_protected is True

    _rounds(scene, 8)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert Order.objects.filter(role="STOP").count() == 2
    assert_ledger_agrees(scene)


def test_a_sender_that_was_suspended_sends_nothing_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.quote("ETHUSDT", "50.00", "50.01")
    a_worker(scene, "ETHUSDT", name="late")

    def send_late(recorded: Recorded, *, venue: Venue) -> Answer:
        scene.clock.advance(20)
        upkeep.run(desk=scene.desk)
        return send(recorded, venue=venue)

    monkeypatch.setattr(cycle, "send", send_late)

    turn(scene, "ETHUSDT")

    assert Trade.objects.get(symbol="ETHUSDT").state == "ABORTED"
    assert not [row for row in scene.engine.ledger()["orders"] if row["symbol"] == "ETHUSDT"]


def test_a_rest_that_no_order_may_carry_needs_no_protection(scene: Scene) -> None:
    stop = Order.objects.get(role="STOP")
    Order.objects.filter(pk=stop.pk).update(qty=stop.qty - Decimal("0.00002"))

    scene.engine.execute(
        "order.amend.keepPriority",
        {
            "symbol": "BTCUSDT",
            "orderId": str(stop.venue_order_id),
            "newQty": str(stop.qty - Decimal("0.00001")),
        },
    )
    scene.pump()

    assert Trade.objects.get().is_protected is True
