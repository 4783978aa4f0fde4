"""Faults 29, 34 and 41: another client on the account, and answers that look unusual."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_stage import PaperStage, terms, until
from trading.paper.faults import Frame

POOR = (-2010, "Account has insufficient balance for requested action.")


@pytest.mark.parametrize(
    ("mode", "event", "locked"),
    [
        ("order", "executionReport", Decimal("9999.9999")),
        ("withdraw", "balanceUpdate", Decimal(0)),
        ("lock", "externalLockUpdate", Decimal(10000)),
    ],
)
async def test_fault_29_takes_the_money_right_before_an_order(mode: str, event: str, locked: Decimal) -> None:
    stage = PaperStage()
    fault = stage.arm(29, mode=mode, for_s=0.01)

    assert await stage.refusal("order.place", **terms("BUY", "1", "98")) == POOR

    assert stage.balance("USDT")[1] == locked
    assert len(stage.events(event)) == 1
    await until(lambda: not fault.undoings)
    assert stage.balance("USDT") == (Decimal(10000), Decimal(0))
    assert fault.fired == 1
    await stage.order("BUY", "1", "98")


async def test_fault_29_may_take_the_base_asset_before_a_sale() -> None:
    stage = PaperStage()
    stage.arm(29, mode="withdraw", side="SELL", fraction=0.95)

    await stage.order("BUY", "0.1")
    assert await stage.refusal("order.place", **terms("SELL", "1")) == POOR


async def test_fault_29_acts_at_once_when_told_so() -> None:
    stage = PaperStage()
    fault = stage.arm(29, mode="order", when="now", fraction=0.5, symbol="BTCUSDT")

    stage.book("99:5 98:5", "100:1 101:5")

    [order] = await stage.call("openOrders.status")
    assert order["clientOrderId"].startswith("web_")
    assert Decimal(4900) < stage.balance("USDT")[1] <= Decimal(5000)
    stage.venue.faults.clear(fault.serial)
    assert await stage.call("openOrders.status") == []


async def test_fault_29_sells_what_the_bot_holds() -> None:
    stage = PaperStage()
    stage.arm(29, mode="sell", when="now", symbol="BTCUSDT", fraction=0.1)

    stage.book("99:5 98:5", "100:1 101:5")

    assert stage.balance("BTC") == (Decimal(9), Decimal(0))
    assert [trade["isBuyer"] for trade in await stage.call("myTrades")] == [False]


async def test_fault_29_cancels_what_protects() -> None:
    stage = PaperStage()
    fault = stage.arm(29, mode="cancel", when="now", symbol="BTCUSDT")
    stage.book("99:5 98:5", "100:1 101:5")
    assert fault.fired == 0

    pair = await stage.oco()
    stage.book("99:5 98:5", "100:1 101:5")

    assert await stage.statuses(pair) == ["CANCELED", "CANCELED"]
    assert fault.fired == 1


async def test_fault_29_finds_no_price_on_a_grid_too_coarse() -> None:
    stage = PaperStage(BTC="1")
    stage.venue.catalogue.update("BTCUSDT", tick_size=Decimal(1000))
    fault = stage.arm(29, mode="order", when="now")

    stage.book("99:5 98:5", "100:1 101:5")

    assert fault.fired == 0


async def test_fault_29_has_nothing_to_give_back_after_a_reset() -> None:
    stage = PaperStage()
    stage.arm(29, mode="lock", when="now", symbol="BTCUSDT")
    stage.arm(68, count=None)

    stage.venue.faults.clear()

    assert stage.balance("USDT") == (Decimal(10000), Decimal(0))


async def test_fault_29_leaves_alone_what_is_too_small() -> None:
    stage = PaperStage(USDT="4")
    fault = stage.arm(29, mode="order", when="now")

    stage.book("99:5 98:5", "100:1 101:5")

    assert fault.fired == 0


async def test_fault_34_ends_a_resting_order_by_another_of_the_account() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    stage.events()
    fault = stage.arm(34)

    stage.book("99:5 98:5", "100:1 101:5")

    assert await stage.statuses(pair) == ["EXPIRED", "EXPIRED_IN_MATCH"]
    assert "TRADE_PREVENTION" in {event["x"] for event in stage.events()}
    assert await stage.call("myTrades") == []
    assert stage.ask() == Decimal(100)
    assert fault.fired == 1


async def test_fault_34_may_take_a_part_only() -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "1", "98")
    stage.arm(34, stp="DECREMENT")

    stage.book("99:5 98:5", "100:1 101:5")

    now = await stage.status(order["orderId"])
    assert (now["status"], now["executedQty"]) == ("NEW", "0.00000000")
    assert Decimal(now["preventedQuantity"]) == Decimal("0.05103")


async def test_fault_34_does_not_count_what_the_venue_refused() -> None:
    stage = PaperStage(BTC="1")
    order = await stage.order("SELL", "1", "110")
    fault = stage.arm(34)

    stage.book("99:5 98:5", "100:1 101:5")

    assert (await stage.status(order["orderId"]))["status"] == "NEW"
    assert fault.fired == 0


@pytest.mark.parametrize(
    ("mode", "price"), [("decimals-long", "98.000000000000000000"), ("decimals-short", "98")]
)
async def test_fault_41_writes_numbers_otherwise(mode: str, price: str) -> None:
    stage = PaperStage()
    fault = stage.arm(41, count=None, mode=mode)

    answer = await stage.order("BUY", "1", "98")

    assert answer["price"] == price
    assert {event["p"] for event in stage.events()} == {price}
    assert fault.fired >= 2
    stage.venue.faults.clear()
    assert (await stage.status(answer["orderId"]))["price"] == "98.00000000"


async def test_fault_41_adds_fields_that_nobody_knows() -> None:
    stage = PaperStage()
    stage.arm(41, count=None, mode="fields")

    answer = await stage.order("BUY", "1")

    assert answer["futureList"] == [{"deep": [1, 2]}]
    assert answer["fills"][0]["futureField"] == "1"
    assert {event["futureField"] for event in stage.events()} == {"1"}


async def test_fault_41_spares_the_streams_when_calls_are_named() -> None:
    stage = PaperStage()
    stage.arm(41, count=None, mode="fields", methods=["order.place"])

    assert "futureField" in await stage.order("BUY", "1")
    assert not any("futureField" in event for event in stage.events())


async def test_fault_41_shows_filters_and_names_that_nobody_knows() -> None:
    stage = PaperStage()
    stage.arm(41, count=None, mode="filter")
    stage.arm(41, count=None, mode="unicode")

    info = await stage.call("exchangeInfo", symbol=None)
    balances = (await stage.call("account.status", symbol=None))["balances"]

    kinds = {one["filterType"] for one in info["symbols"][0]["filters"]}
    assert {"T_PLUS_SELL", "FUTURE_FILTER", "LOT_SIZE"} <= kinds
    assert info["symbols"][-1]["symbol"] == "币安人生USDT"
    assert balances[-1] == {"asset": "币安人生", "free": "0.00000000", "locked": "0.00000000"}


async def test_fault_41_names_a_foreign_symbol_on_the_streams() -> None:
    stage = PaperStage()
    stage.arm(41, count=None, mode="unicode")

    [frame] = stage.venue.faults.on_frame(Frame("market", "!miniTicker@arr", [{"s": "BTCUSDT", "c": "1"}]))

    assert [row["s"] for row in frame.payload] == ["BTCUSDT", "币安人生USDT"]


@pytest.mark.parametrize(
    ("params", "field"), [({"field": "status"}, "status"), ({"field": "type"}, "type"), ({}, "status")]
)
async def test_fault_41_puts_an_unknown_word_into_a_field(params: dict[str, Any], field: str) -> None:
    stage = PaperStage()
    fault = stage.arm(41, mode="enum", **params)

    first, second = await stage.order("BUY", "1", "98"), await stage.order("BUY", "1", "98")

    assert (first[field], second[field] != "SOMETHING_NEW") == ("SOMETHING_NEW", True)
    assert fault.fired == 1
