"""Single orders: how they fill, rest, expire, and what they answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_desk import Desk


def test_a_market_buy_walks_the_book_and_reports_every_fill() -> None:
    desk = Desk()
    answer = desk.place("BUY", "MARKET", quantity="2")
    assert answer["status"] == "FILLED"
    assert [(f["price"], f["qty"]) for f in answer["fills"]] == [
        ("100.00000000", "1.00000000"),
        ("101.00000000", "1.00000000"),
    ]
    assert answer["cummulativeQuoteQty"] == "201.00000000"


def test_a_market_order_pays_its_fee_from_what_it_receives() -> None:
    desk = Desk(USDT="10000")
    desk.place("BUY", "MARKET", quantity="1")
    desk.place("SELL", "MARKET", quantity="0.5")
    assert desk.balance("BTC") == (Decimal("0.499"), 0)
    assert desk.balance("USDT") == (Decimal("10000") - 100 + Decimal("49.5") * Decimal("0.999"), 0)
    assert desk.drift() == {}


def test_a_market_order_that_empties_the_book_fills_partly_and_expires() -> None:
    answer = Desk(BTC="20").place("SELL", "MARKET", quantity="12")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "10.00000000")
    assert answer["expiryReason"] == "INSUFFICIENT_LIQUIDITY"


def test_what_takers_used_up_is_back_with_the_next_book() -> None:
    desk = Desk()
    desk.place("BUY", "MARKET", quantity="1")
    assert desk.engine.depth("BTCUSDT", 1)[1] == [(Decimal(101), Decimal(5))]
    desk.book("99:5", "100:1")
    assert desk.engine.depth("BTCUSDT", 1)[1] == [(Decimal(100), Decimal(1))]


def test_a_quote_quantity_buys_as_much_as_it_can_pay_on_the_step_grid() -> None:
    desk = Desk()
    answer = desk.place("BUY", "MARKET", quoteOrderQty="150")
    assert answer["status"] == "FILLED"
    assert answer["executedQty"] == "1.49504000"
    assert answer["origQuoteOrderQty"] == "150.00000000"
    assert Decimal(answer["cummulativeQuoteQty"]) <= 150


def test_a_quote_quantity_sells_no_more_than_it_asks_for() -> None:
    answer = Desk().place("SELL", "MARKET", quoteOrderQty="198")
    assert (answer["executedQty"], answer["cummulativeQuoteQty"]) == ("2.00000000", "198.00000000")


def test_a_quote_quantity_larger_than_the_book_expires() -> None:
    answer = Desk().place("BUY", "MARKET", quoteOrderQty="5000")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "11.00000000")


def test_a_limit_order_takes_what_it_reaches_and_rests_with_the_rest() -> None:
    desk = Desk()
    answer = desk.limit("BUY", "3", "100")
    assert (answer["status"], answer["executedQty"]) == ("PARTIALLY_FILLED", "1.00000000")
    assert desk.balance("USDT")[1] == Decimal(200)
    assert desk.engine.depth("BTCUSDT", 1)[0] == [(Decimal(100), Decimal(2))]


def test_a_limit_order_that_fills_cheaper_than_its_price_frees_the_difference() -> None:
    desk = Desk()
    desk.limit("BUY", "1", "105")
    assert desk.balance("USDT") == (Decimal(9900), 0)


@pytest.mark.parametrize(
    ("tif", "reason", "executed"),
    [
        ("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED", "1.00000000"),
        ("FOK", "UNFILLED_FOK_ORDER_EXPIRED", "0.00000000"),
    ],
)
def test_ioc_keeps_its_part_and_fok_takes_all_or_nothing(tif: str, reason: str, executed: str) -> None:
    desk = Desk()
    answer = desk.limit("BUY", "3", "100", timeInForce=tif)
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", executed)
    assert answer["expiryReason"] == reason
    assert desk.balance("USDT")[1] == 0


def test_a_book_that_crosses_a_resting_order_fills_it_as_maker_at_its_own_price() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "2", "99.5")["orderId"]
    desk.book("98:1", "99:1 99.4:5")
    order = desk.order(order_id)
    assert (order["status"], order["cummulativeQuoteQty"]) == ("FILLED", "199.00000000")
    assert all(trade["isMaker"] for trade in desk.call("myTrades"))


@pytest.mark.parametrize(
    ("price", "buyer_is_maker", "executed"),
    [("98.9", False, "2.00000000"), ("99", True, "0.50000000"), ("99", False, "0.00000000")],
)
def test_a_public_trade_fills_better_prices_wholly_and_its_own_by_volume(
    price: str, buyer_is_maker: bool, executed: str
) -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "2", "99")["orderId"]
    desk.trade(price, "0.5", buyer_is_maker=buyer_is_maker)
    assert desk.order(order_id)["executedQty"] == executed


def test_own_executions_are_printed_for_the_public() -> None:
    desk = Desk()
    desk.place("BUY", "MARKET", quantity="1")
    desk.limit("SELL", "1", "99.5")
    desk.trade("99.6")
    assert [(p.price, p.buyer_is_maker) for p in desk.engine.drain_prints()] == [
        (Decimal(100), False),
        (Decimal("99.5"), False),
    ]


@pytest.mark.parametrize(
    ("kind", "terms", "fields"),
    [
        ("LIMIT", {"price": "99", "timeInForce": "GTC"}, "fills"),
        ("LIMIT_MAKER", {"price": "99"}, "transactTime"),
        ("LIMIT_MAKER", {"price": "99", "newOrderRespType": "RESULT"}, "selfTradePreventionMode"),
    ],
)
def test_an_answer_is_full_for_limit_and_market_and_ack_for_others(
    kind: str, terms: dict[str, Any], fields: str
) -> None:
    answer = Desk().place("BUY", kind, quantity="1", **terms)
    assert list(answer)[-1] == fields


def test_an_iceberg_shows_only_its_tip() -> None:
    desk = Desk()
    desk.limit("SELL", "3", "105", icebergQty="0.5")
    assert desk.engine.depth("BTCUSDT", 9)[1][-1] == (Decimal(105), Decimal("0.5"))


@pytest.mark.parametrize(
    ("side", "kind", "stop", "trigger"),
    [
        ("SELL", "STOP_LOSS", "95", "95"),
        ("BUY", "STOP_LOSS", "105", "105.01"),
        ("SELL", "TAKE_PROFIT", "105", "105"),
        ("BUY", "TAKE_PROFIT", "95", "94"),
    ],
)
def test_a_stop_waits_for_its_price_and_then_takes_the_book(
    side: str, kind: str, stop: str, trigger: str
) -> None:
    desk = Desk()
    order_id = desk.place(side, kind, quantity="1", stopPrice=stop)["orderId"]
    desk.trade("100.5")
    assert desk.order(order_id)["isWorking"] is False
    desk.trade(trigger)
    assert desk.order(order_id)["status"] == "FILLED"
    assert desk.drift() == {}


def test_a_stop_that_gaps_fills_far_below_its_price() -> None:
    desk = Desk()
    order_id = desk.place("SELL", "STOP_LOSS", quantity="1", stopPrice="95")["orderId"]
    desk.book("80:5", "81:5")
    desk.trade("80.5")
    assert desk.order(order_id)["cummulativeQuoteQty"] == "80.00000000"


def test_a_stop_limit_that_gaps_is_left_unfilled_on_the_book() -> None:
    desk = Desk()
    terms = {"quantity": "1", "stopPrice": "95", "price": "94.5", "timeInForce": "GTC"}
    order_id = desk.place("SELL", "STOP_LOSS_LIMIT", **terms)["orderId"]
    desk.book("80:5", "81:5")
    desk.trade("80.5")
    order = desk.order(order_id)
    assert (order["status"], order["isWorking"]) == ("NEW", True)


def test_a_trailing_stop_follows_the_best_price_and_triggers_by_its_delta() -> None:
    desk = Desk()
    desk.trade("100")
    order_id = desk.place("SELL", "STOP_LOSS", quantity="1", trailingDelta=500)["orderId"]
    for price in ("96", "110", "104.51"):
        desk.trade(price)
    assert desk.order(order_id)["status"] == "NEW"
    desk.trade("104.5")
    assert desk.order(order_id)["status"] == "FILLED"


def test_a_trailing_stop_with_a_stop_price_starts_to_trail_there() -> None:
    desk = Desk()
    desk.trade("100")
    terms = {"quantity": "1", "trailingDelta": 500, "stopPrice": "104"}
    order_id = desk.place("SELL", "TAKE_PROFIT", **terms)["orderId"]
    desk.trade("90")
    assert desk.order(order_id)["trailingTime"] == -1
    desk.trade("105")
    desk.trade("99.75")
    assert desk.order(order_id)["status"] == "FILLED"


def test_the_price_range_rule_expires_what_would_trade_beyond_it() -> None:
    desk = Desk()
    desk.trade("100")
    desk.rules(price_range_up=Decimal("1.005"))
    answer = desk.limit("BUY", "3", "102")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "1.00000000")
    assert answer["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
