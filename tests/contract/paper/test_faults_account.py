"""Faults of an account that others use too: cancels, balances, trade ids, numbers written otherwise."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import requests
from binance.client import Client

from tests.contract.paper.sockets import BUY, arm, disarm, hear, subscribed, tell
from tests.support.paper_venue import PaperServer, wait_until


def rest(client: Client, **terms: Any) -> dict[str, Any]:
    """Send an order that rests, and give it."""
    order = {"symbol": "BTCUSDT", "quantity": "0.001", "price": "20000"} | terms
    answer: dict[str, Any] = client.order_limit_buy(**order)
    return answer


def status(client: Client, order: dict[str, Any]) -> str:
    return str(client.get_order(symbol="BTCUSDT", orderId=order["orderId"])["status"])


def balance(venue: PaperServer, asset: str = "USDT") -> Decimal:
    held = venue.paper("ledger")["balances"][asset]
    return Decimal(held["free"]) + Decimal(held["locked"])


async def test_fault_61_cancels_under_a_strange_id(venue: PaperServer) -> None:
    client = venue.client()
    async with subscribed(venue) as user:
        await arm(venue, "canceled-elsewhere", after_s=0.05)
        order = await asyncio.to_thread(rest, client, newClientOrderId="ours-61")
        report = (await hear(user))["event"]
        while report.get("x") != "CANCELED":
            report = (await hear(user))["event"]

    assert (report["i"], report["C"]) == (order["orderId"], "ours-61")
    assert report["c"].startswith("web_")
    assert venue.paper("faults")["spent"][-1]["fired"] == 1


def test_fault_61_cancels_what_is_there_already(venue: PaperServer, client: Client) -> None:
    order = rest(client)
    venue.arm(61, count=None, side="BUY")

    assert status(client, order) == "CANCELED"


def test_fault_61_takes_the_whole_list(venue: PaperServer, client: Client) -> None:
    price = Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["askPrice"])
    above, below = (str((price * Decimal(part)).quantize(Decimal("0.01"))) for part in ("1.1", "0.9"))
    legs = {
        "aboveType": "LIMIT_MAKER",
        "abovePrice": above,
        "belowType": "STOP_LOSS",
        "belowStopPrice": below,
    }
    venue.arm(61, side="SELL", after_s=0.05)
    venue.signed("POST", "orderList/oco", {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.001", **legs})

    def legs_left() -> set[str]:
        return {order["status"] for order in venue.paper("ledger")["orders"][-2:]}

    wait_until(lambda: legs_left() == {"CANCELED"})


@pytest.mark.parametrize(
    ("mode", "amount", "moved", "events"),
    [
        ("deposit", "25", 25, ["balanceUpdate", "outboundAccountPosition"]),
        ("withdrawal", "25", -25, ["balanceUpdate", "outboundAccountPosition"]),
        ("moved", "-10.5", Decimal("-10.5"), ["outboundAccountPosition"]),
        ("silent", "7", 7, []),
    ],
)
async def test_fault_64_moves_the_balance(
    venue: PaperServer, *, mode: str, amount: str, moved: Decimal | int, events: list[str]
) -> None:
    before = balance(venue)
    async with subscribed(venue) as user:
        await arm(venue, "balance-moved", mode=mode, amount=amount)
        seen = await tell(user, "order.place", **BUY)

    told = [frame["event"]["e"] for frame in seen[:-1]]
    assert told == [*events, "executionReport", "executionReport", "outboundAccountPosition"]
    spent = sum(Decimal(fill["quoteQty"]) for fill in venue.paper("ledger")["fills"][-1:])
    assert balance(venue) - before + spent == moved


async def test_fault_64_lets_another_bot_trade(venue: PaperServer) -> None:
    async with subscribed(venue) as user:
        await arm(venue, 64, mode="other-bot", amount="100")
        events = [(await hear(user))["event"] for _ in range(3)]

    assert [event["e"] for event in events] == [
        "executionReport",
        "executionReport",
        "outboundAccountPosition",
    ]
    assert events[1]["X"] == "FILLED"
    assert events[1]["c"].startswith("x-OTHER")


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"mode": "withdrawal", "amount": "1000000"}, "parameter 'amount' of balance-moved cannot be booked"),
        ({"amount": "much"}, "parameter 'amount' of balance-moved must be a decimal as text"),
        ({"mode": "other-bot", "amount": "1000000"}, "the other bot was refused: Account has insufficient"),
    ],
)
def test_fault_64_says_what_cannot_be_booked(venue: PaperServer, params: dict[str, str], line: str) -> None:
    body = {"fault": 64, "params": params}

    answer = requests.post(f"{venue.url}/paper/faults", json=body, timeout=20)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(line)
    assert venue.paper("faults")["armed"] == []


def test_fault_66_leaves_holes_in_the_trade_ids(venue: PaperServer, client: Client) -> None:
    venue.arm("trade-ids", count=2, max_gap=50)

    ids = [client.create_order(**BUY)["fills"][0]["tradeId"] for _ in range(4)]

    steps = [later - former for former, later in pairwise(ids)]
    assert 1 < steps[0] <= 51
    assert steps[1:] == [1, 1]


async def test_fault_66_ends_pages_early(venue: PaperServer) -> None:
    client = venue.client()
    for _ in range(3):
        await asyncio.to_thread(client.create_order, **BUY)
    ids = [row["id"] for row in await asyncio.to_thread(client.get_my_trades, symbol="BTCUSDT")]
    await arm(venue, 66, count=None, mode="short-page", page=2)

    last = await asyncio.to_thread(client.get_my_trades, symbol="BTCUSDT")
    first = await asyncio.to_thread(client.get_my_trades, symbol="BTCUSDT", fromId=ids[0])

    assert [row["id"] for row in last] == ids[-2:]
    assert [row["id"] for row in first] == ids[:2]
    await disarm(venue)


@pytest.mark.parametrize(
    ("mode", "written"),
    [
        ("stripped", "0.001"),
        ("long", "0.001000000000000000"),
        ("scientific", "1.00000E-3"),
        ("number", 0.001),
    ],
)
async def test_fault_76_writes_numbers_otherwise(
    venue: PaperServer, *, mode: str, written: str | float
) -> None:
    async with subscribed(venue) as user:
        await arm(venue, "report-numbers", mode=mode)
        [new, trade, *_] = await tell(user, "order.place", **BUY)

    assert new["event"]["q"] == written
    assert trade["event"]["q"] == "0.00100000"
