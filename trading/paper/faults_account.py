"""Faults of an account that others use too, and of how the venue tells of it.

What changes the books goes through the engine's public doors, as a request of somebody else would.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from trading.paper.calls import Call, Reply
from trading.paper.errors import VenueError
from trading.paper.faults import Fault, FaultError, Frame, Setting

log = logging.getLogger("trading.paper.faults")


class CanceledElsewhere(Fault):
    """Somebody cancels our order in the venue's own app."""

    number = 61
    name = "canceled-elsewhere"
    what = (
        "An open order is cancelled by another client after_s after it was placed (at once if it is there): "
        "c of the report is web_…, C the original id; the leg of a list takes its list along."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "side": Setting("any", choices=("any", "BUY", "SELL")),
        "after_s": Setting(0.2, 0, 3600),
    }

    def on_arm(self) -> None:
        """Strike what is already there."""
        for order in self.venue.engine.execute("openOrders.status", {}):
            if self.fits(order["symbol"], order["side"]) and self.take():
                self.cancel(order["symbol"], order["orderId"])

    def fits(self, symbol: str, side: str) -> bool:
        """Tell whether an order is one to cancel."""
        return self.params["symbol"] in (None, symbol) and self.params["side"] in ("any", side)

    def selects_frame(self, frame: Frame) -> bool:
        """Strike orders that have just been accepted."""
        event = frame.payload
        is_new = frame.name == "executionReport" and (event["x"], event["X"]) == ("NEW", "NEW")
        return is_new and self.fits(event["s"], event["S"])

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Let the other client see it first."""
        event = frame.payload
        loop = asyncio.get_running_loop()
        loop.call_later(self.params["after_s"], self.cancel, event["s"], event["i"])
        return [frame]

    def cancel(self, symbol: str, order_id: int) -> None:
        """Cancel as the venue's web page does."""
        cancel_id = f"web_{self.rng.getrandbits(128):032x}"
        params = {"symbol": symbol, "orderId": str(order_id), "newClientOrderId": cancel_id}
        try:
            self.venue.engine.execute("order.cancel", params)
        except VenueError as error:  # filled or ended in the meantime, as it happens to people
            log.info("nothing_to_cancel", extra={"order_id": order_id, "error": str(error)})
        self.venue.settle()


class BalanceMoved(Fault):
    """Balances change and none of our orders did it."""

    number = 64
    name = "balance-moved"
    what = (
        "A deposit or withdrawal; a change told by outboundAccountPosition alone (moved) or not at all "
        "(silent), both signed by amount; or a market buy of another bot for `amount` of the quote asset."
    )
    is_once = True
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("deposit", choices=("deposit", "withdrawal", "moved", "silent", "other-bot")),
        "asset": Setting("USDT", kind=str),
        "amount": Setting("25", kind=Decimal),
    }

    def on_arm(self) -> None:
        """Move it."""
        try:
            self.move(Decimal(self.params["amount"]))
        except ValueError as error:
            raise FaultError(f"parameter 'amount' of {self.name} cannot be booked: {error}") from error
        except VenueError as error:
            raise FaultError(f"the other bot was refused: {error.message}") from error

    def move(self, amount: Decimal) -> None:
        """Change the balance and tell of it as the mode wants."""
        engine, mode = self.venue.engine, self.params["mode"]
        if mode == "other-bot":
            self.buy(amount)
            return
        signed = {"deposit": abs(amount), "withdrawal": -abs(amount)}.get(mode, amount)
        engine.adjust_balance(self.params["asset"], signed)
        if mode in ("moved", "silent"):
            for event in engine.drain_events():
                if mode == "moved" and event["e"] == "outboundAccountPosition":
                    self.venue.tell(Frame("user", event["e"], event))
        self.venue.settle()

    def buy(self, amount: Decimal) -> None:
        """Place the order of the other bot."""
        order = {
            "symbol": self.params["symbol"] or next(iter(self.venue.catalogue)),
            "side": "BUY",
            "type": "MARKET",
            "quoteOrderQty": str(amount),
            "newClientOrderId": f"x-OTHER{self.rng.getrandbits(64):016x}",
        }
        self.venue.engine.execute("order.place", order)
        self.venue.settle()


class TradeIds(Fault):
    """Trade ids with holes, and pages of trades that end early."""

    number = 66
    name = "trade-ids"
    what = (
        "Trade ids skip up to max_gap, as where many trade; or (short-page) myTrades gives at most `page` "
        "rows although there are more."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("gaps", choices=("gaps", "short-page")),
        "max_gap": Setting(1000, 1, 1_000_000, kind=int),
        "page": Setting(1, 1, 1000, kind=int),
    }

    def on_arm(self) -> None:
        """Let other people trade in between."""
        if self.params["mode"] == "gaps":
            self.venue.engine.step_trade_ids(self.next_step)

    def on_clear(self) -> None:
        """Be alone again."""
        if self.params["mode"] == "gaps":
            self.venue.engine.step_trade_ids(lambda: 1)

    def next_step(self) -> int:
        """Give how far the next trade id is from the last."""
        return 1 + self.rng.randint(1, self.params["max_gap"]) if self.take() else 1

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike pages that are longer than they shall be."""
        if self.params["mode"] != "short-page" or call.route.method != "myTrades":
            return False
        is_long = reply is not None and reply.is_accepted and len(reply.body) > self.params["page"]
        return is_long and super().selects(call, reply)

    def on_reply(self, call: Call, reply: Reply) -> Reply:
        """Shorten the page: the first rows after a moment or an id, the last ones otherwise."""
        page = self.params["page"]
        is_forward = "fromId" in call.params or "startTime" in call.params
        reply.body = reply.body[:page] if is_forward else reply.body[-page:]
        return reply


AMOUNTS = ("q", "p", "P", "l", "z", "L", "n", "Z", "Y", "Q")


class ReportNumbers(Fault):
    """The same numbers, written otherwise."""

    number = 76
    name = "report-numbers"
    what = (
        "executionReports write numbers without trailing zeros, with eighteen decimals, in scientific "
        "notation, or as JSON numbers instead of texts."
    )
    default_count = None
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("stripped", choices=("stripped", "long", "scientific", "number"))
    }

    def selects_frame(self, frame: Frame) -> bool:
        """Strike executionReports."""
        return frame.name == "executionReport" and super().selects_frame(frame)

    def on_frame(self, frame: Frame) -> list[Frame]:
        """Rewrite every amount."""
        written = {
            name: self.write(Decimal(value))
            for name, value in frame.payload.items()
            if name in AMOUNTS and isinstance(value, str)
        }
        return [replace(frame, payload={**frame.payload, **written})]

    def write(self, value: Decimal) -> Any:
        """Write a number in the chosen way."""
        match self.params["mode"]:
            case "stripped":
                return format(value.normalize(), "f")
            case "long":
                return f"{value:.18f}"
            case "scientific":
                return f"{value:E}"
            case _:
                return float(value)


ACCOUNT_FAULTS: tuple[type[Fault], ...] = (CanceledElsewhere, BalanceMoved, TradeIds, ReportNumbers)
