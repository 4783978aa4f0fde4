"""Amendments that keep the place in the queue: the quantity can only become less.

Both legs of a pair are amended together; the id of the order stays, its client order id changes unless
the caller sends the present one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.paper import errors, responses
from trading.paper.cancelling import Cancelling
from trading.paper.filters import check_filters
from trading.paper.matching import Matching
from trading.paper.numbers import text
from trading.paper.orders import Order
from trading.paper.params import Params
from trading.paper.settlement import Settlement
from trading.paper.state import VenueState
from trading.paper.userdata import UserData


class Amending:
    """Answers order.amend.keepPriority and order.amendments."""

    def __init__(
        self,
        state: VenueState,
        *,
        userdata: UserData,
        settlement: Settlement,
        matching: Matching,
        cancelling: Cancelling,
    ) -> None:
        self._state = state
        self._userdata = userdata
        self._settlement = settlement
        self._matching = matching
        self._cancelling = cancelling

    def amend(self, params: Params) -> dict[str, Any]:
        """Reduce the quantity of an open order.

        Raises:
            VenueError: -2038 for an increase, no change or too many amendments; -2013 unknown order;
                -1013 for filters, and for a quantity that has already been executed.
        """
        spec = self._state.spec(params.required("symbol"))
        order_id, client_id = params.integer("orderId"), params.client_id("origClientOrderId")
        new_id = params.client_id("newClientOrderId")
        new_qty = params.required_number("newQty")
        params.done()
        if order_id is None and client_id is None:
            raise errors.either_mandatory("origClientOrderId", "orderId")
        if not spec.amend_allowed:
            raise errors.amend_rejected("Order amend is not supported for this symbol.")
        try:
            order = self._cancelling.find(spec.symbol, order_id, client_id)
        except errors.VenueError as error:
            raise errors.amend_rejected(errors.UNKNOWN_ORDER) from error
        self._check_quantity(order, new_qty)
        if len(order.amendments) >= spec.max_num_order_amends:
            raise errors.amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS")
        check_filters(self._state, order, qty=new_qty)
        new_id = new_id or self._state.new_client_id()
        if self._state.find_open(spec.symbol, new_id) not in (None, order):
            raise errors.amend_rejected(errors.DUPLICATE_ORDER)
        return self._apply(order, new_qty, new_id)

    def amendments(self, params: Params) -> list[dict[str, Any]]:
        """List the amendments of one order, oldest first."""
        spec = self._state.spec(params.required("symbol"))
        order_id = params.required_integer("orderId")
        first, limit = params.integer("fromExecutionId") or 0, params.limit()
        params.done()
        order = self._state.orders.get(order_id)
        if order is None or order.symbol != spec.symbol:
            raise errors.no_such_order()
        return [dict(entry) for entry in order.amendments if entry["executionId"] >= first][:limit]

    @staticmethod
    def _check_quantity(order: Order, new_qty: Decimal) -> None:
        if order.is_unsized:
            raise errors.amend_rejected(errors.AMEND_PENDING_OPO)
        if new_qty > order.qty:
            raise errors.amend_rejected(errors.AMEND_INCREASE)
        if new_qty == order.qty:
            raise errors.amend_rejected(errors.AMEND_NO_CHANGE)
        if new_qty <= order.executed + order.prevented:
            raise errors.bad_request(-1013, "Invalid quantity.")

    def _apply(self, order: Order, new_qty: Decimal, new_id: str) -> dict[str, Any]:
        original = self._state.rename(order, new_id)
        execution_id = self._reduce(order, new_qty, original)
        sibling = self._state.sibling(order)
        if sibling is not None and sibling.is_open:
            self._reduce(sibling, new_qty, sibling.client_id)
        self._free_surplus(order, sibling)
        if order.list_id >= 0 and original != new_id:
            self._userdata.list_status(self._state.lists[order.list_id], "UPDATED")
        return responses.amended(self._state, order, original_id=original, execution_id=execution_id)

    def _reduce(self, order: Order, new_qty: Decimal, original: str) -> int:
        former, order.qty = order.qty, new_qty
        if order.iceberg_qty > new_qty:
            order.iceberg_qty = new_qty
        execution_id = self._userdata.replaced(order, original_id=original)
        order.amendments.append(
            {
                "symbol": order.symbol,
                "orderId": order.order_id,
                "executionId": execution_id,
                "origClientOrderId": original,
                "newClientOrderId": order.client_id,
                "origQty": text(former),
                "newQty": text(new_qty),
                "time": order.updated_ms,
            }
        )
        return execution_id

    def _free_surplus(self, order: Order, sibling: Order | None) -> None:
        """Unlock what the smaller order, or the dearer of a pair, no longer needs."""
        if order.status == "PENDING_NEW":
            return  # nothing is locked before its turn
        legs = [order] if sibling is None or not sibling.is_open else [order, sibling]
        need = max(self._matching.cost(leg) for leg in legs)
        keeper = max(legs, key=lambda leg: leg.locked)
        if keeper.locked > need:
            self._settlement.unlock(keeper, keeper.locked - need)
