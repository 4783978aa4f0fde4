"""The symbol's filters (binance.md 3): each check refuses with -1013 and the filter's name.

Asked when an order arrives, when a pending order is placed, and when a stop triggers. Counting filters
are asked on arrival only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.paper import errors
from trading.paper.catalogue import SymbolSpec
from trading.paper.numbers import ZERO, is_multiple
from trading.paper.orders import BUY, LIMIT_TYPES, MARKET_TYPES, STOP_TYPES, Order
from trading.paper.requests import NewOrder
from trading.paper.state import VenueState


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the filters look at: an order as requested or as it is about to be placed."""

    spec: SymbolSpec
    order: Order | NewOrder
    qty: Decimal
    reference: Decimal

    @property
    def notional(self) -> Decimal:
        """Give its worth: at its limit, or at the reference price for orders at market."""
        order = self.order
        if order.quote_qty:
            return order.quote_qty
        return (order.price if order.type in LIMIT_TYPES else self.reference) * self.qty


def check_price(c: Candidate) -> None:
    """PRICE_FILTER: price and stop price within bounds and on the tick grid."""
    spec = c.spec
    for price in (c.order.price, c.order.stop_price):
        if price == ZERO:
            continue
        too_low = spec.min_price > ZERO and price < spec.min_price
        too_high = ZERO < spec.max_price < price
        if too_low or too_high or not is_multiple(price, spec.tick_size):
            raise errors.filter_failure("PRICE_FILTER")


def check_percent(c: Candidate) -> None:
    """PERCENT_PRICE and PERCENT_PRICE_BY_SIDE: the limit price against the reference price."""
    price, spec = c.order.price, c.spec
    if price == ZERO:
        return
    if spec.percent_up is not None and price > c.reference * spec.percent_up:
        raise errors.filter_failure("PERCENT_PRICE")
    if spec.percent_down is not None and price < c.reference * spec.percent_down:
        raise errors.filter_failure("PERCENT_PRICE")
    if c.order.side == BUY:
        up, down = spec.bid_percent_up, spec.bid_percent_down
    else:
        up, down = spec.ask_percent_up, spec.ask_percent_down
    if not c.reference * down <= price <= c.reference * up:
        raise errors.filter_failure("PERCENT_PRICE_BY_SIDE")


def check_lot(c: Candidate) -> None:
    """LOT_SIZE: quantity and iceberg quantity within bounds and on the step grid."""
    spec = c.spec
    if c.order.quote_qty:
        return
    for qty in (c.qty, c.order.iceberg_qty or c.qty):
        if not spec.min_qty <= qty <= spec.max_qty or not is_multiple(qty, spec.step_size):
            raise errors.filter_failure("LOT_SIZE")


def check_market_lot(c: Candidate) -> None:
    """MARKET_LOT_SIZE: orders at market only; a step of 0 is no grid."""
    spec = c.spec
    if c.order.type not in MARKET_TYPES or c.order.quote_qty:
        return
    if not spec.market_min_qty <= c.qty <= spec.market_max_qty:
        raise errors.filter_failure("MARKET_LOT_SIZE")
    if not is_multiple(c.qty, spec.market_step_size):
        raise errors.filter_failure("MARKET_LOT_SIZE")


def check_notional(c: Candidate) -> None:
    """NOTIONAL or MIN_NOTIONAL; whether it binds orders at market is the symbol's choice."""
    spec, at_market = c.spec, c.order.type in MARKET_TYPES
    worth = c.notional
    if worth < spec.min_notional and (spec.min_notional_on_market or not at_market):
        raise errors.filter_failure(spec.notional_filter)
    if spec.notional_filter == "MIN_NOTIONAL":
        return
    if worth > spec.max_notional and (spec.max_notional_on_market or not at_market):
        raise errors.filter_failure("NOTIONAL")


def check_iceberg(c: Candidate) -> None:
    """ICEBERG_PARTS: how many visible parts it would break into."""
    iceberg = c.order.iceberg_qty
    if iceberg and math.ceil(c.qty / iceberg) > c.spec.iceberg_parts:
        raise errors.filter_failure("ICEBERG_PARTS")


def check_trailing(c: Candidate) -> None:
    """TRAILING_DELTA: basis points within bounds."""
    delta = c.order.trailing_delta
    if delta and not c.spec.min_trailing_delta <= delta <= c.spec.max_trailing_delta:
        raise errors.filter_failure("TRAILING_DELTA")


