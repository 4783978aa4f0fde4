"""A whole paper venue without server and without a market of its own: for faults, in one event loop.

Prices stand around 100 on BTCUSDT, as at the Desk; calls go through the dispatcher, so that faults strike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import orjson

from tests.support.paper_desk import SYMBOL, drift_of, levels
from trading.paper.calls import Call, Reply
from trading.paper.config import PaperConfig
from trading.paper.faults import Fault
from trading.paper.rest_market import MARKET_ROUTES
from trading.paper.routes import TRADING_ROUTES
from trading.paper.server import build_venue
from trading.paper.sockets import Socket
from trading.paper.user_feed import Subscriber

ROUTES = {route.method: route for route in (*TRADING_ROUTES, *MARKET_ROUTES)}


class Ear:
    """A socket that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def send(self, raw: bytes) -> None:
        """Keep a message."""
        self.heard.append(orjson.loads(raw)["event"])


class PaperStage:
    """A venue whose market is the test."""

    def __init__(self, **balances: str) -> None:
        funds = balances or {"USDT": "10000", "BTC": "10"}
        symbols = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
        config = PaperConfig(symbols=symbols, balances={name: Decimal(sum_) for name, sum_ in funds.items()})
        self.venue, _ = build_venue(config)
        self._ear = Ear()
        self.venue.user_feed.subscribe(Subscriber(cast("Socket", self._ear)))
        self.book("99:5 98:5", "100:1 101:5 102:50")
        self.trade("99.5")

    def book(self, bids: str, asks: str, *, symbol: str = SYMBOL) -> None:
        """Let the market put a book."""
        self.venue.book(symbol, bids=levels(bids), asks=levels(asks), at_ms=self.venue.clock())

    def trade(self, price: str, qty: str = "1", *, symbol: str = SYMBOL) -> None:
        """Let the market trade, from the buyers' side."""
        self.venue.trade(
            symbol, price=Decimal(price), qty=Decimal(qty), buyer_is_maker=False, at_ms=self.venue.clock()
        )

    def arm(self, fault: int, *, count: int | None = 1, **params: Any) -> Fault:
        """Arm a fault."""
        return self.venue.faults.arm({"fault": fault, "count": count, "params": params})

    async def reply(self, method: str, **params: Any) -> Reply:
        """Send a call through the whole venue and give its reply."""
        sent = {"symbol": SYMBOL, "timestamp": self.venue.clock(), **params}
        texts = {name: str(value) for name, value in sent.items() if value is not None}
        return await self.venue.dispatcher.answer(
            Call("rest", ROUTES[method], texts, "127.0.0.1", is_authorised=True)
        )

    async def call(self, method: str, **params: Any) -> Any:
        """Send a call that must be accepted and give its body."""
        reply = await self.reply(method, **params)
        assert reply.is_accepted, reply.body
        return reply.body

    async def refusal(self, method: str, **params: Any) -> tuple[int, str]:
        """Send a call that must be refused and give code and text."""
        reply = await self.reply(method, **params)
        assert not reply.is_accepted, reply.body
        return reply.body["code"], reply.body["msg"]

    async def order(self, side: str, qty: str, price: str | None = None, **params: Any) -> dict[str, Any]:
        """Place a GTC limit order, or one at market where no price is given."""
        answer: dict[str, Any] = await self.call("order.place", **terms(side, qty, price) | params)
        return answer

    async def oco(self, **changes: Any) -> dict[str, Any]:
        """Place a SELL OCO: 1 at 110, stopped at 95."""
        answer: dict[str, Any] = await self.call("orderList.place.oco", **OCO | changes)
        return answer

    async def status(self, order_id: int) -> dict[str, Any]:
        """Ask for an order."""
        answer: dict[str, Any] = await self.call("order.status", orderId=order_id)
        return answer

    async def statuses(self, answer: dict[str, Any]) -> list[str]:
        """Ask for the orders of a list."""
        return [(await self.status(order["orderId"]))["status"] for order in answer["orders"]]

    def events(self, kind: str = "executionReport") -> list[dict[str, Any]]:
        """Give the user events of one kind since the last call; the others are dropped."""
        heard, self._ear.heard = self._ear.heard, []
        return [event for event in heard if event["e"] == kind]

    def balance(self, asset: str) -> tuple[Decimal, Decimal]:
        """Give free and locked of an asset."""
        held = self.venue.engine.ledger()["balances"].get(asset, {"free": "0", "locked": "0"})
        return Decimal(held["free"]), Decimal(held["locked"])

    def drift(self) -> dict[str, Decimal]:
        """Give per asset what the fills cannot explain; empty when all agrees."""
        return drift_of(self.venue.engine, self.venue.catalogue)

    def locked_by_nothing(self) -> dict[str, Decimal]:
        """Give per asset what is locked once every open order is cancelled; empty when nothing is."""
        orders = self.venue.engine.execute("openOrders.status", {})
        for symbol in {order["symbol"] for order in orders}:
            self.venue.engine.execute("openOrders.cancelAll", {"symbol": symbol})
        balances = self.venue.engine.ledger()["balances"]
        return {asset: Decimal(one["locked"]) for asset, one in balances.items() if Decimal(one["locked"])}

    def asks(self) -> list[str]:
        """Give the asks as the public sees them, as "price:quantity"."""
        return [f"{price}:{qty}" for price, qty in self.venue.market_data.sides(SYMBOL)[1]]

    def ask(self) -> Decimal:
        """Give the best ask as the public sees it."""
        return self.venue.market_data.sides(SYMBOL)[1][0][0]


OCO = {
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "110",
    "belowType": "STOP_LOSS",
    "belowStopPrice": "95",
}
BRACKET = {
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingTimeInForce": "FOK",
    "workingPrice": "101",
    "workingQuantity": "1",
    "pendingSide": "SELL",
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "110",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "95",
}


def terms(side: str, qty: str, price: str | None = None) -> dict[str, str]:
    """Give the parameters of a single order."""
    sized = {"side": side, "quantity": qty}
    if price is None:
        return sized | {"type": "MARKET"}
    return sized | {"type": "LIMIT", "price": price, "timeInForce": "GTC"}


async def until(condition: Callable[[], bool], *, limit_s: float = 5.0) -> None:
    """Let the loop turn until a condition holds; fail after the limit."""
    ends = asyncio.get_running_loop().time() + limit_s
    turns = iter(lambda: condition() or asyncio.get_running_loop().time() > ends, True)
    for _ in turns:
        await asyncio.sleep(0)
    assert condition(), "the condition did not come true"
