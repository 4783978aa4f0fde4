"""The things the venue keeps: orders, order lists, fills, prevented matches, and prints for the public.

Plain data with their own small truths (what is left, is it open); every change is made by the rooms
above. `to_state`/`from_state` turn them into JSON-able dictionaries and back without loss.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from trading.paper.numbers import ZERO

BUY = "BUY"
SELL = "SELL"
OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})
MARKET_TYPES = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
STOP_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
LIMIT_TYPES = frozenset({"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})


class Print(NamedTuple):
    """An own execution as the public sees it."""

    symbol: str
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool
    at_ms: int


@dataclass(slots=True, kw_only=True)
class Order:
    """One order, open or closed. Prices of 0 mean "none", as on the wire."""

    order_id: int
    symbol: str
    side: str
    type: str
    tif: str
    qty: Decimal
    price: Decimal
    stp: str
    client_id: str
    created_ms: int
    updated_ms: int
    quote_qty: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing_delta: int = 0
    trailing_ms: int = -1
    trailing_extreme: Decimal = ZERO
    iceberg_qty: Decimal = ZERO
    strategy_id: int | None = None
    strategy_type: int | None = None
    list_id: int = -1
    status: str = "NEW"
    executed: Decimal = ZERO
    quote_executed: Decimal = ZERO
    prevented: Decimal = ZERO
    prevented_match_id: int = -1
    locked: Decimal = ZERO  # of the quote asset for BUY, of the base asset for SELL
    working_ms: int = -1
    is_triggered: bool = False
    is_unsized: bool = False  # pending OPO order, its quantity is not known yet
    is_counted: bool = False  # its first fill has given back unfilled order count
    expiry_reason: str = ""
    former_client_ids: list[str] = field(default_factory=list)
    amendments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Say whether it can still fill."""
        return self.status in OPEN_STATUSES

    @property
    def remaining(self) -> Decimal:
        """Give what is left to fill, in base asset."""
        return self.qty - self.executed - self.prevented

    @property
    def is_contingent(self) -> bool:
        """Say whether it waits for its trigger."""
        return self.type in STOP_TYPES and not self.is_triggered

    @property
    def is_resting(self) -> bool:
        """Say whether it stands on the book."""
        return (
            self.working_ms >= 0
            and self.is_open
            and self.status != "PENDING_NEW"
            and self.type in LIMIT_TYPES
            and not self.is_contingent
        )

    @property
    def rises_to_trigger(self) -> bool:
        """Say whether its stop price lies above the market."""
        return self.type.startswith("STOP_LOSS") == (self.side == BUY)

    @property
    def visible(self) -> Decimal:
        """Give the quantity the book shows."""
        return min(self.iceberg_qty, self.remaining) if self.iceberg_qty else self.remaining


@dataclass(slots=True, kw_only=True)
class OrderList:
    """One OCO, OTO, OTOCO, OPO or OPOCO. `contingency` is OCO or OTO, as the wire calls them."""

    list_id: int
    symbol: str
    contingency: str
    client_id: str
    order_ids: list[int]
    created_ms: int
    updated_ms: int
    pays_pending: bool = False  # OPO: what the working order receives pays the pending ones
    is_placed: bool = True  # False while the pending orders wait for the working one
    is_done: bool = False

    @property
    def pair_ids(self) -> list[int]:
        """Give the ids of the two legs that cancel each other, or of the single pending order."""
        return self.order_ids if self.contingency == "OCO" else self.order_ids[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one of our orders."""

    symbol: str
    trade_id: int
    order_id: int
    list_id: int
    client_id: str
    side: str
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventedMatch:
    """One meeting of two own orders that self-trade prevention stopped."""

    symbol: str
    match_id: int
    taker_order_id: int
    maker_order_id: int
    stp: str
    price: Decimal
    taker_qty: Decimal
    maker_qty: Decimal
    time: int


Kept = TypeVar("Kept", Order, OrderList, Fill, PreventedMatch)
_FIELDS: dict[type, tuple[tuple[str, bool], ...]] = {
    kind: tuple((item.name, item.type == "Decimal") for item in dataclasses.fields(kind))
    for kind in (Order, OrderList, Fill, PreventedMatch)
}


def to_state(thing: Order | OrderList | Fill | PreventedMatch) -> dict[str, Any]:
    """Turn a thing into a JSON-able dictionary; Decimals become texts."""
    state: dict[str, Any] = {}
    for name, is_decimal in _FIELDS[type(thing)]:
        value = getattr(thing, name)
        state[name] = str(value) if is_decimal else list(value) if isinstance(value, list) else value
    return state


def from_state(kind: type[Kept], state: Mapping[str, Any]) -> Kept:
    """Make a thing from what `to_state` gave."""
    values: dict[str, Any] = {}
    for name, is_decimal in _FIELDS[kind]:
        value = state[name]
        values[name] = Decimal(value) if is_decimal else list(value) if isinstance(value, list) else value
    return kind(**values)