def check_asset(c: Candidate) -> None:
    """MAX_ASSET: no single order may move more of an asset than its limit."""
    for asset, limit in c.spec.max_asset:
        moved = c.qty if asset == c.spec.base else c.notional if asset == c.spec.quote else ZERO
        if moved > limit:
            raise errors.filter_failure("MAX_ASSET")


PRICE_CHECKS: tuple[Callable[[Candidate], None], ...] = (check_price, check_trailing)
STATIC_CHECKS: tuple[Callable[[Candidate], None], ...] = (
    check_price,
    check_lot,
    check_market_lot,
    check_iceberg,
    check_trailing,
)
ALL_CHECKS: tuple[Callable[[Candidate], None], ...] = (
    check_price,
    check_percent,
    check_lot,
    check_market_lot,
    check_notional,
    check_iceberg,
    check_trailing,
    check_asset,
)


def check_filters(
    state: VenueState,
    order: Order | NewOrder,
    *,
    qty: Decimal | None = None,
    checks: Sequence[Callable[[Candidate], None]] = ALL_CHECKS,
) -> None:
    """Refuse an order that breaks a filter of its symbol; `qty` where it is not the order's own."""
    spec = state.spec(order.symbol)
    candidate = Candidate(spec, order, order.qty if qty is None else qty, state.reference_price(spec))
    for check in checks:
        check(candidate)


def check_position(state: VenueState, order: NewOrder) -> None:
    """MAX_POSITION: base balance and open buys together, were this one filled."""
    spec = state.spec(order.symbol)
    if spec.max_position is None or order.side != BUY:
        return
    buying = sum((o.remaining for o in state.open_orders(spec.symbol) if o.side == BUY), ZERO)
    qty = order.qty or order.quote_qty / state.book(spec.symbol).price()
    if state.account.total(spec.base) + buying + qty > spec.max_position:
        raise errors.filter_failure("MAX_POSITION")


def check_counts(state: VenueState, orders: Sequence[NewOrder], *, lists: int = 0) -> None:
    """Refuse what would make too many open orders, of the symbol or of the account."""
    spec = state.spec(orders[0].symbol)
    here = state.open_orders(spec.symbol)
    open_lists = sum(1 for olist in state.open_lists.values() if olist.symbol == spec.symbol)
    _check_count(here, orders, _always, spec.max_num_orders, "MAX_NUM_ORDERS")
    _check_count(here, orders, _is_algo, spec.max_num_algo_orders, "MAX_NUM_ALGO_ORDERS")
    _check_count(here, orders, _is_iceberg, spec.max_num_iceberg_orders, "MAX_NUM_ICEBERG_ORDERS")
    if lists and open_lists + lists > spec.max_num_order_lists:
        raise errors.filter_failure("MAX_NUM_ORDER_LISTS")
    limits = state.catalogue.exchange_filters
    if not limits:
        return
    everywhere = list(state.all_open_orders())
    for name, counts in EXCHANGE_COUNTS.items():
        _check_count(everywhere, orders, counts, limits.get(name), name)
    most_lists = limits.get("EXCHANGE_MAX_NUM_ORDER_LISTS")
    if lists and most_lists is not None and len(state.open_lists) + lists > most_lists:
        raise errors.filter_failure("EXCHANGE_MAX_NUM_ORDER_LISTS")


def _always(order: Order | NewOrder) -> bool:
    return order.type != "MARKET"  # never stays open


def _is_algo(order: Order | NewOrder) -> bool:
    return order.type in STOP_TYPES


def _is_iceberg(order: Order | NewOrder) -> bool:
    return order.iceberg_qty > ZERO


EXCHANGE_COUNTS: dict[str, Callable[[Order | NewOrder], bool]] = {
    "EXCHANGE_MAX_NUM_ORDERS": _always,
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": _is_algo,
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": _is_iceberg,
}


def _check_count(
    open_orders: Sequence[Order],
    new: Sequence[NewOrder],
    counts: Callable[[Order | NewOrder], bool],
    limit: int | None,
    name: str,
) -> None:
    adding = sum(1 for order in new if counts(order))
    if limit is None or not adding:
        return
    if sum(1 for order in open_orders if counts(order)) + adding > limit:
        raise errors.filter_failure(name)
