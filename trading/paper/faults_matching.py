"""Faults of matching: books too thin, prices that ran away, gaps through stops, fills in fifty pieces.

Each class is one fault. The market is bent (bends.py) around the moment at which an order meets it, for
`for_s` seconds; the engine then does what it always does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from trading.paper.bends import Pieces, Thin
from trading.paper.calls import Call, Reply
from trading.paper.faults import Fault, Setting
from trading.paper.faults_calls import EntryFault
from trading.paper.fees import BNB, BNB_FACTOR
from trading.paper.matching import opposite
from trading.paper.numbers import ZERO, cut, floor_step
from trading.paper.orders import BUY
from trading.paper.outsider import Wire, best, free, gap_through, is_waiting, move_to, open_orders

FOR_S = Setting(1.0, 0, 3600)
OVER = Decimal("1.0002")


@dataclass(frozen=True, slots=True)
class Asked:
    """The order of an entry call that meets the market first: a single one, or the working one of a list."""

    symbol: str
    side: str
    type: str
    tif: str
    qty: Decimal
    price: Decimal

    @property
    def takes_all_or_ends(self) -> bool:
        """Tell whether what does not fill at once expires."""
        return self.type == "MARKET" or self.tif in ("IOC", "FOK")


def asked(call: Call) -> Asked | None:
    """Read a call of order entry; None if it is not one that meets the market (an OCO, or nonsense)."""
    params = call.params
    prefix = "working" if call.route.method.startswith("orderList.") else ""

    def value(word: str) -> str:
        return params.get(prefix + word[0].upper() + word[1:] if prefix else word, "")

    try:
        qty, price = (Decimal(value(word) or "0") for word in ("quantity", "price"))
    except InvalidOperation:
        return None
    if value("side") not in ("BUY", "SELL") or not value("type"):
        return None
    return Asked(params.get("symbol", ""), value("side"), value("type"), value("timeInForce"), qty, price)


class _MeetingFault(EntryFault):
    """A fault that bends the market right before an order meets it."""

    settings: ClassVar[Mapping[str, Setting]] = {"for_s": FOR_S}

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike orders that the market can treat so."""
        if reply is not None or not super().selects(call, reply):
            return False
        order = asked(call)
        return order is not None and order.symbol in self.venue.catalogue and self.fits(order)

    def fits(self, order: Asked) -> bool:
        """Tell whether an order is one to strike."""
        return True

    async def before_engine(self, call: Call) -> None:
        """Bend the market."""
        order = asked(call)
        if order is not None:
            self.bend(order)

    def bend(self, order: Asked) -> None:
        """Change the market that the order meets."""

    def thin(self, order: Asked, qty: Decimal) -> None:
        """Leave so much for the order to take."""
        side = opposite(order.side)
        self.undo_later(self.venue.bends.lay(order.symbol, Thin(side, qty)), after_s=self.params["for_s"])


class ThinBook(_MeetingFault):
    """A market order finds too little."""

    number = 30
    name = "market-partial-fill"
    what = (
        "A MARKET order finds only `fraction` of its quantity in the book for for_s seconds: a part fills, "
        "the rest is EXPIRED with INSUFFICIENT_LIQUIDITY; fraction 0 fills nothing."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"fraction": Setting(0.5, 0, 0.999), "for_s": FOR_S}

    def fits(self, order: Asked) -> bool:
        """Strike market orders of a stated quantity."""
        return order.type == "MARKET" and order.qty > ZERO

    def bend(self, order: Asked) -> None:
        """Thin the book out."""
        step = self.venue.catalogue[order.symbol].step_size
        self.thin(order, floor_step(order.qty * Decimal(str(self.params["fraction"])), step))


class NoFill(_MeetingFault):
    """A limit order that takes or ends comes too late."""

    number = 31
    name = "ioc-fok-expired"
    what = (
        "A LIMIT IOC or FOK finds only `fraction` of its quantity within its limit for for_s seconds: FOK "
        "expires unfilled, IOC fills that part and expires."
    )
    settings: ClassVar[Mapping[str, Setting]] = {"fraction": Setting(0.0, 0, 0.999), "for_s": FOR_S}

    def fits(self, order: Asked) -> bool:
        """Strike IOC and FOK."""
        return order.tif in ("IOC", "FOK")

    def bend(self, order: Asked) -> None:
        """Thin the book out, so that the limit does not matter."""
        step = self.venue.catalogue[order.symbol].step_size
        self.thin(order, floor_step(order.qty * Decimal(str(self.params["fraction"])), step))


class MakerWouldTake(_MeetingFault):
    """The market runs into an order that must not take."""

    number = 32
    name = "maker-would-match"
    what = (
        "The market moves over the price of a LIMIT_MAKER (single, or working in a list) for for_s seconds: "
        '-2010 "Order would immediately match and take."'
    )

    def fits(self, order: Asked) -> bool:
        """Strike maker orders."""
        return order.type == "LIMIT_MAKER"

    def bend(self, order: Asked) -> None:
        """Move the market there."""
        lift = move_to(self.venue, order.symbol, side=opposite(order.side), price=order.price)
        if lift is not None:
            self.undo_later(lift, after_s=self.params["for_s"])


