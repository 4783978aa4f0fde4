"""What the venue says about our account becomes domain objects, or an error that names the field."""

from decimal import Decimal
from typing import Any

import pytest

from trading.domain.executions import ExecutionReport, OrderTerms, Transfer
from trading.domain.orders import OrderStatus, Side
from trading.domain.values import from_ms
from trading.exchange import decode
from trading.exchange.fields import MalformedMessage, UnknownMessage

ACK: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": "fc-A-E1",
    "transactTime": 1_507_725_176_595,
}
RESULT = ACK | {"status": "FILLED", "executedQty": "3.5", "side": "SELL", "type": "MARKET"}
FULL = RESULT | {
    "fills": [
        {"price": "4000.1", "qty": "1.5", "commission": "4", "commissionAsset": "USDT", "tradeId": 56},
        {"price": "3999.9", "qty": "2", "commission": "0.01", "commissionAsset": "BNB", "tradeId": 57},
    ]
}
EVENT: dict[str, Any] = {
    "e": "executionReport", "s": "BTCUSDT", "c": "fc-A-E1", "C": "", "S": "BUY", "x": "TRADE",
    "X": "PARTIALLY_FILLED", "r": "NONE", "i": 28, "l": "0.5", "z": "1.5", "L": "100.5", "n": "0.0005",
    "N": "BTC", "T": 1_507_725_176_595, "t": 77, "m": True, "g": 4,
}  # fmt: skip


def test_an_acknowledgement_is_an_accepted_order_without_fills() -> None:
    report = decode.order_reply(ACK)

    assert (report.status, report.filled_qty) == (OrderStatus.ACCEPTED, Decimal(0))
    assert not report.fills
    assert report.venue_list_id is None


def test_a_full_reply_brings_every_fill_with_its_own_fee_asset() -> None:
    report = decode.order_reply(FULL)

    assert report.status is OrderStatus.FILLED
    assert [(fill.venue_fill_id, fill.price, fill.fee_asset) for fill in report.fills] == [
        (56, Decimal("4000.1"), "USDT"),
        (57, Decimal("3999.9"), "BNB"),
    ]
    assert {(fill.side, fill.is_maker, fill.venue_order_id) for fill in report.fills} == {
        (Side.SELL, False, 28)
    }


def test_an_expiry_reason_is_kept() -> None:
    reply = RESULT | {"status": "EXPIRED", "expiryReason": "UNFILLED_FOK_ORDER_EXPIRED"}

    report = decode.order_reply(reply)

    assert (report.status, report.reason) == (OrderStatus.EXPIRED, "UNFILLED_FOK_ORDER_EXPIRED")


def test_a_list_reply_is_one_report_per_order() -> None:
    pending = ACK | {"clientOrderId": "fc-A-S1", "status": "PENDING_NEW", "executedQty": "0"}
    reply = {"orderListId": 4, "orderReports": [RESULT | {"orderListId": 4}, pending | {"orderListId": 4}]}

    entry, stop = decode.list_reply(reply)

    assert (entry.status, stop.status) == (OrderStatus.FILLED, OrderStatus.PENDING)
    assert entry.venue_list_id == stop.venue_list_id == 4


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", OrderStatus.ACCEPTED),
        ("PENDING_NEW", OrderStatus.PENDING),
        ("PENDING_CANCEL", OrderStatus.ACCEPTED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("REJECTED", OrderStatus.REJECTED),
    ],
)
def test_statuses_are_translated(word: str, status: OrderStatus) -> None:
    assert decode.order_status(word) is status


def test_a_trade_event_is_a_fill() -> None:
    report = decode.user_event(EVENT)

    assert isinstance(report, ExecutionReport)
    (fill,) = report.fills
    assert (fill.venue_fill_id, fill.price, fill.qty) == (77, Decimal("100.5"), Decimal("0.5"))
    assert (fill.fee, fill.fee_asset, fill.is_maker) == (Decimal("0.0005"), "BTC", True)
    assert report.filled_qty == Decimal("1.5")
    assert report.reported_at == fill.filled_at == from_ms(1_507_725_176_595)
    assert report.venue_list_id == 4


@pytest.mark.parametrize("missing", [{"t": -1}, {"L": "0.0"}, {"l": "0.00000000"}])
def test_a_trade_event_without_a_bookable_fill_still_tells_the_quantity(missing: dict[str, Any]) -> None:
    report = decode.execution_report(EVENT | missing)

    assert (report.fills, report.filled_qty) == ((), Decimal("1.5"))


def test_a_cancel_is_known_by_the_original_id() -> None:
    cancel = EVENT | {"x": "CANCELED", "X": "CANCELED", "c": "web_123", "C": "fc-A-E1", "t": -1}

    assert decode.execution_report(cancel).client_order_id == "fc-A-E1"
    assert decode.execution_report(cancel | {"C": ""}).client_order_id == "web_123"


def test_a_rejection_after_the_fact_carries_its_reason() -> None:
    event = EVENT | {"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES", "t": -1}

    assert decode.execution_report(event).reason == "INSUFFICIENT_BALANCES"
    assert decode.execution_report(event | {"eR": "REJECTED"}).reason == "REJECTED"


