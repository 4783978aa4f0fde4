"""Faults 30 to 33, 39 and 40: how orders meet a market that has been bent, and that it straightens again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.paper_stage import BRACKET, PaperStage, terms, until


@pytest.mark.parametrize(("fraction", "executed"), [(0.5, "0.40000000"), (0, "0.00000000")])
async def test_fault_30_fills_a_market_order_in_part(fraction: float, executed: str) -> None:
    stage = PaperStage()
    fault = stage.arm(30, fraction=fraction, for_s=0)

    order = await stage.order("BUY", "0.8")

    assert (order["status"], order["executedQty"]) == ("EXPIRED", executed)
    assert order["expiryReason"] == "INSUFFICIENT_LIQUIDITY"
    await until(lambda: not fault.undoings)
    assert (await stage.order("BUY", "0.8"))["status"] == "FILLED"
    assert fault.fired == 1


async def test_fault_30_outlives_the_next_book_and_straightens_in_time() -> None:
    stage = PaperStage()
    fault = stage.arm(30, count=None, fraction=0.5, for_s=3600, methods=["order.place"])
    await stage.order("BUY", "1")

    stage.book("99:5 98:5", "100:9 101:9")
    thin = stage.asks()
    stage.venue.faults.clear(fault.serial)

    assert thin == ["100:0.50000"]
    assert stage.asks() == ["100:9", "101:9"]


async def test_fault_30_leaves_limit_orders_alone() -> None:
    stage = PaperStage()
    fault = stage.arm(30)

    assert (await stage.order("BUY", "0.8", "100"))["status"] == "FILLED"
    assert fault.fired == 0


@pytest.mark.parametrize(
    ("tif", "fraction", "executed", "reason"),
    [
        ("FOK", 0.5, "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
        ("IOC", 0, "0.00000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("IOC", 0.5, "0.40000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
    ],
)
async def test_fault_31_leaves_little_within_the_limit(
    tif: str, fraction: float, executed: str, reason: str
) -> None:
    stage = PaperStage()
    fault = stage.arm(31, fraction=fraction)

    order = await stage.order("BUY", "0.8", "101", timeInForce=tif)

    assert (order["status"], order["executedQty"], order["expiryReason"]) == ("EXPIRED", executed, reason)
    assert fault.fired == 1


async def test_fault_31_strikes_the_working_order_of_a_list() -> None:
    stage = PaperStage()
    stage.arm(31)

    answer = await stage.call("orderList.place.opoco", **BRACKET)

    assert await stage.statuses(answer) == ["EXPIRED"] * 3


@pytest.mark.parametrize(("side", "price"), [("BUY", "97"), ("SELL", "120")])
async def test_fault_32_moves_the_market_over_a_maker(side: str, price: str) -> None:
    stage = PaperStage()
    fault = stage.arm(32, for_s=0)
    maker = terms(side, "1", price) | {"type": "LIMIT_MAKER", "timeInForce": None}

    refusal = await stage.refusal("order.place", **maker)

    assert refusal == (-2010, "Order would immediately match and take.")
    await until(lambda: not fault.undoings)
    assert stage.ask() == Decimal(100)
    assert (await stage.call("order.place", **maker))["orderId"]


@pytest.mark.parametrize(("side", "price"), [("BUY", None), ("SELL", None), ("BUY", "101"), ("SELL", "98")])
async def test_fault_33_stops_an_order_outside_the_price_range(side: str, price: str | None) -> None:
    stage = PaperStage()
    fault = stage.arm(33, for_s=0)

    order = await stage.order(side, "0.8", price)

    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.00000000")
    assert order["expiryReason"] == "EXECUTION_RULE_PRICE_RANGE_EXCEEDED"
    await until(lambda: not fault.undoings)
    assert (await stage.order(side, "0.8", price))["status"] == "FILLED"


async def test_fault_33_leaves_alone_what_would_not_trade() -> None:
    stage = PaperStage()
    fault = stage.arm(33)

    assert (await stage.order("BUY", "1", "98"))["status"] == "NEW"
    assert fault.fired == 0


async def test_fault_39_jumps_over_a_stop_and_fills_it_far_below() -> None:
    stage = PaperStage()
    pair = await stage.oco()
    fault = stage.arm(39, depth_bps=1000, for_s=0.01)

    stage.book("99:5 98:5", "100:1 101:5")

    assert await stage.statuses(pair) == ["FILLED", "EXPIRED"]
    assert [trade["price"] for trade in await stage.call("myTrades")] == ["85.50000000"]
    stage.book("99:5 98:5", "100:1 101:5")  # the market goes on, the gap stays
    assert Decimal(80) < stage.ask() < Decimal(90)
    await until(lambda: not fault.undoings)
    assert (stage.ask(), fault.fired) == (Decimal(100), 1)


async def test_fault_39_leaves_a_limit_stop_unfilled_above_the_market() -> None:
    stage = PaperStage()
    limit = {"belowType": "STOP_LOSS_LIMIT", "belowPrice": "94", "belowTimeInForce": "GTC"}
    pair = await stage.oco(**limit)
    stage.arm(39, depth_bps=500, for_s=3600)

    stage.book("99:5 98:5", "100:1 101:5")

    stop = await stage.status(pair["orders"][0]["orderId"])
    assert (stop["status"], stop["isWorking"]) == ("NEW", True)
    assert await stage.statuses(pair) == ["NEW", "EXPIRED"]
    assert stage.venue.engine.ledger()["protected"] == {}


async def test_fault_39_jumps_over_a_trailing_stop() -> None:
    stage = PaperStage()
    order = terms("SELL", "1") | {"type": "STOP_LOSS", "trailingDelta": 200}
    trailing = await stage.call("order.place", **order)
    stage.arm(39, depth_bps=100)

    stage.book("99:5 98:5", "100:1 101:5")

    assert (await stage.status(trailing["orderId"]))["status"] == "FILLED"


async def test_fault_39_waits_for_a_stop() -> None:
    stage = PaperStage()
    fault = stage.arm(39)

    stage.book("99:5 98:5", "100:1 101:5")
    assert (fault.fired, stage.ask()) == (0, Decimal(100))

    await stage.oco()
    stage.book("99:5 98:5", "100:1 101:5")
    assert fault.fired == 1


async def test_fault_40_fills_in_fifty_pieces() -> None:
    stage = PaperStage()
    fault = stage.arm(40, step_ticks=1)

    order = await stage.order("BUY", "0.8")

    assert (order["status"], len(order["fills"])) == ("FILLED", 50)
    assert order["fills"][0]["price"] == "100.00000000"
    assert len({fill["price"] for fill in order["fills"]}) == 50
    await until(lambda: not fault.undoings)
    assert len((await stage.order("BUY", "0.5"))["fills"]) == 1
    assert fault.fired == 1


async def test_fault_40_keeps_the_pieces_within_a_limit() -> None:
    stage = PaperStage()
    stage.arm(40, pieces=10, step_ticks=100)

    order = await stage.order("BUY", "0.8", "100.5", timeInForce="FOK")

    assert (order["status"], len(order["fills"])) == ("FILLED", 10)
    assert max(fill["price"] for fill in order["fills"]) <= "100.50000000"


@pytest.mark.parametrize("held", ["5", "0"])
async def test_fault_40_lets_bnb_run_out_in_the_middle(held: str) -> None:
    stage = PaperStage(USDT="10000", BTC="1", BNB=held)
    stage.book("599:5", "600:5", symbol="BNBUSDT")
    stage.trade("600", symbol="BNBUSDT")
    fault = stage.arm(40, bnb_pieces=20)

    order = await stage.order("BUY", "0.8")

    assets = [fill["commissionAsset"] for fill in order["fills"]]
    assert assets == ["BNB"] * 20 + ["BTC"] * 30
    await until(lambda: not fault.undoings)
    assert stage.balance("BNB")[1] == 0
    assert (await stage.order("BUY", "0.1"))["fills"][0]["commissionAsset"] == "BTC"


async def test_fault_40_needs_a_step_for_each_piece() -> None:
    stage = PaperStage()
    stage.venue.catalogue.update("BTCUSDT", step_size=Decimal("0.1"), min_qty=Decimal("0.1"))
    fault = stage.arm(40)

    assert len((await stage.order("BUY", "0.8"))["fills"]) == 1
    assert fault.fired == 0