class PriceRange(_MeetingFault):
    """An execution rule stops an order that would trade too far away."""

    number = 33
    name = "price-range-expired"
    what = (
        "A PRICE_RANGE rule that the book is outside of holds for for_s seconds: an order that would take is "
        "EXPIRED with EXECUTION_RULE_PRICE_RANGE_EXCEEDED. GET executionRules shows it."
    )

    def fits(self, order: Asked) -> bool:
        """Strike orders that would take at the present price."""
        touch = best(self.venue, order.symbol, opposite(order.side))
        if touch is None or order.type == "LIMIT_MAKER":
            return False
        is_near = order.price >= touch if order.side == BUY else order.price <= touch
        return order.type == "MARKET" or (order.type == "LIMIT" and is_near)

    def bend(self, order: Asked) -> None:
        """Forbid the present price."""
        touch = best(self.venue, order.symbol, opposite(order.side))
        reference = self.venue.engine.reference_price(order.symbol)
        if touch is None:
            return
        if order.side == BUY:
            rule = {"price_range_up": cut(touch / reference / OVER)}
        else:
            rule = {"price_range_down": cut(touch / reference * OVER)}
        self.undo_later(self.venue.rules.lay(order.symbol, **rule), after_s=self.params["for_s"])


class StopGap(Fault):
    """The market jumps over a stop."""

    number = 39
    name = "stop-gap"
    what = (
        "As soon as the symbol (or any) has a waiting stop, the market jumps depth_bps beyond it and stays "
        "there for_s: a STOP_LOSS fills far below its stopPrice, a STOP_LOSS_LIMIT is left unfilled above "
        "the market and its OCO sibling is gone."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "depth_bps": Setting(300.0, 1, 9000),
        "for_s": Setting(5.0, 0.01, 3600),
    }

    def after_market(self, symbol: str) -> None:
        """Jump, if there is something to jump over."""
        stop = self.prey(symbol)
        if stop is None or not self.take():
            return
        depth = Decimal(str(self.params["depth_bps"])) / 10_000
        lift = gap_through(self.venue, stop, depth=depth)
        if lift is not None:
            self.undo_later(lift, after_s=self.params["for_s"])

    def prey(self, symbol: str) -> Wire | None:
        """Give the stop that is farthest from the market, so that all of a symbol are jumped over."""
        stops = [
            order
            for order in open_orders(self.venue, symbol)
            if is_waiting(order) and order["side"] == "SELL" and order["type"].startswith("STOP_LOSS")
        ]
        return min(stops, key=lambda order: Decimal(order["stopPrice"]), default=None)


class FiftyPieces(_MeetingFault):
    """One order fills in many pieces, and the fee changes its asset on the way."""

    number = 40
    name = "fifty-fills"
    what = (
        "An order that takes fills in `pieces` pieces, at prices step_ticks apart. With bnb_pieces, BNB pays "
        "the fees of so many and then runs out: the others pay in the received asset (needs a market "
        "BNB/quote; an outsider deposits or locks BNB to make it so)."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "pieces": Setting(50, 2, 200, kind=int),
        "step_ticks": Setting(0, 0, 100, kind=int),
        "bnb_pieces": Setting(None, 1, 199, kind=int),
    }

    def fits(self, order: Asked) -> bool:
        """Strike orders that take at once and have a step for each piece."""
        step = self.venue.catalogue[order.symbol].step_size
        touch = best(self.venue, order.symbol, opposite(order.side))
        return order.takes_all_or_ends and touch is not None and order.qty >= step * self.params["pieces"]

    def bend(self, order: Asked) -> None:
        """Cut the touch into pieces, for this one order; the last comes from what was there before."""
        spec, pieces = self.venue.catalogue[order.symbol], self.params["pieces"]
        qty = floor_step(order.qty / pieces, spec.step_size)
        bend = Pieces(opposite(order.side), qty, pieces - 1, spec.tick_size * self.ticks(order))
        self.undo_later(self.venue.bends.lay(order.symbol, bend), after_s=0)
        if self.params["bnb_pieces"] is not None:
            self.ration(order, qty)

    def ticks(self, order: Asked) -> int:
        """Give how many ticks the pieces can lie apart within the order's limit."""
        wanted: int = self.params["step_ticks"]
        touch = best(self.venue, order.symbol, opposite(order.side))
        if order.type == "MARKET" or touch is None:
            return wanted
        ticks = int(abs(order.price - touch) / self.venue.catalogue[order.symbol].tick_size)
        pieces: int = self.params["pieces"]
        return min(wanted, ticks // pieces)

    def ration(self, order: Asked, qty: Decimal) -> None:
        """Let free BNB be enough for the fees of so many pieces, and half a one more."""
        engine, spec = self.venue.engine, self.venue.catalogue[order.symbol]
        touch = best(self.venue, order.symbol, opposite(order.side))
        if touch is None or BNB + spec.quote not in self.venue.catalogue or spec.base == BNB:
            return
        former = engine.pay_fees_in_bnb(enabled=True)
        self.undo_later(lambda: self.reset(enabled=former), after_s=0)
        rates = engine.execute("account.commission", {"symbol": order.symbol})["standardCommission"]
        fee = touch * qty * Decimal(rates["taker"]) * BNB_FACTOR / engine.last_price(BNB + spec.quote)
        surplus = free(self.venue, BNB) - cut(fee * (self.params["bnb_pieces"] + Decimal("0.5")))
        if surplus < ZERO:
            engine.adjust_balance(BNB, -surplus)
        elif surplus > ZERO:
            engine.lock_externally(BNB, surplus)
            self.undo_later(lambda: self.release(surplus), after_s=0)

    def reset(self, *, enabled: bool) -> None:
        """Let BNB pay fees as before."""
        self.venue.engine.pay_fees_in_bnb(enabled=enabled)
        self.venue.settle()

    def release(self, locked: Decimal) -> None:
        """Give back the BNB that was locked."""
        self.venue.engine.lock_externally(BNB, -locked)
        self.venue.settle()


MATCHING_FAULTS: tuple[type[Fault], ...] = (
    ThinBook,
    NoFill,
    MakerWouldTake,
    PriceRange,
    StopGap,
    FiftyPieces,
)
