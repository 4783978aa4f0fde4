"""Faults 24 to 28 and 69: rules, statuses, listings and fees that change, and come back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_stage import BRACKET, OCO, PaperStage, terms
from trading.paper.faults import FaultError
from trading.paper.faults_rules import ACCOUNT_FILTERS, STRICT

# An ordinary order that breaks the filter once it is strict: method, and what differs from a BUY of 1 at 98.
BREAKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "PRICE_FILTER": ("order.place", {"price": "98.01"}),
    "PERCENT_PRICE": ("order.place", {}),
    "PERCENT_PRICE_BY_SIDE": ("order.place", {}),
    "LOT_SIZE": ("order.place", {"quantity": "1.00001"}),
    "MARKET_LOT_SIZE": ("order.place", terms("BUY", "1") | {"price": None, "timeInForce": None}),
    "MIN_NOTIONAL": ("order.place", {}),
    "NOTIONAL": ("order.place", {}),
    "ICEBERG_PARTS": ("order.place", {"icebergQty": "0.5"}),
    "MAX_NUM_ORDERS": ("order.place", {}),
    "MAX_NUM_ALGO_ORDERS": ("orderList.place.oco", OCO | {"price": None, "timeInForce": None, "type": None}),
    "MAX_NUM_ICEBERG_ORDERS": ("order.place", {"icebergQty": "0.5"}),
    "MAX_POSITION": ("order.place", {}),
    "TRAILING_DELTA": (
        "order.place",
        {"type": "STOP_LOSS", "side": "SELL", "trailingDelta": 100, "price": None, "timeInForce": None},
    ),
    "MAX_NUM_ORDER_LISTS": ("orderList.place.oco", OCO | {"price": None, "timeInForce": None, "type": None}),
    "MAX_ASSET": ("order.place", {}),
    "EXCHANGE_MAX_NUM_ORDERS": ("order.place", {}),
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": (
        "order.place",
        {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "95", "price": None, "timeInForce": None},
    ),
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": ("order.place", {"icebergQty": "0.5"}),
    "EXCHANGE_MAX_NUM_ORDER_LISTS": (
        "orderList.place.oco",
        OCO | {"price": None, "timeInForce": None, "type": None},
    ),
}


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({}, (-1111, "Parameter 'quantity' has too much precision.")),
        (
            {"code": -1100, "parameter": "price"},
            (
                -1100,
                "Illegal characters found in parameter 'price'; "
                r"legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
            ),
        ),
    ],
)
async def test_fault_24_refuses_a_number(params: dict[str, Any], refusal: tuple[int, str]) -> None:
    stage = PaperStage()
    fault = stage.arm(24, **params)

    assert await stage.refusal("order.place", **terms("BUY", "1", "98")) == refusal

    assert fault.fired == 1
    await stage.order("BUY", "1", "98")


@pytest.mark.parametrize("name", [*STRICT, *ACCOUNT_FILTERS])
async def test_fault_25_answers_with_any_filter(name: str) -> None:
    stage = PaperStage()
    fault = stage.arm(25, filter=name)
    code = -2038 if name == "MAX_NUM_ORDER_AMENDS" else -1013

    assert await stage.refusal("order.place", **terms("BUY", "1", "98")) == (code, f"Filter failure: {name}")

    assert fault.fired == 1
    await stage.order("BUY", "1", "98")


@pytest.mark.parametrize("name", list(BREAKERS))
async def test_fault_25_makes_the_filter_itself_strict_until_cleared(name: str) -> None:
    stage = PaperStage()
    method, changes = BREAKERS[name]
    order = (terms("BUY", "1", "98") if method == "order.place" else {}) | changes
    before = await stage.call("exchangeInfo", symbol=None)
    fault = stage.arm(25, filter=name, mode="rule")

    assert await stage.refusal(method, **order) == (-1013, f"Filter failure: {name}")

    assert fault.fired == 1
    stage.venue.faults.clear()
    await stage.call(method, **order)
    after = await stage.call("exchangeInfo", symbol=None)
    assert after | {"serverTime": 0} == before | {"serverTime": 0}


async def test_fault_25_shows_an_unknown_filter_and_a_limit_of_amendments() -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "1", "98")
    stage.arm(25, filter="T_PLUS_SELL", mode="rule")
    stage.arm(25, filter="MAX_NUM_ORDER_AMENDS", mode="rule")

    [symbol] = (await stage.call("exchangeInfo"))["symbols"]

    assert symbol["filters"][-1]["filterType"] == "T_PLUS_SELL"
    amend = {"orderId": order["orderId"], "newQty": "0.5"}
    assert (await stage.refusal("order.amend.keepPriority", **amend))[0] == -2038


async def test_fault_25_shrinks_the_largest_market_order_again_and_again() -> None:
    stage = PaperStage()
    first = stage.venue.catalogue["BTCUSDT"].market_max_qty
    fault = stage.arm(25, count=None, filter="MARKET_LOT_SIZE", mode="rule", shrink_s=60, symbol="BTCUSDT")
    sizes = [stage.venue.catalogue["BTCUSDT"].market_max_qty]

    fault.shrink()  # type: ignore[attr-defined] # what the timer calls after shrink_s
    sizes.append(stage.venue.catalogue["BTCUSDT"].market_max_qty)

    assert first > sizes[0] > sizes[1] > 0
    stage.venue.faults.clear()
    assert stage.venue.catalogue["BTCUSDT"].market_max_qty == first


@pytest.mark.parametrize(
    ("rule", "order", "name"),
    [
        ("tick", terms("BUY", "1", "98.01"), "PRICE_FILTER"),
        ("step", terms("BUY", "1.00001", "98"), "LOT_SIZE"),
        ("min-notional", terms("BUY", "0.3", "98"), "NOTIONAL"),
    ],
)
async def test_fault_26_changes_a_rule_while_it_is_traded(
    rule: str, order: dict[str, str], name: str
) -> None:
    stage = PaperStage()
    open_order = await stage.order("BUY", "1.00001", "98.01")
    stage.arm(26, count=None, rule=rule, factor=10)

    assert await stage.refusal("order.place", **order) == (-1013, f"Filter failure: {name}")

    assert (await stage.status(open_order["orderId"]))["status"] == "NEW"
    stage.venue.faults.clear()
    await stage.call("order.place", **order)


async def test_fault_26_may_strike_one_symbol_only() -> None:
    stage = PaperStage()
    ticks = {name: spec.tick_size for name, spec in stage.venue.catalogue.items()}

    stage.arm(26, symbol="ETHUSDT", factor=0.1)

    changed = {name for name, spec in stage.venue.catalogue.items() if spec.tick_size != ticks[name]}
    assert changed == {"ETHUSDT"}
    assert stage.venue.catalogue["ETHUSDT"].tick_size == ticks["ETHUSDT"] / 10


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("BREAK", "Market is closed."),
        ("HALT", "This order type is not possible in this trading phase."),
        ("CANCEL_ONLY", "This order type is not possible in this trading phase."),
        ("END_OF_DAY", "This order type is not possible in this trading phase."),
    ],
)
async def test_fault_27_stops_trading_and_lets_cancels_through(status: str, text: str) -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "1", "98")
    pair = await stage.oco()
    stage.arm(27, count=None, status=status)

    assert await stage.refusal("order.place", **terms("BUY", "1", "98")) == (-2010, text)
    stage.trade("94")
    assert await stage.statuses(pair) == ["NEW", "NEW"]
    assert (await stage.call("order.cancel", orderId=order["orderId"]))["status"] == "CANCELED"

    stage.venue.faults.clear()
    stage.trade("94")
    assert await stage.statuses(pair) == ["FILLED", "EXPIRED"]


async def test_faults_on_one_rule_end_in_any_order() -> None:
    stage = PaperStage()
    first = stage.arm(27, count=None, status="HALT")
    second = stage.arm(27, count=None, status="BREAK", symbol="BTCUSDT")
    statuses = []
    for fault in (first, second):
        stage.venue.faults.clear(fault.serial)
        statuses.append([spec.status for spec in stage.venue.catalogue.values()])

    assert statuses == [["BREAK", "TRADING", "TRADING"], ["TRADING"] * 3]


async def test_fault_27_ends_by_itself() -> None:
    stage = PaperStage()
    fault = stage.arm(27, duration_s=0.000001)

    stage.venue.faults.sweep()

    assert stage.venue.catalogue["BTCUSDT"].status == "TRADING"
    assert fault.describe()["fired"] == 1
    assert stage.venue.faults.spent == [fault]


@pytest.mark.parametrize(
    ("mode", "refusal"), [("halted", (-2010, "Market is closed.")), ("removed", (-1121, "Invalid symbol."))]
)
async def test_fault_28_ends_all_orders_of_a_symbol_for_good(mode: str, refusal: tuple[int, str]) -> None:
    stage = PaperStage()
    await stage.oco()
    stage.events()
    stage.arm(28, count=None, symbol="BTCUSDT", stage=mode)

    ends = {(event["X"], event["eR"]) for event in stage.events()}
    assert ends == {("EXPIRED", "EXCHANGE_CANCELED")}
    assert await stage.refusal("order.place", **terms("BUY", "1", "98")) == refusal
    stage.book("90:1", "91:1")  # the market may go on talking
    stage.trade("90")

    stage.venue.faults.clear()
    await stage.order("BUY", "1", "80")
    assert stage.balance("BTC") == (Decimal(10), Decimal(0))


async def test_fault_28_keeps_what_another_fault_gives_back_meanwhile() -> None:
    stage = PaperStage()
    tick = stage.venue.catalogue["BTCUSDT"].tick_size
    change = stage.arm(26, count=None)
    stage.arm(28, count=None, symbol="BTCUSDT", stage="removed")

    stage.venue.faults.clear(change.serial)
    stage.venue.faults.clear()

    assert stage.venue.catalogue["BTCUSDT"].tick_size == tick


@pytest.mark.parametrize("params", [{}, {"symbol": "NOPEUSDT"}])
async def test_fault_28_names_what_it_needs(params: dict[str, Any]) -> None:
    stage = PaperStage()

    with pytest.raises(FaultError, match="symbol"):
        stage.arm(28, **params)

    assert stage.venue.faults.armed == []


@pytest.mark.parametrize("where", [{}, {"symbol": "BTCUSDT"}])
async def test_fault_69_changes_fees_and_gives_them_back(where: dict[str, Any]) -> None:
    stage = PaperStage()
    stage.arm(69, count=None, taker_bps=25, **where)
    dear = await stage.order("BUY", "0.5")
    stage.arm(69, count=None, taker_bps=0, maker_bps=0, **where)
    free = await stage.order("BUY", "0.5")
    stage.venue.faults.clear()
    usual = await stage.order("BUY", "0.5")

    commissions = [order["fills"][0]["commission"] for order in (dear, free, usual)]
    assert commissions == ["0.00125000", "0.00000000", "0.00050000"]


async def test_fault_69_shows_in_the_commission_of_the_account() -> None:
    stage = PaperStage()
    stage.arm(69, count=None, symbol="BTCUSDT", maker_bps=0, taker_bps=7.5)

    rates = await stage.call("account.commission")
    others = await stage.call("account.commission", symbol="ETHUSDT")

    assert rates["standardCommission"]["taker"] == "0.00075000"
    assert others["standardCommission"]["taker"] == "0.00100000"


async def test_a_symbol_has_no_fees_of_its_own_after_fault_69() -> None:
    stage = PaperStage()
    stage.arm(69, count=None, symbol="BTCUSDT", taker_bps=0)
    stage.venue.faults.clear()

    stage.arm(69, count=None, taker_bps=25)

    assert (await stage.order("BUY", "0.5"))["fills"][0]["commission"] == "0.00125000"


async def test_a_bracket_is_an_order_entry_too() -> None:
    stage = PaperStage()
    stage.arm(25, filter="NOTIONAL")

    assert await stage.refusal("orderList.place.opoco", **BRACKET) == (-1013, "Filter failure: NOTIONAL")
