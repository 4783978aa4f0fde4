"""Faults 11 to 15 and 45: what they do to orders, that they count, and that they end."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.support.paper_stage import BRACKET, PaperStage, terms, until

UNKNOWN = (-2011, "Unknown order sent.")


async def test_fault_11_shows_what_was_open_and_hides_what_is_new() -> None:
    stage = PaperStage()
    old = await stage.order("BUY", "2", "99.5")
    stage.venue.clock.set_apart(10_000)
    fault = stage.arm(11, count=None, window_s=5)
    stage.venue.engine.execute("order.cancel", {"symbol": "BTCUSDT", "orderId": old["orderId"]})
    await stage.order("BUY", "1", "98")

    lagging = await stage.call("openOrders.status")

    assert [(order["orderId"], order["status"]) for order in lagging] == [(old["orderId"], "NEW")]
    assert fault.fired == 1
    stage.venue.faults.clear()
    assert [order["price"] for order in await stage.call("openOrders.status")] == ["98.00000000"]


async def test_fault_11_shows_a_list_that_has_ended_and_no_fills() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    stage.venue.clock.set_apart(10_000)
    stage.trade("110", "0.4")
    stage.arm(11, count=None, window_s=5)

    orders = await stage.call("openOrders.status")
    lists = await stage.call("openOrderLists.status", symbol=None)

    assert {order["executedQty"] for order in orders} == {"0.00000000"}
    assert len(orders) == 2
    assert [one["orderListId"] for one in lists] == [pair["orderListId"]]


@pytest.mark.parametrize("executes", [False, True])
async def test_fault_12_says_duplicate_of_an_id_used_once(executes: bool) -> None:
    stage = PaperStage()
    fault = stage.arm(12, executes=executes)
    order = terms("BUY", "1", "98") | {"newClientOrderId": "mine"}

    assert await stage.refusal("order.place", **order) == (-2010, "Duplicate order sent.")

    assert len(await stage.call("openOrders.status")) == int(executes)
    assert fault.fired == 1
    await stage.call("order.place", **order | {"newClientOrderId": "other"})


@pytest.mark.parametrize(("answers", "order_id"), [("first", 1), ("second", 2)])
async def test_fault_13_executes_an_order_twice_under_one_id(answers: str, order_id: int) -> None:
    stage = PaperStage()
    fault = stage.arm(13, answers=answers)

    answer = await stage.order("BUY", "0.5", newClientOrderId="mine")

    assert answer["orderId"] == order_id
    assert [trade["orderId"] for trade in await stage.call("myTrades")] == [1, 2]
    assert (await stage.call("order.status", origClientOrderId="mine"))["orderId"] == 2
    assert fault.fired == 1


async def test_fault_13_leaves_alone_what_is_open_and_does_not_count_a_refused_copy() -> None:
    stage = PaperStage()
    fault = stage.arm(13)

    await stage.order("BUY", "1", "98")
    await stage.order("SELL", "9")  # ten are there: a copy finds no money

    assert fault.fired == 0
    assert len(stage.venue.engine.ledger()["orders"]) == 2


async def test_fault_13_may_execute_a_list_that_expired_at_first() -> None:
    stage = PaperStage()
    stage.arm(31)
    stage.arm(13)

    answer = await stage.call("orderList.place.opoco", **BRACKET)

    assert await stage.statuses(answer) == ["EXPIRED"] * 3
    assert len(stage.venue.engine.ledger()["order_lists"]) == 2


async def test_fault_14_fills_an_order_before_its_cancel() -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "1", "98")
    fault = stage.arm(14)

    assert await stage.refusal("order.cancel", orderId=order["orderId"]) == UNKNOWN

    assert (await stage.status(order["orderId"]))["status"] == "FILLED"
    assert fault.fired == 1


@pytest.mark.parametrize(
    ("leg", "price", "statuses"),
    [("target", "110.00000000", ["EXPIRED", "FILLED"]), ("stop", "94.99000000", ["FILLED", "EXPIRED"])],
)
async def test_fault_14_fills_either_leg_before_a_list_is_cancelled(
    leg: str, price: str, statuses: list[str]
) -> None:
    stage = PaperStage()
    pair = await stage.oco()
    stage.arm(14, leg=leg)

    assert await stage.refusal("orderList.cancel", orderListId=pair["orderListId"]) == UNKNOWN

    assert await stage.statuses(pair) == statuses
    assert [trade["price"] for trade in await stage.call("myTrades")] == [price]
    assert stage.ask() == Decimal(100)


async def test_fault_14_waits_for_a_cancel_that_has_something_to_meet() -> None:
    stage = PaperStage()
    fault = stage.arm(14)

    assert await stage.refusal("openOrders.cancelAll") == UNKNOWN
    assert fault.fired == 0


@pytest.mark.parametrize("method", ["order.cancel", "openOrders.cancelAll"])
async def test_fault_15_fills_a_part_before_the_cancel(method: str) -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "2", "98")
    fault = stage.arm(15, fraction=0.25)

    answer = await stage.call(method, orderId=order["orderId"] if method == "order.cancel" else None)

    report = answer if isinstance(answer, dict) else answer[0]
    assert (report["status"], report["executedQty"]) == ("CANCELED", "0.50000000")
    assert fault.fired == 1


async def test_fault_15_leaves_an_order_of_one_step_alone() -> None:
    stage = PaperStage()
    stage.venue.catalogue.update("BTCUSDT", step_size=Decimal(1), min_qty=Decimal(1))
    order = await stage.order("BUY", "1", "98")
    fault = stage.arm(15)

    answer = await stage.call("order.cancel", orderId=order["orderId"])

    assert (answer["executedQty"], fault.fired) == ("0.00000000", 0)


async def test_fault_45_rejects_an_accepted_order_later() -> None:
    stage = PaperStage()
    fault = stage.arm(45, delay_s=0, reason="INSUFFICIENT_BALANCES")

    order = await stage.order("BUY", "1", "98")

    assert order["status"] == "NEW"
    await until(lambda: not stage.venue.engine.execute("openOrders.status", {}))
    last = stage.events()[-1]
    assert (last["x"], last["X"], last["r"]) == ("REJECTED", "REJECTED", "INSUFFICIENT_BALANCES")
    assert stage.balance("USDT") == (Decimal(10000), Decimal(0))
    assert fault.fired == 1


async def test_fault_45_spares_an_order_that_ended_while_its_reply_was_held_up() -> None:
    stage = PaperStage()
    stage.arm(8, delay_s=0.05)
    stage.arm(45, delay_s=0)

    placing = asyncio.create_task(stage.order("BUY", "1", "98"))
    await until(lambda: bool(stage.venue.engine.execute("openOrders.status", {})))
    stage.venue.engine.execute("openOrders.cancelAll", {"symbol": "BTCUSDT"})
    order = await placing

    assert (order["status"], await stage.call("openOrders.status")) == ("NEW", [])


async def test_fault_45_ends_a_list_by_its_first_leg() -> None:
    stage = PaperStage()
    stage.arm(45, delay_s=0)

    pair = await stage.oco()

    await until(lambda: not stage.venue.engine.execute("openOrders.status", {}))
    assert await stage.statuses(pair) == ["REJECTED", "EXPIRED"]
    assert stage.balance("BTC") == (Decimal(10), Decimal(0))