def test_a_position_event_keeps_balances_that_fell_to_zero() -> None:
    event = {"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": "0.0", "l": "0"}]}

    balances = decode.user_event(event)

    assert isinstance(balances, tuple)
    assert [(each.asset, each.total) for each in balances] == [("BTC", Decimal(0))]


def test_a_deposit_or_withdrawal_is_a_transfer() -> None:
    event = {"e": "balanceUpdate", "E": 1_573_200_697_110, "a": "BTC", "d": "-100.5", "T": 1_573_200_697_068}

    assert decode.user_event(event) == Transfer(
        "BTC", Decimal("-100.5"), from_ms(1_573_200_697_068), from_ms(1_573_200_697_110)
    )


COMMISSION: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "standardCommission": {"maker": "0.0010", "taker": "0.0020", "buyer": "0.0001", "seller": "0.0003"},
    "specialCommission": {"maker": "0.0100", "taker": "0.0200", "buyer": "0", "seller": "0"},
    "taxCommission": {"maker": "0.00000112", "taker": "0.00000114", "buyer": "0.00000118", "seller": "0"},
    "discount": {
        "enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"
    },
}  # fmt: skip


def test_fees_are_added_up_and_the_dearer_side_counts() -> None:
    fees = decode.symbol_fees(COMMISSION)

    assert (fees.maker, fees.taker) == (Decimal("0.0113023"), Decimal("0.02230232"))
    assert fees.paying_asset == "BNB"


@pytest.mark.parametrize("where", ["enabledForAccount", "enabledForSymbol"])
def test_a_discount_that_is_off_somewhere_pays_nothing(where: str) -> None:
    discount = COMMISSION["discount"] | {where: False}

    fees = decode.symbol_fees(COMMISSION | {"discount": discount})

    assert (fees.discount_asset, fees.paying_asset) == ("BNB", None)


@pytest.mark.parametrize(
    "reply", [{}, {"standardCommission": {"maker": "0.1"}}, COMMISSION | {"discount": 1}]
)
def test_fees_that_cannot_be_read_are_malformed(reply: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        decode.symbol_fees(reply)


def test_a_query_tells_what_the_order_asks_for() -> None:
    row = ACK | {
        "status": "NEW", "executedQty": "0", "updateTime": 1, "side": "SELL", "origQty": "2", "price": "0.0",
        "stopPrice": "95.5",
    }  # fmt: skip

    assert decode.order_query(row).terms == OrderTerms(Side.SELL, Decimal(2), Decimal("95.5"))
    assert decode.order_query(row | {"stopPrice": "0"}).terms == OrderTerms(Side.SELL, Decimal(2), None)


@pytest.mark.parametrize("kind", ["listStatus", "externalLockUpdate"])
def test_events_told_elsewhere_are_ignored(kind: str) -> None:
    assert decode.user_event({"e": kind}) is None


@pytest.mark.parametrize("event", [{"e": "newThing"}, EVENT | {"X": "HALF_FILLED"}, EVENT | {"S": "SHORT"}])
def test_what_is_not_known_is_an_unknown_message(event: dict[str, Any]) -> None:
    with pytest.raises(UnknownMessage, match="not known"):
        decode.user_event(event)


@pytest.mark.parametrize("name", ["s", "X", "i", "z", "T", "x", "l", "L", "n", "N", "m", "t", "S"])
def test_a_missing_field_names_itself(name: str) -> None:
    event = {field: value for field, value in EVENT.items() if field != name}

    with pytest.raises(MalformedMessage, match=f"^{name} is missing$"):
        decode.user_event(event)


@pytest.mark.parametrize(
    ("name", "value"),
    [("z", "1,5"), ("z", "NaN"), ("z", 1.5), ("z", None), ("i", "28"), ("i", True), ("T", 10**18), ("m", 1)],
)
def test_a_malformed_field_names_itself(name: str, value: object) -> None:
    with pytest.raises(MalformedMessage, match=f"^{name}: "):
        decode.user_event(EVENT | {name: value})


@pytest.mark.parametrize("body", [{}, [], None, "", {"orderReports": []}, {"orderReports": {}}])
def test_a_body_that_is_no_reply_is_malformed(body: object) -> None:
    with pytest.raises(MalformedMessage):
        decode.list_reply(body)
    with pytest.raises(MalformedMessage):
        decode.order_reply(body)


def test_only_balances_above_zero_are_given() -> None:
    rows = [{"asset": "BTC", "free": "0.1", "locked": "0"}, {"asset": "ETH", "free": "0.0", "locked": "0"}]

    assert [each.asset for each in decode.account_balances({"balances": rows})] == ["BTC"]


def test_account_fills_tell_side_and_maker() -> None:
    row = {
        "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "price": "4.00000100", "qty": "12.0",
        "commission": "10.1", "commissionAsset": "BNB", "time": 1_499_865_549_590, "isBuyer": True,
        "isMaker": True,
    }  # fmt: skip

    (fill,) = decode.account_fills([row])

    assert (fill.side, fill.is_maker, fill.venue_fill_id, fill.venue_order_id) == (
        Side.BUY,
        True,
        28457,
        100234,
    )
