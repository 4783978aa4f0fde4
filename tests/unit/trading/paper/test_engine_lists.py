"""Order lists: OCO, OTO, OTOCO, OPO, OPOCO, and what the fate of one leg does to the others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import Desk
from trading.paper.errors import VenueError


def test_an_oco_locks_its_quantity_once() -> None:
    desk = Desk()
    answer = desk.oco()
    assert answer["contingencyType"] == "OCO"
    assert desk.statuses(answer) == ["NEW", "NEW"]
    assert desk.balance("BTC") == (Decimal(9), Decimal(1))
    assert desk.engine.ledger()["protected"] == {"BTCUSDT": "1.00000000"}


def test_the_stop_leg_is_listed_first_whatever_its_side() -> None:
    desk = Desk()
    buy = {"aboveType": "STOP_LOSS", "aboveStopPrice": "105", "belowType": "LIMIT_MAKER", "belowPrice": "95"}
    buy_answer = desk.call("orderList.place.oco", side="BUY", quantity="1", **buy)
    for answer in (desk.oco(), buy_answer):
        assert desk.order(answer["orders"][0]["orderId"])["type"] == "STOP_LOSS"


def test_a_fill_of_the_limit_leg_expires_the_stop_leg() -> None:
    desk = Desk()
    answer = desk.oco()
    desk.book("110:0.4", "111:5")
    assert desk.statuses(answer) == ["EXPIRED", "PARTIALLY_FILLED"]
    desk.trade("110.5")
    assert desk.statuses(answer) == ["EXPIRED", "FILLED"]
    assert desk.order(answer["orders"][0]["orderId"])["expiryReason"] == "OCO_TRIGGER"
    assert desk.events("listStatus")[-1]["L"] == "ALL_DONE"
    assert desk.drift() == {}


def test_the_trigger_of_the_stop_leg_expires_the_limit_leg() -> None:
    desk = Desk()
    answer = desk.oco()
    desk.trade("94.9")
    assert desk.statuses(answer) == ["FILLED", "EXPIRED"]
    assert desk.balance("BTC") == (Decimal(9), 0)


def test_a_buy_oco_locks_for_its_dearer_leg() -> None:
    desk = Desk()
    terms = {"aboveType": "STOP_LOSS_LIMIT", "aboveStopPrice": "105", "abovePrice": "106"}
    terms |= {"aboveTimeInForce": "GTC", "belowType": "LIMIT_MAKER", "belowPrice": "95"}
    desk.call("orderList.place.oco", side="BUY", quantity="1", **terms)
    assert desk.balance("USDT")[1] == Decimal(106)
    desk.trade("94")
    assert desk.balance("USDT") == (Decimal(9905), 0)


def test_a_stop_leg_that_is_refused_at_its_trigger_expires_as_rejected() -> None:
    desk = Desk()
    answer = desk.oco()
    desk.rules(min_qty=Decimal(2))
    desk.trade("94.9")
    stop = desk.order(answer["orders"][0]["orderId"])
    assert (stop["status"], stop["expiryReason"]) == ("EXPIRED", "REJECTED")
    assert desk.balance("BTC") == (Decimal(10), 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aboveType": "LIMIT"}, -1158),
        ({"belowType": "LIMIT_MAKER", "belowPrice": "90"}, -1168),
        ({"side": "BUY", "belowType": "LIMIT_MAKER", "belowPrice": "90"}, -1168),
        ({"aboveType": "STOP_LOSS", "aboveStopPrice": "110"}, -1197),
        ({"belowType": "TAKE_PROFIT"}, -1199),
        ({"side": "BUY", "aboveType": "LIMIT_MAKER"}, -1196),
        ({"abovePrice": "98"}, -2010),
        ({"belowStopPrice": "104"}, -2010),
        ({"quantity": "11"}, -2010),
    ],
)
def test_an_oco_that_cannot_be_is_refused(changes: dict[str, str], code: int) -> None:
    terms = {"side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110"}
    terms |= {"belowType": "STOP_LOSS", "belowStopPrice": "95"} | changes
    if terms["belowType"] == "LIMIT_MAKER":
        del terms["belowStopPrice"]
    if terms["aboveType"] == "STOP_LOSS":
        del terms["abovePrice"]
    if terms["aboveType"] == "LIMIT":
        terms["aboveTimeInForce"] = "GTC"
    assert Desk().refusal("orderList.place.oco", **terms)[0] == code


def test_an_opoco_sizes_its_legs_from_what_was_received_net_of_the_fee() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket(workingQuantity="0.33333")
    assert desk.statuses(answer) == ["FILLED", "NEW", "NEW"]
    legs = [desk.order(entry["orderId"]) for entry in answer["orders"][1:]]
    assert [leg["origQty"] for leg in legs] == ["0.33299000", "0.33299000"]
    free, locked = desk.balance("BTC")
    assert (free, locked) == (Decimal("0.33333") * Decimal("0.999") - Decimal("0.33299"), Decimal("0.33299"))


def test_a_working_order_that_fills_at_once_is_answered_with_its_legs_still_pending() -> None:
    answer = Desk(USDT="10000").bracket(newOrderRespType="RESULT")
    assert [r["status"] for r in answer["orderReports"]] == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert "origQty" not in answer["orderReports"][1]
    assert answer["listOrderStatus"] == "EXECUTING"


def test_pending_legs_wait_until_the_working_order_is_full() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket(workingQuantity="2")
    assert desk.statuses(answer) == ["PARTIALLY_FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert desk.balance("BTC") == (0, Decimal("0.999"))
    assert desk.engine.ledger()["protected"] == {}
    desk.trade("99.5")
    assert desk.statuses(answer) == ["FILLED", "NEW", "NEW"]
    assert desk.engine.ledger()["protected"] == {"BTCUSDT": "1.99800000"}


def test_a_cancel_of_a_part_filled_working_order_leaves_what_was_bought_unprotected() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket(workingQuantity="2")
    cancel = desk.call("order.cancel", orderId=answer["orders"][0]["orderId"])
    assert cancel["orderReports"][0]["executedQty"] == "1.00000000"
    assert desk.statuses(answer) == ["CANCELED"] * 3
    assert desk.balance("BTC") == (Decimal("0.999"), 0)


def test_a_fok_working_order_gives_all_or_nothing() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket(workingQuantity="2", workingTimeInForce="FOK")
    assert desk.statuses(answer) == ["EXPIRED"] * 3
    assert desk.order(answer["orders"][1]["orderId"])["expiryReason"] == "OTO_PHASE_ONE_EXPIRED"
    assert desk.balance("USDT") == (Decimal(10000), 0)


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        ({}, {"pendingBelowStopPrice": "101"}),
        ({}, {"pendingAbovePrice": "98.5"}),
        ({"market_max_qty": Decimal("0.01")}, {}),
    ],
)
def test_pending_legs_that_are_refused_after_the_fill_expire_as_rejected(
    rules: dict[str, Any], changes: dict[str, str]
) -> None:
    desk = Desk(USDT="10000")
    desk.rules(min_notional=Decimal(90), **rules)
    answer = desk.bracket(**changes)
    assert desk.statuses(answer) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert desk.order(answer["orders"][1]["orderId"])["expiryReason"] == "REJECTED"
    assert desk.balance("BTC") == (Decimal("0.999"), 0)
    assert desk.events("listStatus")[-1]["L"] == "ALL_DONE"


def test_an_otoco_that_sells_more_than_the_fee_left_is_rejected_for_want_of_funds() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket("otoco", pendingQuantity="1")
    assert desk.statuses(answer) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert "INSUFFICIENT_BALANCES" in {event["r"] for event in desk.events()}


def test_an_otoco_with_room_for_the_fee_is_placed() -> None:
    desk = Desk(USDT="10000")
    answer = desk.bracket("otoco", pendingQuantity="0.999")
    assert answer["contingencyType"] == "OTO"
    assert desk.statuses(answer) == ["FILLED", "NEW", "NEW"]
    assert desk.balance("BTC") == (0, Decimal("0.999"))


@pytest.mark.parametrize("kind", ["oto", "opo"])
def test_a_single_pending_order_at_market_sells_what_the_working_one_bought(kind: str) -> None:
    desk = Desk(USDT="10000")
    terms = {"workingType": "LIMIT", "workingSide": "BUY", "workingTimeInForce": "GTC"}
    terms |= {"workingPrice": "100", "workingQuantity": "1", "pendingSide": "SELL", "pendingType": "MARKET"}
    quantity = {"pendingQuantity": "0.999"} if kind == "oto" else {}
    answer = desk.call(f"orderList.place.{kind}", **terms, **quantity)
    assert desk.statuses(answer) == ["FILLED", "FILLED"]
    assert desk.balance("BTC") == (0, 0)
    assert desk.engine.execute("openOrderLists.status", {}) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"workingSide": "SELL"}, -1222),
        ({"pendingSide": "BUY"}, -1223),
        ({"pendingQuantity": "1"}, -1225),
        ({"workingType": "MARKET"}, -1130),
        ({"workingTimeInForce": "GTT"}, -1115),
        ({"workingQuantity": "0.04"}, -1013),
        ({"pendingBelowStopPrice": "95.001"}, -1013),
    ],
)
def test_an_opoco_that_cannot_be_is_refused(changes: dict[str, str], code: int) -> None:
    terms = {"workingType": "LIMIT", "workingSide": "BUY", "workingTimeInForce": "GTC"}
    terms |= {"workingPrice": "100", "workingQuantity": "1", "pendingSide": "SELL"}
    terms |= {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "110"}
    terms |= {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "95"} | changes
    assert Desk().refusal("orderList.place.opoco", **terms)[0] == code


@pytest.mark.parametrize(
    ("symbol", "kind", "text"),
    [
        ("ADAUSDT", "opoco", "OPO orders are not supported for this symbol."),
        ("DOGEUSDT", "otoco", "OTO orders are not supported for this symbol."),
        ("LTCUSDT", "oco", "OCO orders are not supported for this symbol"),
    ],
)
def test_a_symbol_without_a_kind_of_list_refuses_it(symbol: str, kind: str, text: str) -> None:
    desk = Desk()
    place = desk.oco if kind == "oco" else desk.bracket
    extra = {"pendingQuantity": "1"} if kind == "otoco" else {}
    with pytest.raises(VenueError, match=text):
        place(**({} if kind == "oco" else {"kind": kind}), symbol=symbol, **extra)


def test_a_list_id_is_free_again_when_its_list_is_done() -> None:
    desk = Desk()
    first = desk.oco(listClientOrderId="mine")
    with pytest.raises(VenueError, match="Duplicate order sent"):
        desk.oco(listClientOrderId="mine")
    desk.call("orderList.cancel", orderListId=first["orderListId"])
    assert desk.oco(listClientOrderId="mine")["orderListId"] == first["orderListId"] + 1


def test_two_legs_may_not_share_a_client_order_id() -> None:
    with pytest.raises(VenueError, match="Duplicate order sent"):
        Desk().oco(aboveClientOrderId="same", belowClientOrderId="same")


def test_cancelling_a_leg_cancels_its_list_and_frees_the_lock() -> None:
    desk = Desk()
    answer = desk.oco()
    cancel = desk.call("order.cancel", orderId=answer["orders"][1]["orderId"])
    assert cancel["listOrderStatus"] == "ALL_DONE"
    assert [report["status"] for report in cancel["orderReports"]] == ["CANCELED", "CANCELED"]
    assert desk.balance("BTC") == (Decimal(10), 0)


def test_a_delisting_expires_what_is_open_as_cancelled_by_the_exchange() -> None:
    desk = Desk()
    answer = desk.oco()
    desk.engine.expire_all("BTCUSDT")
    assert desk.statuses(answer) == ["EXPIRED", "EXPIRED"]
    assert {event.get("eR") for event in desk.events() if event["x"] == "EXPIRED"} == {"EXCHANGE_CANCELED"}
    assert desk.balance("BTC") == (Decimal(10), 0)
