"""Faults of the rules: filters, statuses, listings and fees that change while a bot runs.

Each class is one fault. What they change lies as a layer over the real rules (overlays.py) and is lifted when
the fault ends; exchangeInfo and account/commission show it at once, as live.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from trading.paper import errors
from trading.paper.calls import Call, Reply, refusal
from trading.paper.catalogue import STATUSES, SymbolSpec
from trading.paper.faults import Fault, FaultError, Setting
from trading.paper.faults_calls import EntryFault
from trading.paper.numbers import BIPS, UNIT, cut, floor_step

NARROW_UP, NARROW_DOWN = Decimal("1.00001"), Decimal("0.99999")
# What each filter becomes so that an ordinary order breaks it.
STRICT: Mapping[str, Callable[[SymbolSpec], dict[str, Any]]] = {
    "PRICE_FILTER": lambda spec: {"tick_size": spec.tick_size * 100},
    "PERCENT_PRICE": lambda spec: {"percent_up": NARROW_UP, "percent_down": NARROW_DOWN},
    "PERCENT_PRICE_BY_SIDE": lambda spec: {
        "bid_percent_up": NARROW_UP,
        "bid_percent_down": NARROW_DOWN,
        "ask_percent_up": NARROW_UP,
        "ask_percent_down": NARROW_DOWN,
    },
    "LOT_SIZE": lambda spec: {"step_size": spec.step_size * 100, "min_qty": spec.step_size * 100},
    "MARKET_LOT_SIZE": lambda spec: {"market_max_qty": spec.min_qty, "market_step_size": Decimal(0)},
    "MIN_NOTIONAL": lambda spec: {"notional_filter": "MIN_NOTIONAL", "min_notional": Decimal(1_000_000)},
    "NOTIONAL": lambda spec: {"notional_filter": "NOTIONAL", "min_notional": Decimal(1_000_000)},
    "ICEBERG_PARTS": lambda spec: {"iceberg_parts": 1},
    "MAX_NUM_ORDERS": lambda spec: {"max_num_orders": 0},
    "MAX_NUM_ALGO_ORDERS": lambda spec: {"max_num_algo_orders": 0},
    "MAX_NUM_ICEBERG_ORDERS": lambda spec: {"max_num_iceberg_orders": 0},
    "MAX_POSITION": lambda spec: {"max_position": UNIT},
    "TRAILING_DELTA": lambda spec: {"min_trailing_delta": 1999, "max_trailing_delta": 2000},
    "MAX_NUM_ORDER_AMENDS": lambda spec: {"max_num_order_amends": 0},
    "MAX_NUM_ORDER_LISTS": lambda spec: {"max_num_order_lists": 0},
    "MAX_ASSET": lambda spec: {"max_asset": ((spec.base, UNIT), (spec.quote, UNIT))},
    "T_PLUS_SELL": lambda spec: {
        "extra_filters": (*spec.extra_filters, {"filterType": "T_PLUS_SELL", "endTime": 0})
    },
}
ACCOUNT_FILTERS = (
    "EXCHANGE_MAX_NUM_ORDERS",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
    "EXCHANGE_MAX_NUM_ORDER_LISTS",
)


class BadNumber(EntryFault):
    """A number is refused as unreadable or too precise."""

    number = 24
    name = "number-refused"
    what = "-1111 (too much precision) or -1100 (illegal characters) for the chosen parameter, not executed."
    settings: ClassVar[Mapping[str, Setting]] = {
        "code": Setting(-1111, choices=(-1111, -1100)),
        "parameter": Setting("quantity", kind=str),
    }

    async def before_engine(self, call: Call) -> Reply:
        """Answer the chosen code."""
        refuse = errors.too_precise if self.params["code"] == -1111 else errors.illegal_characters
        return refusal(refuse(self.params["parameter"]))


class _RuleFault(Fault):
    """A fault that lays a change over the rules of one symbol, or of all, until it ends."""

    default_count: ClassVar[int | None] = None
    is_once = True

    def on_arm(self) -> None:
        """Lay the change."""
        for symbol in self.symbols():
            self.undo_later(self.venue.rules.lay(symbol, **self.changes(symbol)), after_s=None)

    def symbols(self) -> list[str]:
        """Give the symbols that are struck; those that are listed."""
        wanted = self.params["symbol"]
        symbols = [symbol for symbol in self.venue.catalogue if wanted in (None, symbol)]
        if not symbols:
            raise FaultError(f"{self.name} needs a symbol that is listed, not {wanted!r}")
        return symbols

    def changes(self, symbol: str) -> dict[str, Any]:
        """Give the rules that change for a symbol."""
        return {}


class FilterFailure(_RuleFault):
    """An order breaks a filter."""

    number = 25
    name = "filter-failure"
    what = (
        'mode=answer: order entry is refused with "Filter failure: <filter>" though the order fits the rules '
        "as shown. mode=rule: the filter itself becomes so strict that ordinary orders break it, and "
        "exchangeInfo shows it; shrink_s then cuts a MARKET_LOT_SIZE maxQty in half again and again."
    )
    methods: ClassVar[tuple[str, ...]] = EntryFault.methods
    default_count = 1
    is_once = False
    settings: ClassVar[Mapping[str, Setting]] = {
        "filter": Setting("LOT_SIZE", choices=(*STRICT, *ACCOUNT_FILTERS)),
        "mode": Setting("answer", choices=("answer", "rule")),
        "shrink_s": Setting(None, 0.01, 86_400),
    }

    def selects(self, call: Call, reply: Reply | None) -> bool:
        """Strike calls in one mode only."""
        return self.params["mode"] == "answer" and super().selects(call, reply)

    async def before_engine(self, call: Call) -> Reply:
        """Answer with the filter's name."""
        if self.params["filter"] == "MAX_NUM_ORDER_AMENDS":
            return refusal(errors.amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS"))
        return refusal(errors.filter_failure(self.params["filter"]))

    def on_arm(self) -> None:
        """Make the filter strict."""
        if self.params["mode"] == "answer":
            return
        self.fired += 1
        if self.params["filter"] in ACCOUNT_FILTERS:
            self.undo_later(self.venue.rules.limit_account(self.params["filter"], 0), after_s=None)
        elif self.params["shrink_s"] is not None:
            self.shrink()
        else:
            super().on_arm()

    def changes(self, symbol: str) -> dict[str, Any]:
        """Give the strict filter."""
        return STRICT[self.params["filter"]](self.venue.catalogue[symbol])

    def shrink(self) -> None:
        """Cut the largest market order of each symbol in half, and again after shrink_s."""
        for symbol in self.symbols():
            spec = self.venue.catalogue[symbol]
            half = max(floor_step(spec.market_max_qty / 2, spec.step_size), spec.min_qty)
            lift = self.venue.rules.lay(symbol, market_max_qty=half, market_step_size=Decimal(0))
            self.undo_later(lift, after_s=None)
        timer = asyncio.get_running_loop().call_later(self.params["shrink_s"], self.shrink)
        self.undo_later(timer.cancel, after_s=None)


class RuleChange(_RuleFault):
    """The grid or the smallest order of a symbol changes while it is traded."""

    number = 26
    name = "rule-change"
    what = (
        "tickSize, stepSize (with minQty), minNotional or the market maxQty are multiplied by `factor` until "
        "cleared; open orders stay as they are."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "rule": Setting("tick", choices=("tick", "step", "min-notional", "market-max")),
        "factor": Setting(10.0, 0.001, 1000),
    }

    def changes(self, symbol: str) -> dict[str, Any]:
        """Give the changed rule."""
        spec, factor = self.venue.catalogue[symbol], Decimal(str(self.params["factor"]))
        match self.params["rule"]:
            case "tick":
                return {"tick_size": cut(spec.tick_size * factor) or UNIT}
            case "step":
                step = cut(spec.step_size * factor) or UNIT
                return {"step_size": step, "min_qty": max(spec.min_qty, step)}
            case "min-notional":
                return {"min_notional": cut(spec.min_notional * factor)}
            case _:
                return {"market_max_qty": cut(spec.market_max_qty * factor)}


class StatusChange(_RuleFault):
    """A symbol may not be traded for a while."""

    number = 27
    name = "symbol-status"
    what = (
        "The symbol (or all) goes BREAK, HALT, CANCEL_ONLY or END_OF_DAY with its orders open: nothing "
        "matches or triggers, new orders are -2010, cancels work; until cleared or duration_s."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "status": Setting("BREAK", choices=tuple(status for status in STATUSES if status != "TRADING"))
    }

    def changes(self, symbol: str) -> dict[str, Any]:
        """Give the status."""
        return {"status": self.params["status"]}


class Delisting(_RuleFault):
    """A symbol goes for good, or will."""

    number = 28
    name = "delisted"
    what = (
        "All open orders of the symbol end EXPIRED with eR EXCHANGE_CANCELED; then its status is BREAK "
        "(stage=halted), or it is gone from the list and every call for it is -1121 (stage=removed); until "
        "cleared. Holdings stay. With stage=announced it trades on, and the delist schedule names it for a "
        "moment in after_s seconds."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "stage": Setting("halted", choices=("halted", "removed", "announced")),
        "after_s": Setting(604_800.0, 0, 31_536_000),
    }

    def on_arm(self) -> None:
        """End the orders, then the trading; or only say that it will end."""
        if self.params["symbol"] is None:
            raise FaultError(f"{self.name} needs the parameter symbol")
        [symbol] = self.symbols()
        if self.params["stage"] == "announced":
            at_ms = self.venue.clock() + round(self.params["after_s"] * 1000)
            self.undo_later(self.venue.rules.announce(symbol, at_ms), after_s=None)
            return
        self.venue.engine.expire_all(symbol)
        self.venue.settle()
        if self.params["stage"] == "removed":
            self.undo_later(self.venue.rules.delist(symbol), after_s=None)
        else:
            super().on_arm()

    def changes(self, symbol: str) -> dict[str, Any]:
        """Stop the trading."""
        return {"status": "BREAK"}


class FeeChange(_RuleFault):
    """The fees of a symbol, or of all, change during the day."""

    number = 69
    name = "fee-change"
    what = (
        "maker_bps and taker_bps hold from now on, 0 for a symbol without fees (whose answers then say "
        "commission 0); without symbol for all that have no fees of their own. Until cleared."
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        "maker_bps": Setting(20.0, 0, 1000),
        "taker_bps": Setting(20.0, 0, 1000),
    }

    def on_arm(self) -> None:
        """Set the rates."""
        symbol = self.params["symbol"]
        if symbol is not None:
            self.symbols()
        rates = tuple(Decimal(str(self.params[name])) / BIPS for name in ("maker_bps", "taker_bps"))
        self.undo_later(self.venue.fee_layers.lay(symbol, rates), after_s=None)
        self.venue.settle()


RULE_FAULTS: tuple[type[Fault], ...] = (
    BadNumber,
    FilterFailure,
    RuleChange,
    StatusChange,
    Delisting,
    FeeChange,
)
