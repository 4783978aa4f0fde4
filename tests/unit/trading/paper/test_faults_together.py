"""All faults of orders at once, under a trader who does anything: money is conserved, the rules come back."""

from __future__ import annotations

import asyncio
import contextlib
import random
from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_stage import BRACKET, OCO, PaperStage, terms
from trading.paper.faults import Fault, FaultError
from trading.paper.faults_lists import LIST_FAULTS
from trading.paper.faults_matching import MATCHING_FAULTS
from trading.paper.faults_orders import ORDER_FAULTS
from trading.paper.faults_outsider import OUTSIDER_FAULTS
from trading.paper.faults_rules import RULE_FAULTS

KINDS = (*ORDER_FAULTS, *RULE_FAULTS, *MATCHING_FAULTS, *LIST_FAULTS, *OUTSIDER_FAULTS)
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("order.place", terms("BUY", "0.5")),
    ("order.place", terms("SELL", "0.5")),
    ("order.place", terms("BUY", "1", "98")),
    ("order.place", terms("BUY", "1", "101") | {"timeInForce": "FOK"}),
    ("order.place", terms("SELL", "1", "98") | {"timeInForce": "IOC"}),
    ("order.place", terms("SELL", "1", "108") | {"type": "LIMIT_MAKER", "timeInForce": None}),
    ("orderList.place.oco", OCO),
    ("orderList.place.oco", OCO | {"belowType": "STOP_LOSS_LIMIT", "belowPrice": "94"}),
    ("orderList.place.opoco", BRACKET),
    ("orderList.place.otoco", BRACKET | {"pendingQuantity": "1"}),
    ("orderList.place.opoco", BRACKET | {"workingTimeInForce": "GTC", "workingPrice": "97"}),
    ("openOrders.status", {}),
    ("openOrderLists.status", {"symbol": None}),
    ("openOrders.cancelAll", {}),
)


class Trader:
    """Does anything, with whatever comes of it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.stage = PaperStage(USDT="20000", BTC="20", BNB="1")
        self.codes: list[int] = []

    async def step(self) -> None:
        """Move the market, arm something, send something, perhaps end something."""
        mid = Decimal(self.rng.randint(9900, 10100)) / 100
        self.stage.book(f"{mid - 1}:5 {mid - 2}:50", f"{mid}:5 {mid + 1}:50")
        self.stage.trade(f"{mid}")
        self.arm(self.rng.choice(KINDS))
        for _ in range(3):
            await self.send(*self.rng.choice(CALLS))
        await self.take_back()
        await asyncio.sleep(0)
        for fault in list(self.stage.venue.faults.armed):
            if self.rng.random() < 0.3:
                self.stage.venue.faults.clear(fault.serial)

    def arm(self, kind: type[Fault]) -> None:
        """Arm a fault with random choices; what lasts, lasts until it is cleared."""
        params = {name: self.rng.choice(one.choices) for name, one in kind.settings.items() if one.choices}
        if "for_s" in kind.settings:
            params["for_s"] = self.rng.choice((0.01, 3600.0))
        with contextlib.suppress(FaultError):  # the symbol is delisted at present
            self.stage.arm(kind.number, count=self.rng.choice((1, 2)), symbol="BTCUSDT", **params)

    async def send(self, method: str, params: dict[str, Any]) -> None:
        """Send a call and keep the code of its refusal."""
        if method == "orderList.place.oco" and "belowPrice" in params:
            params = params | {"belowTimeInForce": "GTC"}
        reply = await self.stage.reply(method, **params)
        if isinstance(reply.body, dict) and "code" in reply.body:
            self.codes.append(reply.body["code"])

    async def take_back(self) -> None:
        """Cancel, replace or amend one of the open orders."""
        orders = self.stage.venue.engine.execute("openOrders.status", {})
        if not orders:
            return
        order = self.rng.choice(orders)
        replace = {"cancelReplaceMode": self.rng.choice(("STOP_ON_FAILURE", "ALLOW_FAILURE"))}
        method, params = self.rng.choice(
            (
                ("order.cancel", {"orderId": order["orderId"]}),
                (
                    "order.cancelReplace",
                    terms("BUY", "1", "97") | replace | {"cancelOrderId": order["orderId"]},
                ),
                ("order.amend.keepPriority", {"orderId": order["orderId"], "newQty": "0.3"}),
            )
        )
        await self.send(method, params)


@pytest.mark.parametrize("seed", range(6))
async def test_money_is_conserved_and_the_rules_come_back(seed: int) -> None:
    trader = Trader(seed)
    venue = trader.stage.venue
    rules, fees = dict(venue.catalogue), venue.engine.execute("account.commission", {"symbol": "BTCUSDT"})

    for _ in range(60):
        await trader.step()
    venue.faults.clear()
    trader.stage.book("99:5", "100:5")

    assert -1000 not in trader.codes  # the venue's own mistakes
    assert len(set(trader.codes)) > 3
    assert sum(1 for fired in venue.faults.listing()["fired"].values() if fired) > len(KINDS) / 3
    assert dict(venue.catalogue) == rules
    assert venue.catalogue.exchange_filters == {}
    assert venue.engine.execute("account.commission", {"symbol": "BTCUSDT"}) == fees
    assert trader.stage.asks() == ["100:5"]
    assert trader.stage.drift() == {}
    assert trader.stage.locked_by_nothing() == {}


async def test_strikes_stay_counted_when_the_faults_themselves_are_forgotten() -> None:
    stage = PaperStage()

    for _ in range(210):
        stage.arm(24)
        await stage.refusal("order.place", **terms("BUY", "1", "98"))
        stage.venue.faults.sweep()

    listing = stage.venue.faults.listing()
    assert (len(listing["spent"]), listing["fired"]["number-refused"]) == (200, 210)
