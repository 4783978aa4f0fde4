"""User-data events, fees, balances from outside, and the unfilled order count."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import START_MS, Desk


def shown(event: dict[str, Any]) -> tuple[str, ...]:
    """Give the type of an event, and of a report what was executed and the status after it."""
    return (event["x"], event["X"]) if event["e"] == "executionReport" else (event["e"],)


def test_a_market_order_reports_new_every_trade_the_expiry_and_then_balances_once() -> None:
    desk = Desk(BTC="20")
    desk.place("SELL", "MARKET", quantity="12")
    assert [shown(event) for event in desk.engine.drain_events()] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("EXPIRED", "EXPIRED"),
        ("outboundAccountPosition",),
    ]


def test_an_execution_report_carries_every_field_of_the_venue() -> None:
    desk = Desk()
    desk.place("BUY", "MARKET", quantity="1", newClientOrderId="mine", strategyId=7)
    trade = desk.events()[1]
    always = list("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQV")  # every field of the venue is one letter
    assert set(trade) == {*always, "W", "j"}
    assert (trade["c"], trade["l"], trade["L"], trade["Y"]) == (
        "mine",
        "1.00000000",
        "100.00000000",
        "100.00000000",
    )
    assert (trade["n"], trade["N"], trade["t"], trade["m"]) == ("0.00100000", "BTC", 1, False)
    assert trade["T"] == trade["O"] == trade["W"] == START_MS


def test_a_waiting_stop_is_not_working_until_it_triggers() -> None:
    desk = Desk()
    desk.place("SELL", "STOP_LOSS", quantity="1", stopPrice="95")
    new = desk.events()[0]
    assert (new["w"], "W" in new, new["P"]) == (False, False, "95.00000000")
    desk.trade("95")
    reports = desk.events()
    assert [shown(event) for event in reports] == [("NEW", "NEW"), ("TRADE", "FILLED")]
    assert reports[0]["w"] is True


def test_a_cancel_is_reported_under_its_own_id_with_the_original_beside_it() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99", newClientOrderId="mine")["orderId"]
    desk.call("order.cancel", orderId=order_id, newClientOrderId="gone")
    event = desk.events()[-1]
    assert (event["x"], event["c"], event["C"], event["w"]) == ("CANCELED", "gone", "mine", False)


def test_a_bracket_reports_its_whole_life_in_order() -> None:
    desk = Desk(USDT="10000")
    desk.bracket()
    assert [shown(event) for event in desk.engine.drain_events()] == [
        ("listStatus",),
        ("NEW", "NEW"),
        ("TRADE", "FILLED"),
        ("NEW", "PENDING_NEW"),
        ("NEW", "PENDING_NEW"),
        ("NEW", "NEW"),
        ("NEW", "NEW"),
        ("outboundAccountPosition",),
    ]


def test_execution_ids_grow_and_never_repeat() -> None:
    desk = Desk()
    desk.oco()
    desk.trade("94")
    ids = [event["I"] for event in desk.events()]
    assert ids == sorted(set(ids))


def test_a_position_event_names_touched_assets_only() -> None:
    desk = Desk(USDT="1000", BTC="1", ETH="5")
    desk.limit("BUY", "1", "99")
    event = desk.events("outboundAccountPosition")[0]
    assert event["B"] == [{"a": "USDT", "f": "901.00000000", "l": "99.00000000"}]


def test_a_deposit_and_a_foreign_lock_have_events_of_their_own() -> None:
    desk = Desk()
    desk.engine.adjust_balance("USDT", Decimal(-100))
    assert desk.events("balanceUpdate")[0]["d"] == "-100.00000000"
    desk.engine.lock_externally("BTC", Decimal(4))
    assert desk.events("externalLockUpdate")[0]["a"] == "BTC"
    assert desk.balance("BTC") == (Decimal(6), Decimal(4))
    assert desk.drift() == {}


def test_nobody_can_withdraw_what_is_not_free() -> None:
    desk = Desk(USDT="100")
    with pytest.raises(ValueError, match="USDT"):
        desk.engine.adjust_balance("USDT", Decimal(-101))
    assert desk.balance("USDT") == (Decimal(100), 0)


def test_bnb_pays_the_fee_at_a_discount_while_there_is_enough() -> None:
    desk = Desk(bnb_fees=True, USDT="10000", BNB="1")
    desk.book("499:5", "501:5", symbol="BNBUSDT")
    fill = desk.place("BUY", "MARKET", quantity="1")["fills"][0]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.00015000", "BNB")
    assert desk.balance("BTC") == (Decimal(1), 0)
    assert desk.drift() == {}


def test_fees_switch_to_the_received_asset_when_bnb_runs_out_between_two_fills() -> None:
    desk = Desk(bnb_fees=True, USDT="10000", BNB="0.0002")
    desk.book("499:5", "501:5", symbol="BNBUSDT")
    fills = desk.place("BUY", "MARKET", quantity="2")["fills"]
    assert [fill["commissionAsset"] for fill in fills] == ["BNB", "BTC"]
    assert desk.drift() == {}


def test_fees_may_change_during_the_day_and_be_zero_for_a_symbol() -> None:
    desk = Desk()
    desk.engine.set_fees(maker=Decimal(0), taker=Decimal(0), symbol="BTCUSDT")
    assert desk.place("BUY", "MARKET", quantity="1")["fills"][0]["commission"] == "0.00000000"
    assert desk.call("account.commission")["standardCommission"]["taker"] == "0.00000000"
    assert desk.call("account.commission", symbol="ETHUSDT")["standardCommission"]["taker"] == "0.00100000"


@pytest.mark.parametrize(("price", "change"), [("100", 0), ("99", 1)])
def test_an_accepted_order_counts_until_its_first_fill_as_taker(price: str, change: int) -> None:
    desk = Desk()
    desk.limit("BUY", "0.5", price)
    assert desk.engine.drain_order_counts() == change


def test_a_first_fill_as_maker_gives_back_five() -> None:
    desk = Desk()
    desk.limit("BUY", "2", "99")
    desk.engine.drain_order_counts()
    desk.trade("99", "1")
    desk.trade("98")
    assert desk.engine.drain_order_counts() == -5


def test_an_order_may_be_refused_after_it_was_accepted() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    desk.engine.reject_afterwards(order_id, reason="INSUFFICIENT_BALANCES")
    event = desk.events()[-1]
    assert (event["x"], event["X"], event["r"]) == ("REJECTED", "REJECTED", "INSUFFICIENT_BALANCES")
    assert desk.balance("USDT") == (Decimal(10000), 0)
