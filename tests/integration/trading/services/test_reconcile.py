"""Reconcile: lost replies, lost events, lost fills, foreign hands; asked for, booked once, never hidden."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.models import Balance, FillRow, JournalEntry, Order, Trade
from trading.services import reconcile, upkeep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk with a quote of BTC and a worker on it."""
    made = a_scene()
    prepare(made)
    made.quote("BTCUSDT", "100.00", "100.01")
    a_worker(made)
    return made


def _run(scene: Scene) -> reconcile.ReconcileReport:
    return reconcile.run(desk=scene.desk, reason="test")


def test_a_lost_reply_is_found_with_its_fills_and_nothing_is_sent_again(scene: Scene) -> None:
    scene.venue.lose_replies = 1
    turn(scene)
    assert {order.status for order in Order.objects.all()} == {"SUBMITTED"}

    report = _run(scene)

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert len(scene.venue.sent) == 1
    assert report.is_clean
    assert_ledger_agrees(scene)


def test_a_lost_request_stays_unknown_until_it_cannot_arrive_any_more(scene: Scene) -> None:
    scene.venue.lose_requests = 1
    turn(scene)

    early = _run(scene)
    scene.clock.advance(14)
    late = _run(scene)

    assert early.unknown_orders == 3
    assert late.unknown_orders == 0
    assert {order.reason for order in Order.objects.all()} == {"NOT_FOUND"}
    assert Trade.objects.get().state == "ABORTED"


def test_an_order_given_up_too_early_lives_again_when_the_venue_reports_it(scene: Scene) -> None:
    scene.venue.lose_replies = 1
    turn(scene)
    Order.objects.update(status="EXPIRED", reason="NOT_FOUND", closed_at=scene.clock())
    Trade.objects.update(state="ABORTED")

    scene.pump()

    trade = Trade.objects.get()
    assert (trade.state, trade.is_protected) == ("OPEN", True)
    assert_ledger_agrees(scene)


def test_an_entry_given_up_and_bought_beside_its_successor_is_sold_at_once(scene: Scene) -> None:
    scene.venue.lose_replies = 1
    turn(scene)
    Order.objects.update(status="EXPIRED", reason="NOT_FOUND", closed_at=scene.clock())
    Trade.objects.update(state="ABORTED", closed_at=scene.clock())
    late = Trade.objects.get()
    scene.clock.advance(60)
    scene.quote("BTCUSDT", "100.00", "100.01")
    turn(scene)

    scene.pump()
    upkeep.run(desk=scene.desk)
    scene.pump()
    _run(scene)

    late.refresh_from_db()
    successor = Trade.objects.exclude(pk=late.pk).get()
    assert (late.state, late.exit_reason, late.realised_pnl is not None) == ("CLOSED", "LATE", True)
    assert (successor.state, successor.is_protected) == ("OPEN", True)
    assert_ledger_agrees(scene)


def test_fills_that_the_stream_never_brought_are_fetched(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    scene.quote("BTCUSDT", "101.00", "101.01")
    scene.engine.drain_events()

    report = _run(scene)

    assert report.fills_added == 1
    assert Trade.objects.get().state == "CLOSED"
    assert_ledger_agrees(scene)


def test_events_twice_and_in_reverse_order_book_the_same_ledger(scene: Scene) -> None:
    turn(scene)
    scene.quote("BTCUSDT", "101.00", "101.01")
    events = scene.engine.drain_events()

    for event in [*reversed(events), *events]:
        _feed(scene, event)

    trade = Trade.objects.get()
    assert (trade.state, trade.exit_reason, FillRow.objects.count()) == ("CLOSED", "TAKE_PROFIT", 2)
    assert_ledger_agrees(scene)


def _feed(scene: Scene, event: dict[str, Any]) -> None:
    scene.engine.drain_events = lambda: [event]  # type: ignore[method-assign]  # one event at a time
    scene.pump()


def test_money_that_others_moved_is_reported_with_its_figures(scene: Scene) -> None:
    scene.engine.adjust_balance("USDT", Decimal("-250"))

    report = _run(scene)

    assert [each.to_json() for each in report.differences] == [
        {"asset": "USDT", "ledger": "10000", "venue": "9750", "difference": "-250"}
    ]
    assert Balance.objects.get(asset="USDT").ledger == 10_000
    assert JournalEntry.objects.filter(action="ledger.reconciled").exists()


def test_foreign_orders_are_counted_and_left_alone(scene: Scene) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    scene.engine.execute("order.place", {**order, "quantity": "1", "price": "95.00"})

    report = _run(scene)

    assert report.foreign_orders == 1
    assert len(scene.venue.list_open_orders()) == 1
    assert not Order.objects.exists()


def test_a_clean_round_changes_nothing_and_leaves_no_journal_row(scene: Scene) -> None:
    turn(scene)
    scene.pump()
    before = JournalEntry.objects.count()

    report = _run(scene)

    assert report.is_clean
    assert (report.resolved, report.fills_added) == (0, 0)
    assert JournalEntry.objects.count() == before


def test_an_asset_that_the_venue_no_longer_names_counts_as_zero(scene: Scene) -> None:
    scene.engine.adjust_balance("BNB", Decimal("-1"))

    report = _run(scene)

    assert [(each.asset, each.venue) for each in report.differences] == [("BNB", Decimal(0))]


def test_a_fill_on_its_way_while_balances_are_asked_for_is_no_reason_to_ask_for_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(scene)
    scene.pump()
    true, true_fills, asked = scene.venue.balances, scene.venue.list_fills, list[str]()

    def balances_after_a_fill() -> Any:
        asked.append("balances")
        if len(asked) == 1:
            scene.quote("BTCUSDT", "101.00", "101.01")
        return true()

    def fills_of_a_symbol(symbol: str, *, since: datetime) -> Any:
        asked.append(symbol)
        return true_fills(symbol, since=since)

    monkeypatch.setattr(scene.venue, "balances", balances_after_a_fill)
    monkeypatch.setattr(scene.venue, "list_fills", fills_of_a_symbol)

    report = _run(scene)
    scene.pump()

    assert (report.is_clean, asked) == (True, ["balances", "balances"])
    assert Trade.objects.get().state == "CLOSED"
    assert_ledger_agrees(scene)
