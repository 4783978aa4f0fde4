"""Faults of orders on their way in and out: lists that lag, ids sent twice, cancels that come too late.

Each class is one fault. Where an order fills, others have traded with it: the books change by the market
alone, or by a second execution of a request that was really sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from trading.paper.calls import Call, Reply, refusal
from trading.paper.errors import DUPLICATE_ORDER, VenueError, order_rejected
from trading.paper.faults import Fault, Setting
from trading.paper.faults_calls import EitherWay, EntryFault
from trading.paper.numbers import ZERO, floor_step, text
from trading.paper.orders import OPEN_STATUSES
from trading.paper.outsider import (
    REMOVALS,
    Wire,
    aimed_at,
    fill,
    fill_now,
    is_resting,
    is_waiting,
    placed_open,
    remaining,
)


class ListLag(Fault):
    """What is open is answered from a copy that lags."""

    number = 11
    name = "open-orders-lag"
    what = (
        "openOrders and openOrderList show the state of window_s ago: ended orders still open, "
        "fills missing, new orders absent. Struck only where that differs from the truth."
    )
    methods: ClassVar[tuple[str, ...]] = ("openOrders.status", "openOrderLists.status")
    settings: ClassVar[Mapping[str, Setting]] = {"window_s": Setting(1.0, 0.01, 600)}
    default_count = None

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike where the copy differs."""
        if reply is None or not super().selects(call, reply):
            return False
        return bool(self.lagging(call) != reply.body)

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Answer from the copy."""
        return Reply(body=self.lagging(call), headers=reply.headers)

    def lagging(self, call: Call) -> list[Wire]:
        """Give the answer as it was."""
        seen_ms = self.venue.clock() - self.params["window_s"] * 1000
        if call.route.method == "openOrderLists.status":
            lists = self.venue.engine.execute("allOrderLists", {"limit": 1000})
            running = {"listStatusType": "EXEC_STARTED", "listOrderStatus": "EXECUTING"}
            late = [one | running for one in lists if one["transactionTime"] > seen_ms]
            return [
                *(one for one in late if one["orderListId"] not in self.young(seen_ms)),
                *(
                    o
                    for o in lists
                    if o["listOrderStatus"] == "EXECUTING" and o["transactionTime"] <= seen_ms
                ),
            ]
        asked = call.params.get("symbol")
        symbols = [asked] if asked else list(self.venue.catalogue)
        rows = [row for symbol in symbols for row in self.rows(symbol)]
        past = [self.as_it_was(row, seen_ms) for row in rows if row["time"] <= seen_ms]
        return [row for row in past if row["status"] in OPEN_STATUSES]

    def rows(self, symbol: str) -> list[Wire]:
        """Give the latest orders of a symbol, open or not."""
        rows: list[Wire] = self.venue.engine.execute("allOrders", {"symbol": symbol, "limit": 1000})
        return rows

    def young(self, seen_ms: float) -> set[int]:
        """Give the ids of the lists that did not exist yet."""
        rows = [row for symbol in self.venue.catalogue for row in self.rows(symbol)]
        return {row["orderListId"] for row in rows if row["time"] > seen_ms}

    def as_it_was(self, row: Wire, seen_ms: float) -> Wire:
        """Give an order as it was; its ids and quantities are those of now."""
        if row["updateTime"] <= seen_ms:
            return row
        asked = {"symbol": row["symbol"], "orderId": row["orderId"], "limit": 1000}
        fills = [one for one in self.venue.engine.execute("myTrades", asked) if one["time"] <= seen_ms]
        executed = sum((Decimal(one["qty"]) for one in fills), ZERO)
        worth = sum((Decimal(one["quoteQty"]) for one in fills), ZERO)
        past = {name: value for name, value in row.items() if name != "expiryReason"}
        status = "PARTIALLY_FILLED" if fills else "NEW"
        amounts = {"executedQty": text(executed), "cummulativeQuoteQty": text(worth)}
        return past | amounts | {"status": status, "updateTime": row["time"]}


class DuplicateRefused(EitherWay):
    """The venue says that the id is in use."""

    number = 12
    name = "duplicate-order"
    what = (
        '-2010 "Duplicate order sent." though the bot sent once. executes: a proxy sent it twice, the first '
        "copy is in the books, and the answer is that to the second."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"executes": Setting(default=False, kind=bool)}

    def answer(self) -> Reply:
        """Answer -2010."""
        return refusal(order_rejected(DUPLICATE_ORDER))


class Replay(EntryFault):
    """The same request is executed twice, under one id."""

    number = 13
    name = "post-executes-twice"
    what = (
        "A proxy sends an order that ended at once (filled, expired) a second time, and the venue accepts "
        "the id again: two executions, one id. `answers` says whose reply comes back. Counted if accepted."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"answers": Setting("first", choices=("first", "second"))}

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike accepted orders of which nothing is open any more."""
        if reply is None or not reply.is_accepted or not super().selects(call, reply):
            return False
        return not placed_open(self.venue, reply.body)

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Send the copy."""
        try:
            second = self.venue.engine.execute(call.route.method, call.params)
        except VenueError:  # no money for it, or the market is shut: there is no second execution
            self.fired -= 1
            return reply
        finally:
            self.venue.settle()
        if self.params["answers"] == "second":
            return Reply(body=second, headers=reply.headers)
        return reply


class _CancelFault(Fault):
    """A fault that strikes a cancel on its way to orders that can still fill."""

    methods: ClassVar[tuple[str, ...]] = REMOVALS

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike a cancel that has something to meet."""
        return reply is None and super().selects(call, reply) and self.prey(call) is not None

    def prey(self, call: Call) -> Wire | None:
        """Give the order that shall fill."""
        return next((order for order in aimed_at(self.venue, call) if is_resting(order)), None)


