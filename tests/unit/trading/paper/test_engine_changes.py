"""Taking orders back and changing them: cancel, cancelReplace, amend, client order ids, self-trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import Desk

UNKNOWN = (-2011, "Unknown order sent.")


def test_a_cancel_answers_with_both_ids_and_frees_the_money() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99", newClientOrderId="mine")
    answer = desk.call("order.cancel", origClientOrderId="mine", newClientOrderId="gone")
    assert (answer["origClientOrderId"], answer["clientOrderId"]) == ("mine", "gone")
    assert answer["status"] == "CANCELED"
    assert desk.balance("USDT") == (Decimal(10000), 0)


def test_a_cancelled_order_is_found_by_its_former_and_its_present_id() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99", newClientOrderId="mine")["orderId"]
    desk.call("order.cancel", orderId=order_id, newClientOrderId="gone")
    for client_id in ("mine", "gone"):
        assert desk.call("order.status", origClientOrderId=client_id)["orderId"] == order_id


def test_a_second_cancel_and_a_cancel_after_the_fill_meet_an_unknown_order() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "100")["orderId"]
    assert desk.refusal("order.cancel", orderId=order_id) == UNKNOWN
    assert desk.refusal("order.cancel", orderId=99) == UNKNOWN
    assert desk.refusal("orderList.cancel", orderListId=99) == UNKNOWN


def test_a_cancel_needs_an_id_and_both_ids_must_fit() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99", newClientOrderId="mine")["orderId"]
    assert desk.refusal("order.cancel")[0] == -1102
    assert desk.refusal("order.cancel", orderId=order_id, origClientOrderId="other") == UNKNOWN
    assert desk.call("order.cancel", orderId=order_id, origClientOrderId="mine")["orderId"] == order_id


def test_a_part_filled_order_shows_its_fills_in_the_cancel() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "3", "100")["orderId"]
    restricted = desk.refusal("order.cancel", orderId=order_id, cancelRestrictions="ONLY_NEW")
    assert restricted == (-2011, "Order was not canceled due to cancel restrictions.")
    assert desk.refusal("order.cancel", orderId=order_id, cancelRestrictions="ALL")[0] == -1145
    answer = desk.call("order.cancel", orderId=order_id, cancelRestrictions="ONLY_PARTIALLY_FILLED")
    assert answer["executedQty"] == "1.00000000"


def test_cancelling_all_gives_single_orders_and_whole_lists() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99")
    desk.oco()
    answers = desk.call("openOrders.cancelAll")
    assert [answer.get("contingencyType") for answer in answers] == [None, "OCO"]
    assert desk.balance("BTC") == (Decimal(10), 0)
    assert desk.refusal("openOrders.cancelAll") == UNKNOWN


def test_a_client_order_id_is_taken_only_while_its_order_is_open() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99", newClientOrderId="mine")
    params = {"side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": "mine"}
    assert desk.refusal("order.place", **params) == (-2010, "Duplicate order sent.")
    desk.trade("98")
    for _ in range(2):
        assert desk.call("order.place", **params)["status"] == "FILLED"
    assert len(desk.call("myTrades")) == 3


def replacing(desk: Desk, **changes: Any) -> dict[str, Any]:
    """Give the parameters of a cancelReplace of an order at 99 by one at 98."""
    terms = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "98"}
    return terms | {"cancelReplaceMode": "STOP_ON_FAILURE"} | changes


def test_a_cancel_replace_that_succeeds_gives_both_answers() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "100", "99")["orderId"]
    answer = desk.call("order.cancelReplace", **replacing(desk, cancelOrderId=order_id, quantity="101"))
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["orderId"] == order_id
    assert answer["newOrderResponse"]["status"] == "NEW"


@pytest.mark.parametrize(
    ("mode", "quantity", "known", "expected"),
    [
        ("STOP_ON_FAILURE", "1", False, (400, -2022, "FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "1", False, (409, -2021, "FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", "1000", False, (400, -2022, "FAILURE", "FAILURE")),
        ("STOP_ON_FAILURE", "1000", True, (409, -2021, "SUCCESS", "FAILURE")),
    ],
)
def test_a_cancel_replace_that_fails_says_which_half(
    mode: str, quantity: str, known: bool, expected: tuple[int, int, str, str]
) -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"] if known else 77
    params = replacing(desk, cancelReplaceMode=mode, quantity=quantity, cancelOrderId=order_id)
    error = desk.error("order.cancelReplace", **params)
    assert error.data is not None
    results = (error.data["cancelResult"], error.data["newOrderResult"])
    assert (error.status, error.code, *results) == expected


def test_filters_of_the_new_order_come_before_the_cancel() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    params = replacing(desk, cancelOrderId=order_id, price="98.001")
    assert desk.refusal("order.cancelReplace", **params) == (-1013, "Filter failure: PRICE_FILTER")
    assert desk.order(order_id)["status"] == "NEW"


def test_a_new_order_that_is_not_attempted_counts_all_the_same() -> None:
    desk = Desk()
    desk.error("order.cancelReplace", **replacing(desk, cancelOrderId=77))
    assert desk.engine.drain_order_counts() == 1


def test_an_amendment_reduces_the_quantity_and_the_lock() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "2", "99", newClientOrderId="mine")["orderId"]
    answer = desk.call("order.amend.keepPriority", orderId=order_id, newQty="1.5")
    assert answer["amendedOrder"]["qty"] == "1.50000000"
    assert answer["amendedOrder"]["origClientOrderId"] == "mine"
    assert desk.balance("USDT")[1] == Decimal("148.5")
    listed = desk.call("order.amendments", orderId=order_id)
    assert [(a["origQty"], a["newQty"]) for a in listed] == [("2.00000000", "1.50000000")]
    assert desk.events()[-1]["x"] == "REPLACED"


@pytest.mark.parametrize(
    ("new_qty", "refusal"),
    [
        ("4", (-2038, "Order amend (quantity increase) is not supported.")),
        ("3", (-2038, "The requested action would change no state; rejecting.")),
        ("0.5", (-1013, "Invalid quantity.")),
        ("2.000001", (-1013, "Filter failure: LOT_SIZE")),
    ],
)
def test_an_amendment_that_cannot_be_is_refused(new_qty: str, refusal: tuple[int, str]) -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "3", "100")["orderId"]
    assert desk.refusal("order.amend.keepPriority", orderId=order_id, newQty=new_qty) == refusal


def test_the_eleventh_amendment_of_an_order_is_refused() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "20", "99")["orderId"]
    for qty in range(19, 9, -1):
        desk.call("order.amend.keepPriority", orderId=order_id, newQty=qty)
    refusal = desk.refusal("order.amend.keepPriority", orderId=order_id, newQty="9")
    assert refusal == (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS")


def test_an_amendment_of_one_leg_amends_both() -> None:
    desk = Desk()
    answer = desk.oco()
    order_id = answer["orders"][0]["orderId"]
    amended = desk.call("order.amend.keepPriority", orderId=order_id, newQty="0.6", newClientOrderId="a")
    assert amended["listStatus"]["orders"][0]["clientOrderId"] == "a"
    assert [desk.order(entry["orderId"])["origQty"] for entry in answer["orders"]] == ["0.60000000"] * 2
    assert desk.balance("BTC")[1] == Decimal("0.6")
    assert desk.events("listStatus")[-1]["l"] == "UPDATED"


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("EXPIRE_MAKER", ("EXPIRED_IN_MATCH", "0.00000000"), ("PARTIALLY_FILLED", "1.00000000")),
        ("EXPIRE_TAKER", ("NEW", "0.00000000"), ("EXPIRED_IN_MATCH", "1.00000000")),
        ("EXPIRE_BOTH", ("EXPIRED_IN_MATCH", "0.00000000"), ("EXPIRED_IN_MATCH", "1.00000000")),
        ("DECREMENT", ("EXPIRED_IN_MATCH", "0.00000000"), ("PARTIALLY_FILLED", "1.00000000")),
    ],
)
def test_own_orders_never_trade_with_each_other(
    mode: str, maker: tuple[str, str], taker: tuple[str, str]
) -> None:
    desk = Desk()
    maker_id = desk.limit("SELL", "1", "100.5")["orderId"]
    taker_id = desk.limit("BUY", "4", "100.5", selfTradePreventionMode=mode)["orderId"]
    shown = [desk.order(order_id) for order_id in (maker_id, taker_id)]
    assert [(order["status"], order["executedQty"]) for order in shown] == [maker, taker]
    assert desk.drift() == {}
    match = desk.call("myPreventedMatches", orderId=maker_id)[0]
    assert (match["takerOrderId"], match["selfTradePreventionMode"]) == (taker_id, mode)


def test_a_decrement_takes_the_smaller_order_from_both() -> None:
    desk = Desk()
    desk.limit("SELL", "1", "100.5")
    taker_id = desk.limit("BUY", "4", "100.5", selfTradePreventionMode="DECREMENT")["orderId"]
    assert desk.order(taker_id)["preventedQuantity"] == "1.00000000"
    event = next(e for e in desk.events() if e["x"] == "TRADE_PREVENTION" and e["i"] == taker_id)
    assert (event["B"], event["pL"], event["l"]) == ("1.00000000", "100.50000000", "0.00000000")


def test_a_leg_that_expires_in_a_self_trade_ends_its_list() -> None:
    desk = Desk()
    answer = desk.oco()
    desk.book("99:5", "111:5")
    desk.limit("BUY", "1", "110")
    assert desk.statuses(answer) == ["EXPIRED", "EXPIRED_IN_MATCH"]
    assert desk.balance("BTC") == (Decimal(10), 0)
