"""Faults of a second hand on the same account: orders by hand, withdrawals, foreign locks, own makers met.

Each class is one fault. The events that the venue sends for such acts come too: executionReport of the
foreign order, balanceUpdate, externalLockUpdate.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from typing import ClassVar

from trading.paper.bends import Thin
from trading.paper.calls import Call, Reply
from trading.paper.faults import Fault, Setting
from trading.paper.faults_calls import ENTRY_METHODS
from trading.paper.matching import opposite
from trading.paper.numbers import ZERO, cut, floor_step
from trading.paper.orders import BUY, SELL
from trading.paper.outsider import Wire, act, best, free, is_resting, open_orders

AWAY: Mapping[str, Decimal] = {BUY: Decimal("0.5"), SELL: Decimal(2)}
MODES = ("order", "withdraw", "lock", "sell", "cancel")


class SecondHand(Fault):
    """Somebody else uses the account."""

    number = 29
    name = "second-hand"
    what = (
        "By hand, with `fraction` of what is free of an asset: order rests far from the market and locks it, "
        "withdraw takes it (balanceUpdate), lock is another product's (externalLockUpdate); given back after "
        "for_s. sell sells the base asset, cancel cancels all orders of the symbol: neither comes back. "
        "when=before-order: right before an order that needs the asset (-2010 insufficient balance)."
    )
    methods: ClassVar[tuple[str, ...]] = ENTRY_METHODS
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("order", choices=MODES),
        "when": Setting("before-order", choices=("before-order", "now")),
        "side": Setting(BUY, choices=(BUY, SELL)),
        "fraction": Setting(1.0, 0.001, 1),
        "for_s": Setting(5.0, 0.01, 86_400),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike before an order of the chosen side."""
        if reply is not None or self.params["when"] == "now" or not super().selects(call, reply):
            return False
        side = call.params.get("side") or call.params.get("workingSide")
        return side == self.params["side"] and self.can_act(call.params.get("symbol", ""))

    async def before_engine(self, call: Call) -> None:
        """Be faster than the order."""
        self.act(call.params["symbol"])

    def after_market(self, symbol: str) -> None:
        """Act as soon as there is something to act on."""
        if self.params["when"] == "now" and self.can_act(symbol) and self.take():
            self.act(symbol)

    def can_act(self, symbol: str) -> bool:
        """Tell whether there is something to take, sell or cancel."""
        if symbol not in self.venue.catalogue:
            return False
        if self.params["mode"] == "cancel":
            return bool(open_orders(self.venue, symbol))
        if self.params["mode"] in ("order", "sell"):
            return self.quantity(symbol) >= self.venue.catalogue[symbol].min_qty
        return self.amount(symbol) > ZERO

    def asset(self, symbol: str) -> str:
        """Give the asset that is struck: what an order of the chosen side pays with."""
        spec = self.venue.catalogue[symbol]
        is_base = self.params["mode"] == "sell" or self.params["side"] == SELL
        return spec.base if is_base else spec.quote

    def amount(self, symbol: str) -> Decimal:
        """Give how much of the asset is struck."""
        return cut(free(self.venue, self.asset(symbol)) * Decimal(str(self.params["fraction"])))

    def price(self, symbol: str) -> Decimal | None:
        """Give where a foreign order rests; None where no price is far enough away."""
        side, tick = self.params["side"], self.venue.catalogue[symbol].tick_size
        touch = best(self.venue, symbol, side)
        return None if touch is None else floor_step(touch * AWAY[side], tick) or None

    def quantity(self, symbol: str) -> Decimal:
        """Give the size of a foreign order; 0 if it would be too small."""
        spec, price = self.venue.catalogue[symbol], self.price(symbol)
        if price is None:
            return ZERO
        is_sale = self.params["mode"] == "sell" or self.params["side"] == SELL
        qty = cut(floor_step(self.amount(symbol) / (1 if is_sale else price), spec.step_size))
        return qty if qty * price >= spec.min_notional else ZERO

    def act(self, symbol: str) -> None:
        """Do what is to be done."""
        match self.params["mode"]:
            case "order":
                self.rest(symbol)
            case "withdraw":
                self.move(self.venue.engine.adjust_balance, self.asset(symbol), -self.amount(symbol))
            case "lock":
                self.move(self.venue.engine.lock_externally, self.asset(symbol), self.amount(symbol))
            case "sell":
                qty = f"{self.quantity(symbol):f}"
                act(self.venue, "order.place", symbol=symbol, side=SELL, type="MARKET", quantity=qty)
            case _:
                act(self.venue, "openOrders.cancelAll", symbol=symbol)

    def rest(self, symbol: str) -> None:
        """Place an order far away and cancel it later."""
        price, qty = self.price(symbol), self.quantity(symbol)
        terms = {"side": self.params["side"], "type": "LIMIT", "timeInForce": "GTC"}
        by_hand = f"web_{self.rng.getrandbits(128):032x}"[:36]
        placed = act(
            self.venue,
            "order.place",
            **terms,
            symbol=symbol,
            price=f"{price:f}",
            quantity=f"{qty:f}",
            newClientOrderId=by_hand,
        )
        if placed is None:
            self.fired -= 1
            return
        self.undo_later(
            lambda: self.cancel(symbol=symbol, origClientOrderId=by_hand), after_s=self.params["for_s"]
        )

    def cancel(self, **params: str) -> None:
        """Take the foreign order back; it may have filled."""
        act(self.venue, "order.cancel", **params)

    def move(self, change: Callable[[str, Decimal], None], asset: str, delta: Decimal) -> None:
        """Change a balance and change it back later."""

        def shift(amount: Decimal) -> None:
            change(asset, amount)
            self.venue.settle()

        def give_back() -> None:
            with contextlib.suppress(ValueError):  # the account has been reset: nothing is locked any more
                shift(-delta)

        shift(delta)
        self.undo_later(give_back, after_s=self.params["for_s"])


class OwnMakerMet(Fault):
    """An own order on the book meets another own order."""

    number = 34
    name = "self-trade-prevented"
    what = (
        "As soon as a limit order rests on the symbol (or any), another client of the account sends the "
        "opposite order at its price: ours ends EXPIRED_IN_MATCH (x=TRADE_PREVENTION; of an OCO the stop "
        "goes too), or with stp=DECREMENT loses a part. Needs money for the smallest order of the other side."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "stp": Setting("EXPIRE_MAKER", choices=("EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"))
    }

    def after_market(self, symbol: str) -> None:
        """Meet the oldest own maker."""
        maker = next(filter(is_resting, open_orders(self.venue, symbol)), None)
        if maker is None or not self.take():
            return
        if not self.meet(maker):
            self.fired -= 1

    def meet(self, maker: Wire) -> bool:
        """Send the other order; the market is out of the way for that moment. False if it was refused."""
        spec, price = self.venue.catalogue[maker["symbol"]], Decimal(maker["price"])
        steps = (max(spec.min_notional / price, spec.min_qty) / spec.step_size).to_integral_value(ROUND_UP)
        lift = self.venue.bends.lay(maker["symbol"], Thin(maker["side"], ZERO))
        taker = act(
            self.venue,
            "order.place",
            symbol=maker["symbol"],
            side=opposite(maker["side"]),
            type="LIMIT",
            timeInForce="IOC",
            price=f"{price:f}",
            quantity=f"{steps * spec.step_size:f}",
            selfTradePreventionMode=self.params["stp"],
        )
        lift()
        return taker is not None


OUTSIDER_FAULTS: tuple[type[Fault], ...] = (SecondHand, OwnMakerMet)
