"""Order lists: their placement, the pending orders' turn, and what one leg's fate does to the others.

`place` answers orderList.place.*; `settle` runs after every call into the engine until no list and no
stop has anything left to do. What has been answered is never revised: a working order that fills at
once is answered with its pending orders still PENDING_NEW, as live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trading.paper import errors, responses
from trading.paper.filters import (
    PRICE_CHECKS,
    STATIC_CHECKS,
    check_counts,
    check_filters,
    check_position,
)
from trading.paper.list_requests import ListRequest, check_price_relation, read_list
from trading.paper.matching import Matching
from trading.paper.numbers import ZERO, floor_step
from trading.paper.orders import MARKET_TYPES, Order, OrderList
from trading.paper.params import Params
from trading.paper.placing import Placing, check_open
from trading.paper.settlement import Settlement
from trading.paper.state import VenueState
from trading.paper.userdata import REJECT_REASONS, UserData


class Lists:
    """Places order lists and keeps their legs consistent."""

    def __init__(
        self,
        state: VenueState,
        *,
        userdata: UserData,
        settlement: Settlement,
        matching: Matching,
        placing: Placing,
    ) -> None:
        self._state = state
        self._userdata = userdata
        self._settlement = settlement
        self._matching = matching
        self._placing = placing

    def place(self, params: Params, kind: str) -> dict[str, Any]:
        """Answer orderList.place.<kind>."""
        spec = self._state.spec(params.required("symbol"))
        request = read_list(params, spec, kind)
        self._check(request)
        orders = [self._placing.build(order) for order in request.orders]
        self._accept(request, orders)
        olist = self._remember(request, orders)
        self._userdata.list_status(olist, "EXEC_STARTED")
        self._start(olist, orders)
        answer = responses.order_list(self._state, olist, at_start=True)
        answer["orderReports"] = [
            responses.placed(self._state, order, request.response_type) for order in orders
        ]
        return answer

    def settle(self) -> None:
        """Do everything that executions and endings have made due, until nothing is."""
        state = self._state
        while state.agenda or state.own_prices:
            while state.agenda:
                self._follow_up(state.agenda.popleft())
            if state.own_prices:
                symbol, price = state.own_prices.popleft()
                state.book(symbol).last_price = price
                self._matching.on_price(symbol, price)

    # placement

    def _check(self, request: ListRequest) -> None:
        check_open(self._state, request.symbol)
        if request.working is None:
            for leg in request.pair:
                check_filters(self._state, leg)
        else:
            check_filters(self._state, request.working)
            for leg in request.pair:
                check_filters(
                    self._state, leg, checks=PRICE_CHECKS if request.pays_pending else STATIC_CHECKS
                )
        check_position(self._state, request.orders[0])
        check_counts(self._state, request.orders, lists=1)
        self._placing.check_duplicates(request.orders)
        open_ids = {olist.client_id for olist in self._state.open_lists.values()}
        if request.client_id is not None and request.client_id in open_ids:
            raise errors.order_rejected(errors.DUPLICATE_ORDER)

    def _accept(self, request: ListRequest, orders: Sequence[Order]) -> None:
        """Ask the matching engine and lock the money: of the working order, or of the pair of an OCO."""
        if request.working is None:
            check_price_relation(request.pair, self._state.book(request.symbol).price())
            for order in orders:
                self._placing.check_prices(order)
            self._fund_pair(orders)
            return
        self._placing.check_prices(orders[0])
        self._matching.fund(orders[0])

    def _remember(self, request: ListRequest, orders: Sequence[Order]) -> OrderList:
        now = self._state.clock()
        for order in orders:
            self._placing.admit(order)
        olist = OrderList(
            list_id=self._state.next_list_id(),
            symbol=request.symbol,
            contingency="OCO" if request.working is None else "OTO",
            client_id=request.client_id or self._state.new_client_id(),
            order_ids=[order.order_id for order in orders],
            created_ms=now,
            updated_ms=now,
            pays_pending=request.pays_pending,
            is_placed=request.working is None,
        )
        for order in orders:
            order.list_id = olist.list_id
        self._state.add_list(olist)
        return olist

    def _start(self, olist: OrderList, orders: Sequence[Order]) -> None:
        if olist.contingency == "OCO":
            for order in orders:
                self._matching.enter(order)
            return
        for order in orders[1:]:
            order.status = "PENDING_NEW"
            order.is_unsized = olist.pays_pending
        self._matching.enter(orders[0])
        for order in orders[1:]:
            self._userdata.new(order)

    def _fund_pair(self, legs: Sequence[Order]) -> None:
        """Lock once for all legs, what the dearest may need; the first leg keeps it."""
        need = max(self._matching.cost(leg) for leg in legs)
        keeper = legs[0]
        if need > keeper.locked:
            self._settlement.lock(keeper, need - keeper.locked)
        else:
            self._settlement.unlock(keeper, keeper.locked - need)

    # consequences

    def _follow_up(self, order: Order) -> None:
        olist = self._state.lists[order.list_id]
        if olist.is_done:
            return
        orders = [self._state.orders[order_id] for order_id in olist.order_ids]
        working = self._state.working_of(olist)
        if working is not None and not olist.is_placed:
            self._follow_working(olist, working, orders[1:])
        else:
            self._end_others([self._state.orders[order_id] for order_id in olist.pair_ids])
        if not any(order.is_open for order in orders):
            olist.is_done = True
            olist.updated_ms = self._state.clock()
            del self._state.open_lists[olist.list_id]
            self._userdata.list_status(olist, "ALL_DONE")

    def _follow_working(self, olist: OrderList, working: Order, pending: Sequence[Order]) -> None:
        if working.status == "FILLED":
            if olist.symbol not in self._state.held_pending:
                self._place_pending(olist, pending)
        elif not working.is_open:
            for order in pending:
                if order.is_open:
                    self._settlement.expire(order, "OTO_PHASE_ONE_EXPIRED")

    def _end_others(self, legs: Sequence[Order]) -> None:
        """Expire the other leg, unless the one that ended did so because the other came alive."""
        if all(leg.is_open or leg.expiry_reason == "OCO_TRIGGER" for leg in legs):
            return
        for leg in legs:
            if leg.is_open:
                self._settlement.expire(leg, "OCO_TRIGGER")

    def _place_pending(self, olist: OrderList, legs: Sequence[Order]) -> None:
        """Place what has waited for the working order, or expire it all if any of it is refused."""
        olist.is_placed = True
        self._state.dirty_lists[olist.list_id] = olist
        try:
            self._size(olist, legs)
            check_open(self._state, olist.symbol)
            for leg in legs:
                check_filters(self._state, leg)
                self._placing.check_prices(leg)
            self._fund_pair(legs)
        except errors.VenueError as refusal:
            reason = REJECT_REASONS.get(refusal.message, "NONE")
            for leg in legs:
                self._settlement.expire(leg, "REJECTED", reject_reason=reason)
            return
        for leg in legs:
            self._matching.enter(leg)

    def _size(self, olist: OrderList, legs: Sequence[Order]) -> None:
        """Size the pending orders of an OPO by what was received, cut to the symbol's steps."""
        if not olist.pays_pending:
            return
        spec = self._state.spec(olist.symbol)
        qty = min(floor_step(legs[0].locked, spec.step_size), spec.max_qty)
        if any(leg.type in MARKET_TYPES for leg in legs):
            qty = floor_step(min(qty, spec.market_max_qty), spec.market_step_size)
            qty = floor_step(qty, spec.step_size)
        for leg in legs:
            leg.qty = max(qty, ZERO)
            leg.is_unsized = False