class FilledMeanwhile(_CancelFault):
    """A cancel comes too late."""

    number = 14
    name = "cancel-too-late"
    what = (
        "What a cancel aims at fills right before it: the resting order (leg=target) or the waiting stop "
        "(leg=stop, the market dips through it). The cancel meets -2011, or what is left of a list."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"leg": Setting("target", choices=("target", "stop"))}

    def prey(self, call: Call) -> Wire | None:
        """Give the order of the chosen leg; the stop where there is no target on the book."""
        orders = aimed_at(self.venue, call)
        resting = [order for order in orders if is_resting(order)]
        waiting = [order for order in orders if is_waiting(order)]
        chosen = waiting or resting if self.params["leg"] == "stop" else resting or waiting
        return chosen[0] if chosen else None

    async def before_engine(self, call: Call) -> None:
        """Let the market take the order."""
        order = self.prey(call)
        if order is not None:
            fill_now(self.venue, order)


class PartlyFilledMeanwhile(_CancelFault):
    """An order fills in part while its cancel is on the way."""

    number = 15
    name = "cancel-meets-partial-fill"
    what = (
        "A part (fraction) of the resting order fills right before its cancel, whose report then has "
        "executedQty > 0; of an OCO the stop is gone by then."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"fraction": Setting(0.5, 0.01, 0.99)}

    def prey(self, call: Call) -> Wire | None:
        """Give a resting order that is large enough to fill in part."""
        order = super().prey(call)
        return order if order is not None and self.part(order) > ZERO else None

    def part(self, order: Wire) -> Decimal:
        """Give the quantity that fills, on the symbol's grid."""
        step = self.venue.catalogue[order["symbol"]].step_size
        return floor_step(remaining(order) * Decimal(str(self.params["fraction"])), step)

    async def before_engine(self, call: Call) -> None:
        """Let others trade with a part of it."""
        order = self.prey(call)
        if order is not None:
            fill(self.venue, order, self.part(order))


class LateRejection(EntryFault):
    """An accepted order is refused afterwards."""

    number = 45
    name = "rejected-afterwards"
    what = (
        "An order that was accepted and is still open (of a list its first open leg, which ends the list) is "
        "REJECTED delay_s later: executionReport x=REJECTED with the chosen r."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "delay_s": Setting(0.2, 0, 60),
        "reason": Setting("NONE", choices=("NONE", "INSUFFICIENT_BALANCES", "OCO_BAD_PRICES")),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike orders that stay open."""
        if reply is None or not reply.is_accepted or not super().selects(call, reply):
            return False
        return bool(placed_open(self.venue, reply.body))

    async def after_engine(self, call: Call, reply: Reply) -> None:
        """Set the time of the rejection."""
        # None is left where another fault held this reply up and the order has ended meanwhile.
        for order in placed_open(self.venue, reply.body)[:1]:
            asyncio.get_running_loop().call_later(self.params["delay_s"], self.reject, order)

    def reject(self, order: Wire) -> None:
        """Refuse it now, unless it has ended."""
        if any(one["clientOrderId"] == order["clientOrderId"] for one in placed_open(self.venue, order)):
            self.venue.engine.reject_afterwards(order["orderId"], reason=self.params["reason"])
            self.venue.settle()


ORDER_FAULTS: tuple[type[Fault], ...] = (
    ListLag,
    DuplicateRefused,
    Replay,
    FilledMeanwhile,
    PartlyFilledMeanwhile,
    LateRejection,
)
