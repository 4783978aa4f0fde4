"""Intents become the venue's parameters: exact text, our ids, nothing the venue would refuse."""

from decimal import Decimal

from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderType, Side, TimeInForce
from trading.domain.values import OrderRole
from trading.exchange import encode

ENTRY = OrderIntent(
    "fc-A-E1", "BTCUSDT", OrderRole.ENTRY, Side.BUY, OrderType.LIMIT, Decimal("0.00001000"),
    price=Decimal("1E+2"), time_in_force=TimeInForce.FOK,
)  # fmt: skip
ABOVE = OrderIntent(
    "fc-A-T1", "BTCUSDT", OrderRole.TAKE_PROFIT, Side.SELL, OrderType.LIMIT_MAKER, Decimal("0.5"),
    price=Decimal("110.10"),
)  # fmt: skip
BELOW = OrderIntent(
    "fc-A-S1", "BTCUSDT", OrderRole.STOP, Side.SELL, OrderType.STOP_LOSS, Decimal("0.5"),
    stop_price=Decimal(95), trailing_delta_bps=50,
)  # fmt: skip


def test_numbers_are_plain_text() -> None:
    params = encode.order(ENTRY)

    assert (params["quantity"], params["price"], params["timeInForce"]) == ("0.00001", "100", "FOK")
    assert (params["newClientOrderId"], params["newOrderRespType"]) == ("fc-A-E1", "FULL")


def test_a_time_in_force_goes_only_where_a_price_rests() -> None:
    assert "timeInForce" not in encode.order(ABOVE)
    assert "timeInForce" not in encode.order(BELOW)


def test_a_stop_carries_its_trailing_distance() -> None:
    params = encode.order(BELOW)

    assert (params["stopPrice"], params["trailingDelta"]) == ("95", "50")
    assert "price" not in params


def test_an_opoco_leaves_the_size_of_its_exit_to_the_venue() -> None:
    opoco = encode.order_list(ListIntent("fc-A-L1", ListKind.OPOCO, "BTCUSDT", ABOVE, BELOW, ENTRY))
    otoco = encode.order_list(ListIntent("fc-A-L1", ListKind.OTOCO, "BTCUSDT", ABOVE, BELOW, ENTRY))

    assert "pendingQuantity" not in opoco
    assert otoco == opoco | {"pendingQuantity": "0.5"}
    assert opoco["workingClientOrderId"] == "fc-A-E1"
    assert opoco["pendingAboveClientOrderId"] == "fc-A-T1"
    assert opoco["pendingBelowStopPrice"] == "95"


def test_an_oco_names_one_side_and_one_quantity() -> None:
    params = encode.order_list(ListIntent("fc-A-L1", ListKind.OCO, "BTCUSDT", ABOVE, BELOW))

    assert (params["side"], params["quantity"], params["aboveType"]) == ("SELL", "0.5", "LIMIT_MAKER")
    assert not any(name.startswith(("working", "pending")) for name in params)
