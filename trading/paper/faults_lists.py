"""Faults of what consists of several orders: cancelReplace, amendments, OCO and OTO lists.

Each class is one fault. Halves that fail do so in the books too: the other half is carried out by the engine,
an order that could not be cancelled has filled, a leg is refused by a rule that holds at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from trading.paper.calls import Call, Reply, refusal
from trading.paper.cancelling import replace_failure
from trading.paper.errors import (
    AMEND_INCREASE,
    AMEND_NO_CHANGE,
    INSUFFICIENT_BALANCE,
    VenueError,
    amend_rejected,
    order_rejected,
)
from trading.paper.faults import Fault, Setting
from trading.paper.numbers import ONE, ZERO, floor_step
from trading.paper.orders import BUY, SELL
from trading.paper.outsider import (
    JUST_THROUGH,
    Wire,
    act,
    aimed_at,
    fill,
    fill_now,
    gap_through,
    is_resting,
    is_waiting,
    move_to,
    open_orders,
    placed_open,
    remaining,
    trade_at_touch,
)

HUGE = Decimal(1_000_000_000)
OCO = "orderList.place.oco"
BRACKETS = ("orderList.place.oto", "orderList.place.otoco", "orderList.place.opo", "orderList.place.opoco")
PAIR_MODES = ("bad-prices", "leg-rejected", "race", "pending-rejected", "pending-overrun")
FOR_S = Setting(1.0, 0, 3600)


class HalfReplaced(Fault):
    """A cancelReplace of which not all succeeds."""

    number = 35
    name = "cancel-replace-fails"
    what = (
        "cancel-only: cancelled, the new order is refused (409 -2021). cancel-fails: the old order fills "
        "first, the new one is NOT_ATTEMPTED (400 -2022), or placed beside it where the bot sent "
        "ALLOW_FAILURE (409). neither: the old one fills and the new one is refused (400 -2022)."
    )
    methods: ClassVar[tuple[str, ...]] = ("order.cancelReplace",)
    settings: ClassVar[Mapping[str, Setting]] = {
        "outcome": Setting("cancel-only", choices=("cancel-only", "cancel-fails", "neither"))
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike calls that aim at an open order."""
        return reply is None and super().selects(call, reply) and bool(aimed_at(self.venue, call))

    async def before_engine(self, call: Call) -> Reply | None:
        """Let one half, or both, fail."""
        old = aimed_at(self.venue, call)[0]
        refused = order_rejected(INSUFFICIENT_BALANCE).body()
        if self.params["outcome"] == "cancel-only":
            names = {
                "symbol": "symbol",
                "cancelOrderId": "orderId",
                "cancelOrigClientOrderId": "origClientOrderId",
                "cancelNewClientOrderId": "newClientOrderId",
            }
            params = {names[name]: value for name, value in call.params.items() if name in names}
            cancelled = act(self.venue, "order.cancel", **params)
            return refusal(replace_failure(cancelled, refused, ("SUCCESS", "FAILURE")))
        fill_now(self.venue, old)
        if self.params["outcome"] == "neither" and call.params.get("cancelReplaceMode") == "ALLOW_FAILURE":
            unknown = VenueError(400, -2011, "Unknown order sent.").body()
            return refusal(replace_failure(unknown, refused, ("FAILURE", "FAILURE")))
        return None


