"""Cancels: of one order, of a list, of all on a symbol, and cancelReplace.

The id of the cancel becomes the order's client order id and frees the former one. Cancelling one leg
cancels its list.
"""

from __future__ import annotations

from typing import Any

from trading.paper import errors, responses
from trading.paper.matching import Matching
from trading.paper.orders import Order, OrderList
from trading.paper.params import Params
from trading.paper.placing import Placing
from trading.paper.requests import NewOrder, read_response_type
from trading.paper.settlement import Settlement
from trading.paper.state import VenueState

RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}
REPLACE_MODES = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
EXCEEDED_MODES = ("DO_NOTHING", "CANCEL_ONLY")


class Cancelling:
    """Answers every request that takes orders back."""

    def __init__(
        self, state: VenueState, *, settlement: Settlement, matching: Matching, placing: Placing
    ) -> None:
        self._state = state
        self._settlement = settlement
        self._matching = matching
        self._placing = placing

    def cancel(self, params: Params) -> dict[str, Any]:
        """Answer order.cancel; for a leg of a list, with the whole list."""
        symbol = self._state.spec(params.required("symbol")).symbol
        order_id, client_id = params.integer("orderId"), params.client_id("origClientOrderId")
        cancel_id = params.client_id("newClientOrderId")
        restriction = self._read_restriction(params)
        params.done()
        if order_id is None and client_id is None:
            raise errors.either_mandatory("origClientOrderId", "orderId")
        order = self.find(symbol, order_id, client_id)
        return self._cancel_order(order, cancel_id, restriction)

    def cancel_list(self, params: Params) -> dict[str, Any]:
        """Answer orderList.cancel."""
        symbol = self._state.spec(params.required("symbol")).symbol
        list_id, client_id = params.integer("orderListId"), params.client_id("listClientOrderId")
        cancel_id = params.client_id("newClientOrderId")
        params.done()
        if list_id is None and client_id is None:
            raise errors.either_mandatory("orderListId", "listClientOrderId")
        for olist in self._state.open_lists.values():
            fits = list_id in (None, olist.list_id) and client_id in (None, olist.client_id)
            if fits and olist.symbol == symbol:
                return self._cancel_list(olist, cancel_id or self._state.new_client_id())
        raise errors.cancel_rejected()

    def cancel_all(self, params: Params) -> list[dict[str, Any]]:
        """Answer openOrders.cancelAll."""
        symbol = self._state.spec(params.required("symbol")).symbol
        params.done()
        orders = self._state.open_orders(symbol)
        if not orders:
            raise errors.cancel_rejected()
        cancel_id = self._state.new_client_id()
        answers = [self._cancel_single(order, cancel_id) for order in orders if order.list_id < 0]
        list_ids = sorted({order.list_id for order in orders if order.list_id >= 0})
        answers += [self._cancel_list(self._state.lists[list_id], cancel_id) for list_id in list_ids]
        return answers

    def replace(self, params: Params) -> dict[str, Any]:
        """Answer order.cancelReplace.

        Raises:
            VenueError: Filters of the new order before anything happens; -2022 when neither half
                succeeded (HTTP 400), -2021 when one did (HTTP 409), both with `data`.
        """
        request = self._placing.read(params)
        mode = params.choice("cancelReplaceMode", REPLACE_MODES)
        params.choice("orderRateLimitExceededMode", EXCEEDED_MODES)
        order_id = params.integer("cancelOrderId")
        client_id = params.client_id("cancelOrigClientOrderId")
        cancel_id = params.client_id("cancelNewClientOrderId")
        restriction = self._read_restriction(params)
        response_type = read_response_type(params)
        params.done()
        if mode is None:
            raise errors.mandatory("cancelReplaceMode")
        if order_id is None and client_id is None:
            raise errors.either_mandatory("cancelOrigClientOrderId", "cancelOrderId")
        self._check_replaceable(request)
        try:
            order = self.find(request.symbol, order_id, client_id)
            cancelled: dict[str, Any] | None = self._cancel_order(order, cancel_id, restriction)
            refusal = None
        except errors.VenueError as error:
            cancelled, refusal = None, error
        if refusal is not None and mode == "STOP_ON_FAILURE":
            self._state.order_count += 1  # an order that is not attempted counts all the same
            raise replace_failure(refusal.body(), None, ("FAILURE", "NOT_ATTEMPTED"))
        return self._place_new(request, response_type, cancelled, refusal)

    def _check_replaceable(self, request: NewOrder) -> None:
        if not self._state.spec(request.symbol).cancel_replace_allowed:
            raise errors.order_rejected("Order cancel-replace is not supported for this symbol.")
        self._placing.check_rules(request)

    def _place_new(
        self,
        request: NewOrder,
        response_type: str | None,
        cancelled: dict[str, Any] | None,
        refusal: errors.VenueError | None,
    ) -> dict[str, Any]:
        cancel_result = "SUCCESS" if refusal is None else "FAILURE"
        cancel_body = cancelled if refusal is None else refusal.body()
        try:
            order = self._placing.accept(request)
        except errors.VenueError as error:
            raise replace_failure(cancel_body, error.body(), (cancel_result, "FAILURE")) from error
        self._matching.enter(order)
        placed = responses.placed(self._state, order, response_type)
        if refusal is not None:
            raise replace_failure(cancel_body, placed, (cancel_result, "SUCCESS"))
        return {
            "cancelResult": "SUCCESS",
            "newOrderResult": "SUCCESS",
            "cancelResponse": cancelled,
            "newOrderResponse": placed,
        }

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order:
        """Give the open order meant; where both ids are given both must fit. -2011 otherwise."""
        if order_id is not None:
            order = self._state.orders.get(order_id)
            if order is not None and client_id not in (None, order.client_id):
                order = None
        else:
            order = self._state.find_open(symbol, client_id or "")
        if order is None or order.symbol != symbol or not order.is_open:
            raise errors.cancel_rejected()
        return order

    def _read_restriction(self, params: Params) -> str | None:
        restriction = params.optional("cancelRestrictions")
        if restriction is not None and restriction not in RESTRICTIONS:
            raise errors.bad_request(-1145, "Invalid cancelRestrictions")
        return restriction

    def _cancel_order(self, order: Order, cancel_id: str | None, restriction: str | None) -> dict[str, Any]:
        if restriction is not None and order.status != RESTRICTIONS[restriction]:
            raise errors.cancel_rejected(errors.CANCEL_RESTRICTED)
        cancel_id = cancel_id or self._state.new_client_id()
        if order.list_id >= 0:
            return self._cancel_list(self._state.lists[order.list_id], cancel_id)
        return self._cancel_single(order, cancel_id)

    def _cancel_single(self, order: Order, cancel_id: str) -> dict[str, Any]:
        original = self._settlement.cancel(order, cancel_id)
        return responses.canceled(order, original_id=original)

    def _cancel_list(self, olist: OrderList, cancel_id: str) -> dict[str, Any]:
        orders = [self._state.orders[order_id] for order_id in olist.order_ids]
        known_ids = {order.order_id: order.client_id for order in orders}
        reports = [self._cancel_single(order, cancel_id) for order in orders if order.is_open]
        olist.updated_ms = self._state.clock()
        answer = responses.order_list(self._state, olist)
        answer |= {"listStatusType": "ALL_DONE", "listOrderStatus": "ALL_DONE"}
        for shown in answer["orders"]:
            shown["clientOrderId"] = known_ids[shown["orderId"]]
        answer["orderReports"] = reports
        return answer


def replace_failure(
    cancelled: dict[str, Any] | None, placed: dict[str, Any] | None, results: tuple[str, str]
) -> errors.VenueError:
    """Refuse a cancelReplace of which a half, or all, failed: 409 if the other half was done, else 400."""
    data = {
        "cancelResult": results[0],
        "newOrderResult": results[1],
        "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }
    if "SUCCESS" in results:
        return errors.VenueError(409, -2021, "Order cancel-replace partially failed.", data=data)
    return errors.VenueError(400, -2022, "Order cancel-replace failed.", data=data)
