"""Questions to the engine: shapes, paging, allowed combinations of parameters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import START_MS, Desk

HOUR_MS = 3_600_000


def traded_desk() -> Desk:
    """Give a desk with ten trades, one a minute, of five orders."""
    desk = Desk()
    for _ in range(5):
        desk.book("99:1 98:1", "100:0.5 101:5")
        desk.place("BUY", "MARKET", quantity="1")
        desk.now += 60_000
    return desk


def test_an_order_is_shown_with_all_its_fields() -> None:
    desk = Desk()
    order = desk.order(desk.limit("BUY", "1", "99")["orderId"])
    names = "symbol orderId orderListId clientOrderId price origQty executedQty cummulativeQuoteQty status"
    names += " timeInForce type side stopPrice icebergQty time updateTime isWorking workingTime"
    assert set(order) == {*names.split(), "origQuoteOrderQty", "selfTradePreventionMode"}


def test_an_order_that_is_not_there_does_not_exist() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    missing = (-2013, "Order does not exist.")
    assert desk.refusal("order.status", orderId=77) == missing
    assert desk.refusal("order.status", origClientOrderId="never") == missing
    assert desk.refusal("order.status", symbol="ETHUSDT", orderId=order_id) == missing


def test_two_ids_of_different_orders_do_not_fit() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99", newClientOrderId="mine")["orderId"]
    assert desk.refusal("order.status", orderId=order_id, origClientOrderId="other")[0] == -2039
    assert desk.refusal("order.status")[0] == -1102


def test_open_orders_come_for_one_symbol_or_for_all() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99")
    desk.book("2000:5", "2001:5", symbol="ETHUSDT")
    desk.limit("BUY", "0.1", "1999", symbol="ETHUSDT")
    assert len(desk.call("openOrders.status")) == 1
    assert len(desk.engine.execute("openOrders.status", {})) == 2


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"limit": 2}, [4, 5]),
        ({"orderId": 2, "limit": 2}, [2, 3]),
        ({"startTime": START_MS + 60_000, "limit": 2}, [2, 3]),
        ({"endTime": START_MS + 60_000}, [1, 2]),
    ],
)
def test_all_orders_are_paged_from_an_id_or_a_moment(params: dict[str, int], ids: list[int]) -> None:
    assert [order["orderId"] for order in traded_desk().call("allOrders", **params)] == ids


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"limit": 3}, [8, 9, 10]),
        ({"fromId": 4, "limit": 3}, [4, 5, 6]),
        ({"orderId": 2}, [3, 4]),
        ({"orderId": 2, "fromId": 4}, [4]),
        ({"startTime": START_MS + 180_000}, [7, 8, 9, 10]),
        ({"startTime": START_MS, "endTime": START_MS + 60_000}, [1, 2, 3, 4]),
        ({"endTime": START_MS, "limit": 1}, [2]),
    ],
)
def test_trades_are_paged_in_the_allowed_combinations(params: dict[str, int], ids: list[int]) -> None:
    assert [trade["id"] for trade in traded_desk().call("myTrades", **params)] == ids


@pytest.mark.parametrize(
    "params",
    [
        {"fromId": 1, "startTime": START_MS},
        {"orderId": 1, "startTime": START_MS},
        {"orderId": 1, "endTime": START_MS},
        {"startTime": START_MS, "endTime": START_MS - 1},
    ],
)
def test_other_combinations_are_refused(params: dict[str, int]) -> None:
    assert Desk().refusal("myTrades", **params) == (-1128, "Combination of optional parameters invalid.")


@pytest.mark.parametrize("method", ["myTrades", "allOrders"])
def test_a_window_longer_than_a_day_is_refused(method: str) -> None:
    window = {"startTime": START_MS, "endTime": START_MS + 24 * HOUR_MS + 1}
    assert Desk().refusal(method, **window)[0] == -1127


def test_lists_are_found_by_id_by_client_id_and_all_together() -> None:
    desk = Desk()
    list_id = desk.oco(listClientOrderId="mine")["orderListId"]
    ask: Any = desk.engine.execute
    assert ask("orderList.status", {"origClientOrderId": "mine"})["orderListId"] == list_id
    assert len(ask("openOrderLists.status", {})) == 1
    desk.trade("94")
    assert ask("openOrderLists.status", {}) == []
    assert ask("orderList.status", {"orderListId": list_id})["listOrderStatus"] == "ALL_DONE"
    assert [olist["orderListId"] for olist in ask("allOrderLists", {"fromId": 0})] == [list_id]


def test_the_account_shows_balances_and_rates() -> None:
    desk = Desk(USDT="100", BTC="0")
    account = desk.engine.execute("account.status", {"omitZeroBalances": "true"})
    assert account["balances"] == [{"asset": "USDT", "free": "100.00000000", "locked": "0.00000000"}]
    assert account["makerCommission"] == 10
    assert len(desk.engine.execute("account.status", {})["balances"]) == 2


def test_only_my_filters_show_the_limit_of_an_asset() -> None:
    desk = Desk()
    desk.rules(max_asset=(("BTC", Decimal(3)),))
    shown = desk.call("myFilters")
    assert shown["assetFilters"] == [{"filterType": "MAX_ASSET", "asset": "BTC", "limit": "3.00000000"}]
    assert "MAX_ASSET" not in str(desk.catalogue.exchange_info())


def test_exchange_info_shows_the_rules_as_they_are_now() -> None:
    desk = Desk()
    desk.rules(tick_size=Decimal("0.1"), status="HALT")
    info = desk.catalogue.exchange_info(["BTCUSDT"])["symbols"][0]
    assert (info["status"], info["filters"][0]["tickSize"]) == ("HALT", "0.10000000")


def test_depth_shows_own_orders_among_the_others() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "99")
    desk.limit("BUY", "1", "98.5")
    assert desk.engine.depth("BTCUSDT", 2)[0] == [
        (Decimal(99), Decimal(6)),
        (Decimal("98.5"), Decimal(1)),
    ]


def test_what_the_transport_sends_along_is_let_through() -> None:
    params = {"timestamp": "1", "signature": "x", "recvWindow": "5000", "apiKey": "k"}
    assert Desk().call("openOrders.status", **params) == []
