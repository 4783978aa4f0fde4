"""What the engine refuses: parameters, filters, trading phases, and the matching engine's own texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import Desk

LIMIT = {"side": "BUY", "type": "LIMIT", "quantity": "1", "price": "99", "timeInForce": "GTC"}
MAKER = {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "99"}
MARKET = {"side": "BUY", "type": "MARKET", "quantity": "1"}
STOP = {"side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "95"}


def terms(base: dict[str, str], **changes: str | None) -> dict[str, str]:
    """Change some parameters and leave out those that are None."""
    return {name: value for name, value in (base | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("params", "code", "word"),
    [
        (terms(LIMIT, quantity="1e-05"), -1100, "'quantity'"),
        (terms(LIMIT, price="-1"), -1100, "'price'"),
        (terms(LIMIT, quantity="1.000000001"), -1111, "'quantity'"),
        (terms(LIMIT, price="0.123456789"), -1111, "'price'"),
        (terms(LIMIT, quantity="99999999999"), -1108, "'quantity'"),
        (terms(LIMIT, newClientOrderId="a b"), -1100, "'newClientOrderId'"),
        (terms(LIMIT, newClientOrderId="x" * 37), -1100, "'newClientOrderId'"),
        (terms(LIMIT, side=None), -1102, "'side'"),
        (terms(LIMIT, type=None), -1102, "'type'"),
        (terms(LIMIT, price=None), -1102, "'price'"),
        (terms(LIMIT, timeInForce=None), -1102, "'timeInForce'"),
        (terms(MARKET, quantity=None), -1102, "'quoteOrderQty'"),
        (terms(STOP, stopPrice=None), -1102, "'trailingDelta'"),
        (terms(LIMIT, color="red"), -1104, "read '6' parameter(s) but was sent '7'"),
        (terms(LIMIT, newClientOrderId=""), -1105, "'newClientOrderId'"),
        (terms(MARKET, price="99"), -1106, "'price'"),
        (terms(MARKET, timeInForce="GTC"), -1106, "'timeInForce'"),
        (terms(LIMIT, stopPrice="99"), -1106, "'stopPrice'"),
        (terms(LIMIT, quoteOrderQty="99"), -1106, "'quoteOrderQty'"),
        (terms(MAKER, timeInForce="GTC"), -1114, "TimeInForce"),
        (terms(LIMIT, timeInForce="GTX"), -1115, "Invalid timeInForce."),
        (terms(LIMIT, type="ICEBERG"), -1116, "Invalid orderType."),
        (terms(LIMIT, side="LONG"), -1117, "Invalid side."),
        (terms(MARKET, quoteOrderQty="99"), -1128, "Combination"),
        (terms(LIMIT, newOrderRespType="ALL"), -1130, "'newOrderRespType'"),
        (terms(LIMIT, strategyType="7"), -1134, "1000000"),
        (terms(LIMIT, quantity="0"), -1013, "Invalid quantity."),
        (terms(LIMIT, price="0.0"), -1013, "Invalid price."),
        (terms(LIMIT, selfTradePreventionMode="NONE"), -1013, "self-trade prevention mode"),
        (terms(LIMIT, icebergQty="0.1", timeInForce="IOC"), -2010, "Unsupported order combination"),
        (terms(LIMIT, pegPriceType="PRIMARY_PEG"), -2010, "Pegged orders are not supported"),
        (terms(LIMIT, icebergQty="2"), -2010, "IcebergQty exceeds QTY."),
    ],
)
def test_bad_parameters_meet_the_code_of_the_venue(params: dict[str, str], code: int, word: str) -> None:
    refusal = Desk().refusal("order.place", **params)
    assert refusal[0] == code
    assert word in refusal[1]


def test_an_unknown_symbol_is_invalid() -> None:
    assert Desk().refusal("order.place", **LIMIT, symbol="NOPEUSDT") == (-1121, "Invalid symbol.")


def test_precision_is_judged_before_any_filter() -> None:
    assert Desk().refusal("order.place", **terms(LIMIT, price="0.000000001"))[0] == -1111


@pytest.mark.parametrize(
    ("rules", "params", "name"),
    [
        ({}, terms(LIMIT, price="99.001"), "PRICE_FILTER"),
        ({}, terms(STOP, stopPrice="95.001"), "PRICE_FILTER"),
        ({"max_price": Decimal(98)}, LIMIT, "PRICE_FILTER"),
        ({"bid_percent_up": Decimal("1.1")}, terms(LIMIT, price="111"), "PERCENT_PRICE_BY_SIDE"),
        ({"bid_percent_down": Decimal("0.9")}, terms(LIMIT, price="80"), "PERCENT_PRICE_BY_SIDE"),
        ({"percent_up": Decimal("1.1")}, terms(LIMIT, price="111"), "PERCENT_PRICE"),
        ({"percent_down": Decimal("0.9")}, terms(LIMIT, price="80"), "PERCENT_PRICE"),
        ({}, terms(LIMIT, quantity="1.000001"), "LOT_SIZE"),
        ({"min_qty": Decimal(2)}, LIMIT, "LOT_SIZE"),
        ({"max_qty": Decimal("0.5")}, MARKET, "LOT_SIZE"),
        ({"market_max_qty": Decimal("0.5")}, MARKET, "MARKET_LOT_SIZE"),
        ({"market_step_size": Decimal("0.3")}, MARKET, "MARKET_LOT_SIZE"),
        ({}, terms(LIMIT, quantity="0.05"), "NOTIONAL"),
        ({}, terms(MARKET, quantity="0.05"), "NOTIONAL"),
        ({}, terms(MARKET, quantity=None, quoteOrderQty="4.9"), "NOTIONAL"),
        ({"max_notional": Decimal(50)}, LIMIT, "NOTIONAL"),
        ({"notional_filter": "MIN_NOTIONAL"}, terms(LIMIT, quantity="0.05"), "MIN_NOTIONAL"),
        ({}, terms(LIMIT, icebergQty="0.001"), "ICEBERG_PARTS"),
        ({}, terms(STOP, stopPrice=None, trailingDelta="9"), "TRAILING_DELTA"),
        ({}, terms(STOP, stopPrice=None, trailingDelta="2001"), "TRAILING_DELTA"),
        ({"max_position": Decimal("10.5")}, LIMIT, "MAX_POSITION"),
        ({"max_num_orders": 0}, LIMIT, "MAX_NUM_ORDERS"),
        ({"max_num_algo_orders": 0}, STOP, "MAX_NUM_ALGO_ORDERS"),
        ({"max_num_iceberg_orders": 0}, terms(LIMIT, icebergQty="0.5"), "MAX_NUM_ICEBERG_ORDERS"),
        ({"max_asset": (("USDT", Decimal(50)),)}, LIMIT, "MAX_ASSET"),
    ],
)
def test_every_filter_refuses_by_its_name(rules: dict[str, Any], params: dict[str, str], name: str) -> None:
    desk = Desk()
    desk.rules(**rules)
    assert desk.refusal("order.place", **params) == (-1013, f"Filter failure: {name}")


def test_a_market_lot_size_with_step_zero_lets_every_step_pass() -> None:
    assert Desk().place("BUY", "MARKET", quantity="0.33333")["status"] == "FILLED"


@pytest.mark.parametrize(
    "name", ["EXCHANGE_MAX_NUM_ORDERS", "EXCHANGE_MAX_NUM_ALGO_ORDERS", "EXCHANGE_MAX_NUM_ORDER_LISTS"]
)
def test_the_account_wide_limits_count_over_all_symbols(name: str) -> None:
    desk = Desk()
    desk.catalogue.exchange_filters[name] = 0
    params = {"side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110"}
    refusal = desk.refusal("orderList.place.oco", **params, belowType="STOP_LOSS", belowStopPrice="95")
    assert refusal == (-1013, f"Filter failure: {name}")


def test_too_many_order_lists_on_a_symbol_are_refused() -> None:
    desk = Desk()
    desk.rules(max_num_order_lists=1)
    desk.oco()
    params = {"side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "110"}
    refusal = desk.refusal("orderList.place.oco", **params, belowType="STOP_LOSS", belowStopPrice="95")
    assert refusal == (-1013, "Filter failure: MAX_NUM_ORDER_LISTS")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (terms(LIMIT, quantity="102"), "Account has insufficient balance for requested action."),
        (terms(MARKET, quoteOrderQty="10001", quantity=None), "Account has insufficient balance"),
        (terms(STOP, quantity="11"), "Account has insufficient balance for requested action."),
        (terms(MAKER, price="100"), "Order would immediately match and take."),
        (terms(STOP, stopPrice="99.5"), "Order would trigger immediately."),
        (terms(STOP, side="BUY", stopPrice="99.5"), "Order would trigger immediately."),
    ],
)
def test_the_matching_engine_refuses_with_its_own_texts(params: dict[str, str], text: str) -> None:
    refusal = Desk().refusal("order.place", **params)
    assert refusal[0] == -2010
    assert refusal[1].startswith(text)


def test_a_quote_quantity_on_an_empty_book_is_refused() -> None:
    refusal = Desk(book=False).refusal("order.place", **terms(MARKET, quantity=None, quoteOrderQty="100"))
    assert refusal == (-2010, "Order book liquidity is less than symbol minimum quantity.")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("BREAK", "Market is closed."),
        ("HALT", "This order type is not possible in this trading phase."),
        ("CANCEL_ONLY", "This order type is not possible in this trading phase."),
        ("END_OF_DAY", "This order type is not possible in this trading phase."),
    ],
)
def test_a_symbol_that_is_not_trading_takes_no_orders_and_fills_none(status: str, text: str) -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    desk.rules(status=status)
    assert desk.refusal("order.place", **LIMIT) == (-2010, text)
    desk.trade("90")
    assert desk.order(order_id)["status"] == "NEW"
    assert desk.call("order.cancel", orderId=order_id)["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("rules", "params", "text"),
    [
        ({"order_types": ("LIMIT",)}, MARKET, "Market orders are not supported for this symbol."),
        ({"order_types": ("LIMIT",)}, STOP, "Stop loss orders are not supported for this symbol."),
        (
            {"allow_trailing_stop": False},
            terms(STOP, stopPrice=None, trailingDelta="100"),
            "Trailing stop orders are not supported for this symbol.",
        ),
        (
            {"quote_order_qty_allowed": False},
            terms(MARKET, quantity=None, quoteOrderQty="100"),
            "Quote order qty market orders are not support for this symbol.",
        ),
        (
            {"iceberg_allowed": False},
            terms(LIMIT, icebergQty="0.5"),
            "Iceberg orders are not supported for this symbol.",
        ),
    ],
)
def test_what_the_symbol_does_not_offer_is_refused(
    rules: dict[str, Any], params: dict[str, str], text: str
) -> None:
    desk = Desk()
    desk.rules(**rules)
    assert desk.refusal("order.place", **params) == (-2010, text)


def test_a_refused_order_leaves_no_trace() -> None:
    desk = Desk()
    desk.refusal("order.place", **terms(LIMIT, quantity="102"))
    assert desk.engine.drain_events() == []
    assert desk.engine.drain_order_counts() == 0
    assert desk.call("allOrders") == []


def test_a_test_order_is_judged_by_the_rules_and_never_placed() -> None:
    desk = Desk()
    assert desk.call("order.test", **LIMIT) == {}
    rates = desk.call("order.test", **LIMIT, computeCommissionRates="true")
    assert rates["standardCommissionForOrder"]["taker"] == "0.00100000"
    assert desk.refusal("order.test", **terms(LIMIT, price="99.001"))[0] == -1013
    assert desk.call("openOrders.status") == []
