"""Faults 35 to 38: what consists of several orders and does not succeed as a whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_stage import BRACKET, OCO, PaperStage, terms, until


def replacing(order: dict[str, Any], mode: str = "STOP_ON_FAILURE", **changes: Any) -> dict[str, Any]:
    """Give the parameters of a cancelReplace of an order by a BUY of 1 at 97."""
    return terms("BUY", "1", "97") | {
        "cancelReplaceMode": mode,
        "cancelOrderId": order["orderId"],
        "cancelNewClientOrderId": "gone",
        **changes,
    }


@pytest.mark.parametrize(
    ("outcome", "mode", "answer", "old", "placed"),
    [
        ("cancel-only", "STOP_ON_FAILURE", (409, -2021, "SUCCESS", "FAILURE"), "CANCELED", 0),
        ("cancel-fails", "STOP_ON_FAILURE", (400, -2022, "FAILURE", "NOT_ATTEMPTED"), "FILLED", 0),
        ("cancel-fails", "ALLOW_FAILURE", (409, -2021, "FAILURE", "SUCCESS"), "FILLED", 1),
        ("neither", "STOP_ON_FAILURE", (400, -2022, "FAILURE", "NOT_ATTEMPTED"), "FILLED", 0),
        ("neither", "ALLOW_FAILURE", (400, -2022, "FAILURE", "FAILURE"), "FILLED", 0),
    ],
)
async def test_fault_35_lets_a_half_or_both_fail(
    outcome: str, mode: str, answer: tuple[int, int, str, str], old: str, placed: int
) -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "1", "98")
    fault = stage.arm(35, outcome=outcome)

    reply = await stage.reply("order.cancelReplace", **replacing(order, mode))

    data = reply.body["data"]
    assert (reply.status, reply.body["code"], data["cancelResult"], data["newOrderResult"]) == answer
    assert (await stage.status(order["orderId"]))["status"] == old
    assert len(await stage.call("openOrders.status")) == placed
    assert fault.fired == 1


async def test_fault_35_cancels_a_whole_pair_and_leaves_nothing() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    stage.arm(35)
    sale: dict[str, Any] = terms("SELL", "1") | {"price": None, "timeInForce": None}

    reply = await stage.reply("order.cancelReplace", **replacing(pair["orders"][0], **sale))

    assert reply.body["data"]["cancelResponse"]["contingencyType"] == "OCO"
    assert await stage.statuses(pair) == ["CANCELED", "CANCELED"]
    assert stage.balance("BTC") == (Decimal(10), Decimal(0))


@pytest.mark.parametrize(
    ("reason", "refusal", "qty"),
    [
        ("executed", (-1013, "Invalid quantity."), "2.00000000"),
        ("too-many", (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"), "2.00000000"),
        ("increase", (-2038, "Order amend (quantity increase) is not supported."), "2.00000000"),
        ("no-change", (-2038, "The requested action would change no state; rejecting."), "1.00000000"),
    ],
)
async def test_fault_36_refuses_an_amendment(reason: str, refusal: tuple[int, str], qty: str) -> None:
    stage = PaperStage()
    order = await stage.order("BUY", "2", "98")
    fault = stage.arm(36, reason=reason)
    amend = {"orderId": order["orderId"], "newQty": "1"}

    assert await stage.refusal("order.amend.keepPriority", **amend) == refusal

    now = await stage.status(order["orderId"])
    assert now["origQty"] == qty
    assert now["executedQty"] == ("1.00000000" if reason == "executed" else "0.00000000")
    assert fault.fired == 1


async def test_fault_37_moves_the_market_below_the_stop_of_a_pair() -> None:
    stage = PaperStage()
    fault = stage.arm(37, for_s=0)

    refusal = await stage.refusal("orderList.place.oco", **OCO)

    assert refusal == (-2010, "The relationship of the prices for the orders is not correct.")
    assert stage.balance("BTC") == (Decimal(10), Decimal(0))
    await until(lambda: not fault.undoings)
    assert stage.ask() == Decimal(100)
    stage.trade("99.5")
    await stage.oco()


async def test_fault_37_refuses_the_stop_at_its_trigger() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    stage.events()
    fault = stage.arm(37, mode="leg-rejected", for_s=3600)

    stage.book("99:5 98:5", "100:1 101:5")

    ends = [(event["X"], event["eR"]) for event in stage.events() if event["X"] == "EXPIRED"]
    assert ends == [("EXPIRED", "OCO_TRIGGER"), ("EXPIRED", "REJECTED")]
    assert await stage.statuses(pair) == ["EXPIRED", "EXPIRED"]
    assert stage.ask() < Decimal(96)
    assert (await stage.order("SELL", "1"))["status"] == "FILLED"  # the rule held for that moment only
    assert fault.fired == 1


async def test_fault_37_crosses_both_legs_within_one_tick() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    fault = stage.arm(37, mode="race", for_s=3600)

    stage.book("99:5 98:5", "100:1 101:5")

    assert await stage.statuses(pair) == ["FILLED", "EXPIRED"]
    assert len(await stage.call("myTrades")) == 1
    assert stage.ask() > Decimal(110)
    stage.venue.faults.clear()
    assert (stage.ask(), fault.fired) == (Decimal(100), 1)


async def test_fault_37_waits_for_a_pair() -> None:
    stage = PaperStage()
    await stage.order("SELL", "1", "110")
    fault = stage.arm(37, mode="race")

    stage.book("99:5 98:5", "100:1 101:5")

    assert fault.fired == 0


@pytest.mark.parametrize("kind", ["otoco", "opoco"])
async def test_fault_37_refuses_pending_orders_when_the_working_one_fills(kind: str) -> None:
    stage = PaperStage()
    fault = stage.arm(37, mode="pending-rejected", for_s=0)
    sized = {"pendingQuantity": "1"} if kind == "otoco" else {}

    answer = await stage.call(f"orderList.place.{kind}", **BRACKET | sized)

    assert await stage.statuses(answer) == ["FILLED", "EXPIRED", "EXPIRED"]
    assert {event.get("eR") for event in stage.events() if event["X"] == "EXPIRED"} == {"REJECTED"}
    assert stage.balance("BTC")[1] == 0
    await until(lambda: not fault.undoings)
    await stage.oco()


async def test_fault_37_runs_over_the_stop_between_the_fill_and_its_placement() -> None:
    stage = PaperStage()
    fault = stage.arm(37, mode="pending-overrun", for_s=0.01)

    answer = await stage.call("orderList.place.opoco", **BRACKET)

    assert await stage.statuses(answer) == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    await until(lambda: not fault.undoings)
    assert await stage.statuses(answer) == ["FILLED", "EXPIRED", "EXPIRED"]
    reasons = {event["r"] for event in stage.events() if event.get("eR") == "REJECTED"}
    assert reasons == {"STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"}
    assert stage.ask() == Decimal(100)


@pytest.mark.parametrize("kind", ["otoco", "opoco"])
async def test_fault_38_holds_pending_orders_back(kind: str) -> None:
    stage = PaperStage()
    fault = stage.arm(38, for_s=0.01)
    sized = {"pendingQuantity": "1"} if kind == "otoco" else {}

    answer = await stage.call(f"orderList.place.{kind}", **BRACKET | sized)

    assert await stage.statuses(answer) == ["FILLED", "PENDING_NEW", "PENDING_NEW"]
    assert stage.venue.engine.ledger()["protected"] == {}
    await until(lambda: not fault.undoings)
    assert await stage.statuses(answer) == ["FILLED", "NEW", "NEW"]
    assert fault.fired == 1


async def test_fault_38_lets_a_held_list_be_cancelled() -> None:
    stage = PaperStage()
    stage.arm(38, for_s=3600)
    answer = await stage.call("orderList.place.opoco", **BRACKET)

    await stage.call("orderList.cancel", orderListId=answer["orderListId"])
    stage.venue.faults.clear()

    assert await stage.statuses(answer) == ["FILLED", "CANCELED", "CANCELED"]
    assert stage.balance("BTC") == (Decimal("10.999"), Decimal(0))


async def test_what_fault_38_held_back_is_placed_after_a_restart() -> None:
    stage = PaperStage()
    stage.arm(38, for_s=3600)
    answer = await stage.call("orderList.place.opoco", **BRACKET)

    stage.venue.engine.restore(stage.venue.engine.snapshot())
    stage.trade("100.5")

    assert await stage.statuses(answer) == ["FILLED", "NEW", "NEW"]


async def test_fault_38_cancels_a_working_order_that_has_filled_in_part() -> None:
    stage = PaperStage()
    fault = stage.arm(38, mode="partial-cancel", fraction=0.25)
    resting = {"workingTimeInForce": "GTC", "workingPrice": "98"}

    answer = await stage.call("orderList.place.opoco", **BRACKET | resting)

    assert await stage.statuses(answer) == ["CANCELED"] * 3
    working = await stage.status(answer["orders"][0]["orderId"])
    assert working["executedQty"] == "0.25000000"
    assert stage.venue.engine.ledger()["protected"] == {}
    assert fault.fired == 1


@pytest.mark.parametrize("method", ["orderList.place.opoco", "orderList.place.oco"])
async def test_fault_38_cancels_a_target_that_has_filled_in_part(method: str) -> None:
    stage = PaperStage()
    stage.arm(38, mode="partial-cancel", fraction=0.25)

    answer = await stage.call(method, **(OCO if method.endswith("place.oco") else BRACKET))

    assert (await stage.statuses(answer))[-2:] == ["EXPIRED", "CANCELED"]
    target = await stage.status(answer["orders"][-1]["orderId"])
    assert target["executedQty"] in ("0.25000000", "0.24975000")
    assert stage.venue.engine.ledger()["protected"] == {}


async def test_fault_38_leaves_alone_what_does_not_rest() -> None:
    stage = PaperStage()
    fault = stage.arm(38, mode="partial-cancel")
    stage.arm(31)

    await stage.call("orderList.place.opoco", **BRACKET)

    assert fault.fired == 0
