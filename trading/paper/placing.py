"""Acceptance of new orders: everything the matching engine checks before an order exists.

`Placing` serves single orders, the legs of lists, and the new order of a cancelReplace. An order that
is refused leaves no trace; one that is accepted has its money locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trading.paper import errors, responses
from trading.paper.filters import check_counts, check_filters, check_position
from trading.paper.matching import Matching, opposite
from trading.paper.numbers import ZERO, cut, floor_step
from trading.paper.orders import BUY, Order
from trading.paper.params import Params
from trading.paper.requests import Leg, NewOrder, read_order, read_response_type, read_stp
from trading.paper.state import VenueState

PHASE_TEXTS = {"BREAK": errors.MARKET_CLOSED}


def check_open(state: VenueState, symbol: str) -> None:
    """Refuse new orders while the symbol is not TRADING."""
    status = state.spec(symbol).status
    if status != "TRADING":
        raise errors.order_rejected(PHASE_TEXTS.get(status, errors.WRONG_PHASE))


class Placing:
    """Turns requested orders into accepted ones."""

    def __init__(self, state: VenueState, matching: Matching) -> None:
        self._state = state
        self._matching = matching

    def read(self, params: Params) -> NewOrder:
        """Read a single order from its parameters."""
        spec = self._state.spec(params.required("symbol"))
        return read_order(params, spec, Leg(), stp=read_stp(params, spec))

    def place(self, params: Params) -> dict[str, Any]:
        """Answer order.place."""
        request = self.read(params)
        response_type = read_response_type(params)
        params.done()
        self.check_rules(request)
        order = self.accept(request)
        self._matching.enter(order)
        return responses.placed(self._state, order, response_type)

    def test(self, params: Params) -> dict[str, Any]:
        """Answer order.test: the rules are checked, the matching engine is not asked."""
        request = self.read(params)
        read_response_type(params)
        wants_rates = params.flag("computeCommissionRates")
        params.done()
        self.check_rules(request)
        return self._state.fees.test_report(request.symbol) if wants_rates else {}

    def check_rules(self, request: NewOrder) -> None:
        """Refuse by trading phase or filter."""
        check_open(self._state, request.symbol)
        check_filters(self._state, request)
        check_position(self._state, request)
        check_counts(self._state, [request])

    def accept(self, request: NewOrder) -> Order:
        """Make a single order that the matching engine accepts, funded and remembered, not yet working."""
        self.check_duplicates([request])
        order = self.build(request)
        if order.quote_qty:
            self._size_by_quote(order)
        self.check_prices(order)
        self._matching.fund(order)
        self.admit(order)
        return order

    def check_duplicates(self, requests: Sequence[NewOrder]) -> None:
        """Refuse a client order id that an open order, or another leg of the same request, has."""
        seen: set[str] = set()
        for request in requests:
            client_id = request.client_id
            if client_id is None:
                continue
            if client_id in seen or self._state.find_open(request.symbol, client_id) is not None:
                raise errors.order_rejected(errors.DUPLICATE_ORDER)
            seen.add(client_id)

    def check_prices(self, order: Order) -> None:
        """Refuse what would trigger or, for a maker order, match at once."""
        if order.is_contingent and self._matching.would_trigger(order):
            raise errors.order_rejected(errors.WOULD_TRIGGER)
        if order.type == "LIMIT_MAKER" and self._matching.would_take(order):
            raise errors.order_rejected(errors.WOULD_TAKE)

    def build(self, request: NewOrder) -> Order:
        """Make the order without ids of the venue; nothing is remembered yet."""
        now = self._state.clock()
        return Order(
            order_id=0,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            tif=request.tif,
            qty=request.qty,
            price=request.price,
            stp=request.stp,
            client_id=request.client_id or "",
            created_ms=now,
            updated_ms=now,
            quote_qty=request.quote_qty,
            stop_price=request.stop_price,
            trailing_delta=request.trailing_delta,
            iceberg_qty=request.iceberg_qty,
            strategy_id=request.strategy_id,
            strategy_type=request.strategy_type,
        )

    def admit(self, order: Order) -> None:
        """Give the order its ids and remember it."""
        order.client_id = order.client_id or self._state.new_client_id()
        order.order_id = self._state.next_order_id()
        self._state.add_order(order)
        self._state.order_count += 1

    def _size_by_quote(self, order: Order) -> None:
        """Find how much base asset a quoteOrderQty buys or sells on the present book."""
        spec = self._state.catalogue[order.symbol]
        if order.side == BUY and order.quote_qty > self._state.account.available(spec.quote):
            raise errors.order_rejected(errors.INSUFFICIENT_BALANCE)
        left, qty, price = order.quote_qty, ZERO, ZERO
        for price, available in self._state.book(order.symbol).levels(opposite(order.side)):
            share = min(available, left / price)
            qty += share
            left -= share * price
            if share < available:
                break
        if price == ZERO:
            raise errors.order_rejected("Order book liquidity is less than symbol minimum quantity.")
        order.qty = self._on_grid(order, qty + max(left, ZERO) / price)
        if order.qty < spec.min_qty:
            raise errors.order_rejected(
                "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."
            )

    def _on_grid(self, order: Order, qty: Decimal) -> Decimal:
        spec = self._state.catalogue[order.symbol]
        return cut(floor_step(floor_step(qty, spec.step_size), spec.market_step_size))
