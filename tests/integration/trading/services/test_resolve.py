"""Unknown outcomes: heard, asked for with growing pauses, confirmed by every trace, and never sent again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.support.desk import EngineVenue, Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.executions import ExecutionReport
from trading.domain.market import Quote
from trading.domain.ports import OrderNotFound
from trading.models import Order, Trade
from trading.services import upkeep
from trading.services.resolve import list_doubtful

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@dataclass
class BlindVenue(EngineVenue):
    """The same account seen through a copy that lags: what is named in `blind` is not there yet."""

    blind: frozenset[str] = frozenset()
    asked: int = 0

    def query_order(
        self, symbol: str, client_order_id: str, *, venue_order_id: int | None = None
    ) -> ExecutionReport:
        """Ask for one order, in vain where `blind` says so."""
        self.asked += 1
        if "orders" in self.blind and venue_order_id is None:
            raise OrderNotFound("Order does not exist.")
        return super().query_order(symbol, client_order_id, venue_order_id=venue_order_id)

    def list_open_orders(self) -> Any:
        """Ask for the open orders."""
        return [] if "open orders" in self.blind else super().list_open_orders()

    def list_fills(self, symbol: str, *, since: datetime) -> Any:
        """Ask for the fills of a symbol."""
        return [] if "fills" in self.blind else super().list_fills(symbol, since=since)


@pytest.fixture
def scene() -> Scene:
    """A desk with a quote of BTC and a worker on it; its venue may be blind."""
    made = a_scene()
    blind = BlindVenue(made.engine, made.clock, made.venue.catalogue)
    made.venue = blind
    object.__setattr__(made.desk, "venue", blind)
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    a_worker(made, budget=Decimal(100))
    return made


def _see(scene: Scene, *blind: str) -> BlindVenue:
    assert isinstance(scene.venue, BlindVenue)
    scene.venue.blind = frozenset(blind)
    return scene.venue


def _wait(scene: Scene, seconds: float, *, every_s: float = 0.5) -> None:
    for _ in range(round(seconds / every_s)):
        scene.clock.advance(every_s)
        upkeep.run(desk=scene.desk)


def test_a_lost_reply_is_found_by_the_watchdog_and_nothing_is_sent_again(scene: Scene) -> None:
    scene.venue.lose_replies = 1
    turn(scene)

    _wait(scene, 1.0)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert len(scene.venue.sent) == 1
    assert_ledger_agrees(scene)


def test_the_stream_is_heard_before_the_venue_is_asked(scene: Scene) -> None:
    venue = _see(scene)
    venue.lose_replies = 1
    turn(scene)
    scene.clock.advance(0.4)
    upkeep.run(desk=scene.desk)
    assert venue.asked == 0

    scene.pump()

    assert Trade.objects.get().state == "OPEN"
    assert venue.asked == 0


def test_funds_stay_reserved_and_the_symbol_busy_while_an_entry_is_unknown(scene: Scene) -> None:
    a_worker(scene, "ETHUSDT", name="other", budget=Decimal(100))
    scene.quote("ETHUSDT", "50.00", "50.01")
    venue = _see(scene, "orders")
    venue.lose_requests = 1
    turn(scene)

    scene.clock.advance(5)
    scene.quote("BTCUSDT", "100.00", "100.01")
    decisions = turn(scene).decisions

    assert [each.code for each in decisions if each.symbol == "BTCUSDT"] == ["SYMBOL_BUSY"]
    assert Trade.objects.get().reserved_notional > 0


def test_an_unknown_order_is_asked_for_with_growing_pauses(scene: Scene) -> None:
    venue = _see(scene, "orders")
    venue.lose_requests = 1
    turn(scene)

    _wait(scene, 12.0)

    rounds = 24
    assert Order.objects.filter(status="SUBMITTED").count() == 3
    assert 3 * 3 <= venue.asked <= 3 * 7 < 3 * rounds


def test_what_never_arrived_is_given_up_after_the_horizon(scene: Scene) -> None:
    scene.venue.lose_requests = 1
    turn(scene)

    _wait(scene, 12.0)
    assert Trade.objects.get().state == "OPENING"
    _wait(scene, 16.0)

    assert Trade.objects.get().state == "ABORTED"
    assert {order.reason for order in Order.objects.all()} == {"NOT_FOUND"}
    assert len(scene.venue.sent) == 1


def test_an_order_that_queries_do_not_find_is_found_by_its_fills(scene: Scene) -> None:
    venue = _see(scene, "orders", "open orders")
    venue.lose_replies = 1
    turn(scene)

    _wait(scene, 20.0)

    trade = Trade.objects.get()
    assert (trade.state, trade.qty > 0) == ("OPEN", True)
    assert len(venue.sent) == 1


def test_an_order_that_queries_do_not_find_lives_while_its_list_is_open(scene: Scene) -> None:
    venue = _see(scene, "orders", "fills")
    venue.lose_replies = 1
    turn(scene)

    _wait(scene, 20.0)

    statuses = dict(Order.objects.values_list("role", "status"))
    assert statuses == {"ENTRY": "SUBMITTED", "TAKE_PROFIT": "ACCEPTED", "STOP": "ACCEPTED"}


def test_an_order_of_which_only_the_balance_tells_is_not_given_up(scene: Scene) -> None:
    venue = _see(scene, "orders", "open orders", "fills")
    venue.lose_replies = 1
    turn(scene)

    _wait(scene, 60.0)
    entry = Order.objects.get(role="ENTRY")
    assert (entry.status, Trade.objects.get().state) == ("SUBMITTED", "OPENING")

    _see(scene)
    _wait(scene, 32.0)
    assert Trade.objects.get().state == "OPEN"
    assert_ledger_agrees(scene)


def test_a_balance_that_others_moved_does_not_keep_an_order_unknown_for_ever(scene: Scene) -> None:
    scene.venue.lose_requests = 1
    turn(scene)
    scene.engine.adjust_balance("BTC", Decimal(5))
    scene.engine.drain_events()

    _wait(scene, 60.0)
    assert Order.objects.get(role="ENTRY").status == "SUBMITTED"
    _wait(scene, 40.0)

    entry = Order.objects.get(role="ENTRY")
    assert (entry.status, entry.reason, Trade.objects.get().state) == ("EXPIRED", "NOT_FOUND", "ABORTED")


def _without(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("X") != kind


def test_a_leg_whose_end_was_never_told_is_asked_for(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.pump(keep=_without("EXPIRED"))
    assert Trade.objects.get().state == "OPEN"

    _wait(scene, 1.0)

    assert (Trade.objects.get().state, Trade.objects.get().exit_reason) == ("CLOSED", "TAKE_PROFIT")
    assert_ledger_agrees(scene)


def test_legs_whose_entry_expired_untold_are_asked_for(scene: Scene) -> None:
    scene.engine.set_book("BTCUSDT", bids=[(Decimal(99), Decimal(9))], asks=[(Decimal(500), Decimal(9))])
    turn(scene)
    scene.engine.drain_events()

    _wait(scene, 1.0)

    assert Trade.objects.get().state == "ABORTED"
    assert not Order.objects.exclude(status="EXPIRED").exists()


def test_legs_whose_entry_expired_are_not_asked_for_where_the_stream_told_of_it(scene: Scene) -> None:
    venue = _see(scene)
    scene.engine.set_book("BTCUSDT", bids=[(Decimal(99), Decimal(9))], asks=[(Decimal(500), Decimal(9))])
    turn(scene)
    scene.pump()

    _wait(scene, 5.0)

    assert Trade.objects.get().state == "ABORTED"
    assert venue.asked == 0


def test_an_exit_that_the_price_has_passed_is_asked_for_when_no_event_tells_of_it(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    scene.quote("BTCUSDT", "98.00", "98.01")
    scene.engine.drain_events()

    upkeep.run(desk=scene.desk)

    assert (Trade.objects.get().state, Trade.objects.get().exit_reason) == ("CLOSED", "STOP_LOSS")
    assert_ledger_agrees(scene)


def _hover(scene: Scene, seconds: float, *, every_s: float = 1.0) -> None:
    """Let the bid stand below the stop while nobody trades there, which is what would trigger it."""
    bid, ask, qty = Decimal(98), Decimal("100.01"), Decimal(9)
    for _ in range(round(seconds / every_s)):
        scene.market.set_quote(Quote("BTCUSDT", bid, qty, ask, qty, scene.clock(), scene.clock()))
        upkeep.run(desk=scene.desk)
        scene.clock.advance(every_s)


def test_a_stop_that_only_the_bid_has_passed_is_asked_for_twice_then_as_often_as_all_that_rests(
    scene: Scene,
) -> None:
    turn(scene)
    scene.pump()
    venue = _see(scene)

    _hover(scene, 2.0)
    assert venue.asked == 1
    _hover(scene, 1.0)
    assert venue.asked == 2
    _hover(scene, 25.0)

    assert venue.asked == 6
    assert not Order.objects.filter(side="SELL").exclude(status="ACCEPTED").exists()


def test_a_price_that_comes_back_to_an_exit_is_asked_about_at_once(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    venue = _see(scene)
    _hover(scene, 3.0)
    scene.clock.advance(20)

    _hover(scene, 3.0)

    assert venue.asked == 4


def test_an_exit_that_fills_untold_while_the_price_hovers_is_found_within_the_age_of_what_rests(
    scene: Scene,
) -> None:
    turn(scene)
    scene.pump()
    _hover(scene, 3.0)
    scene.quote("BTCUSDT", "98.00", "98.01")
    scene.engine.drain_events()

    _hover(scene, 7.0)

    assert (Trade.objects.get().state, Trade.objects.get().exit_reason) == ("CLOSED", "STOP_LOSS")
    assert_ledger_agrees(scene)


def test_exits_that_the_price_has_passed_and_the_stream_told_of_are_not_asked_for(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    scene.quote("BTCUSDT", "98.00", "98.01")
    scene.pump()
    venue = _see(scene)

    _hover(scene, 10.0)

    assert Trade.objects.get().state == "CLOSED"
    assert venue.asked == 0


def test_a_target_that_filled_in_part_untold_does_not_answer_for_its_stop(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    target = Order.objects.get(role="TAKE_PROFIT")
    assert target.price is not None
    part = [(target.price, target.qty / 2)]
    scene.engine.set_book("BTCUSDT", bids=part, asks=[(target.price + 1, Decimal(9))])
    scene.engine.drain_events()
    at = scene.clock()
    scene.market.set_quote(Quote("BTCUSDT", target.price, Decimal(9), target.price + 1, Decimal(9), at, at))

    upkeep.run(desk=scene.desk)

    assert Order.objects.get(role="STOP").status == "EXPIRED"
    assert Order.objects.get(role="TAKE_PROFIT").filled_qty == target.qty / 2


def test_the_question_of_every_second_reads_no_order_that_ended_long_ago(now: datetime) -> None:
    with CaptureQueriesContext(connection) as asked:
        list_doubtful(now=now)

    assert len(asked) > 0
    for question in asked.captured_queries:
        plan = plan_of(question["sql"])
        assert "SCAN trading_order" not in plan, plan
        assert "Seq Scan on trading_order" not in plan, plan


def plan_of(question: str) -> str:
    """Give how the database would go about it where reading all rows is the last resort."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {question}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {question}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