class AmendRefused(Fault):
    """An amendment is refused."""

    number = 36
    name = "amend-refused"
    what = (
        "executed: the order fills beyond the new quantity first (-1013). too-many: -2038 as for the 11th "
        "amendment. increase: -2038. no-change: it is carried out, and answered -2038 as a repetition."
    )
    methods: ClassVar[tuple[str, ...]] = ("order.amend.keepPriority",)
    settings: ClassVar[Mapping[str, Setting]] = {
        "reason": Setting("executed", choices=("executed", "too-many", "increase", "no-change"))
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike once, before the engine or after it; a fill needs an order on the book."""
        if (reply is not None) != (self.params["reason"] == "no-change") or not super().selects(call, reply):
            return False
        return self.params["reason"] != "executed" or any(map(is_resting, aimed_at(self.venue, call)))

    async def before_engine(self, call: Call) -> Reply | None:
        """Refuse, or let the market make the engine refuse."""
        match self.params["reason"]:
            case "executed":
                order = next(filter(is_resting, aimed_at(self.venue, call)))
                wanted = Decimal(call.params["newQty"]) - Decimal(order["executedQty"])
                fill(self.venue, order, max(min(wanted, remaining(order)), ZERO))
                return None
            case "too-many":
                return refusal(amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS"))
            case _:
                return refusal(amend_rejected(AMEND_INCREASE))

    async def after_engine(self, call: Call, reply: Reply) -> Reply:
        """Answer as to a repetition."""
        return refusal(amend_rejected(AMEND_NO_CHANGE))


class PairTrouble(Fault):
    """A pair of orders that cannot be placed, or whose legs end badly."""

    number = 37
    name = "oco-trouble"
    what = (
        "bad-prices: the market falls below the stop right before an OCO is placed (-2010, relationship of "
        "the prices). leg-rejected: at its trigger the stop is EXPIRED with eR REJECTED, the target is gone "
        "too: nothing protects. race: both legs are crossed within one tick, the stop fills, the target is "
        "gone. pending-rejected: the pending legs of an OTO(CO)/OPO(CO) are EXPIRED with eR REJECTED when "
        "the working order fills. pending-overrun: the same because the market falls below the stop between "
        "that fill and their placement (r STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY). for_s is how long the "
        "market stays there, or the rule holds."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("bad-prices", choices=PAIR_MODES),
        "for_s": FOR_S,
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike placements in two of the modes."""
        mode = self.params["mode"]
        wanted = (OCO,) if mode == "bad-prices" else BRACKETS if mode.startswith("pending") else ()
        is_listed = call.params.get("symbol") in self.venue.catalogue
        return reply is None and call.route.method in wanted and is_listed and super().selects(call, reply)

    async def before_engine(self, call: Call) -> None:
        """Make what is being placed wrong."""
        side, symbol = call.params.get("pendingSide"), call.params["symbol"]
        if self.params["mode"] == "bad-prices":
            self.fall_below(call, side=call.params.get("side"), leg="")
            return
        if self.params["mode"] == "pending-overrun":
            self.venue.engine.hold_pending(symbol, held=True)
            self.undo_later(lambda: self.overrun(call), after_s=0)
            return
        rule = {"ask_percent_up": ONE} if side == SELL else {"bid_percent_down": ONE}
        self.undo_later(self.venue.rules.lay(symbol, **rule), after_s=self.params["for_s"])

    def overrun(self, call: Call) -> None:
        """Move the market beyond the stop, then let the pending orders be placed."""
        self.fall_below(call, side=call.params.get("pendingSide"), leg="pending")
        self.venue.engine.hold_pending(call.params["symbol"], held=False)
        self.venue.settle()

    def fall_below(self, call: Call, *, side: str | None, leg: str) -> None:
        """Move the market beyond the stop of the pair; parameters of its legs begin with `leg`."""
        name = f"{leg}{'Below' if side == SELL else 'Above'}StopPrice"
        stop = call.params.get(name[0].lower() + name[1:])
        if stop is None:
            return
        touch, share = (BUY, ONE - JUST_THROUGH) if side == SELL else (SELL, ONE + JUST_THROUGH)
        lift = move_to(self.venue, call.params["symbol"], side=touch, price=Decimal(stop) * share)
        if lift is not None:
            self.undo_later(lift, after_s=self.params["for_s"])
            trade_at_touch(self.venue, call.params["symbol"], touch)

    def after_market(self, symbol: str) -> None:
        """Trigger a pair in the other two modes."""
        if self.params["mode"] not in ("leg-rejected", "race"):
            return
        pair = self.prey(symbol)
        if pair is None or not self.take():
            return
        stop, target = pair
        if self.params["mode"] == "leg-rejected":
            lift_rule = self.venue.rules.lay(symbol, market_max_qty=ZERO, min_notional=HUGE)
            self.dip(stop, for_s=self.params["for_s"])
            lift_rule()
            return
        self.dip(stop, for_s=0)
        side = BUY if target["side"] == SELL else SELL
        lift = move_to(self.venue, symbol, side=side, price=Decimal(target["price"]))
        if lift is not None:
            self.undo_later(lift, after_s=self.params["for_s"])
            trade_at_touch(self.venue, symbol, side)

    def dip(self, stop: Wire, *, for_s: float) -> None:
        """Cross a stop."""
        lift = gap_through(self.venue, stop, depth=JUST_THROUGH)
        if lift is None:
            return
        if for_s:
            self.undo_later(lift, after_s=for_s)
        else:
            lift()

    def prey(self, symbol: str) -> tuple[Wire, Wire] | None:
        """Give the legs, stop and target, of a pair that waits."""
        orders = [order for order in open_orders(self.venue, symbol) if order["orderListId"] >= 0]
        for stop in filter(is_waiting, orders):
            for target in filter(is_resting, orders):
                if target["orderListId"] == stop["orderListId"]:
                    return stop, target
        return None


class BracketTrouble(Fault):
    """The orders behind a working order come late, or never."""

    number = 38
    name = "oto-trouble"
    what = (
        "late-pending: the working order of an OTO(CO)/OPO(CO) fills, its pending orders stay PENDING_NEW "
        "for for_s: nothing protects meanwhile. partial-cancel: what rests of a list (the working order, or "
        "the target of one that has filled, or of an OCO) fills by `fraction`, then somebody cancels the "
        "list by hand: the rest is held unprotected."
    )
    methods: ClassVar[tuple[str, ...]] = (*BRACKETS, OCO)
    settings: ClassVar[Mapping[str, Setting]] = {
        "mode": Setting("late-pending", choices=("late-pending", "partial-cancel")),
        "for_s": Setting(1.0, 0.01, 3600),
        "fraction": Setting(0.5, 0.01, 0.99),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike before the engine in one mode, after it in the other."""
        if not super().selects(call, reply):
            return False
        if self.params["mode"] == "late-pending":
            is_listed = call.params.get("symbol") in self.venue.catalogue
            return reply is None and is_listed and call.route.method in BRACKETS
        return reply is not None and reply.is_accepted and self.resting(reply) is not None

    def resting(self, reply: Reply) -> Wire | None:
        """Give the order that rests, if it is large enough to fill in part."""
        resting = next(filter(is_resting, placed_open(self.venue, reply.body)), None)
        return resting if resting is not None and self.part(resting) > ZERO else None

    def part(self, order: Wire) -> Decimal:
        """Give the quantity that fills."""
        step = self.venue.catalogue[order["symbol"]].step_size
        return floor_step(remaining(order) * Decimal(str(self.params["fraction"])), step)

    async def before_engine(self, call: Call) -> None:
        """Hold the pending orders back."""
        symbol = call.params["symbol"]
        self.venue.engine.hold_pending(symbol, held=True)
        self.undo_later(lambda: self.release(symbol), after_s=self.params["for_s"])

    def release(self, symbol: str) -> None:
        """Let them be placed."""
        self.venue.engine.hold_pending(symbol, held=False)
        self.venue.settle()

    async def after_engine(self, call: Call, reply: Reply) -> None:
        """Fill a part, then cancel."""
        order = self.resting(reply)
        if order is not None:
            fill(self.venue, order, self.part(order))
            act(self.venue, "order.cancel", symbol=order["symbol"], orderId=str(order["orderId"]))


LIST_FAULTS: tuple[type[Fault], ...] = (HalfReplaced, AmendRefused, PairTrouble, BracketTrouble)
