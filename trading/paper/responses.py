"""The answers of the venue about orders and lists, JSON-ready, field by field as the venue writes them.

Built from orders as they stand at that moment; the caller decides when that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trading.paper.numbers import ZERO, text
from trading.paper.orders import STOP_TYPES, Fill, Order, OrderList
from trading.paper.state import VenueState

FULL_BY_DEFAULT = frozenset({"MARKET", "LIMIT"})


def placed(state: VenueState, order: Order, response_type: str | None) -> dict[str, Any]:
    """Give the answer to a new order: ACK, RESULT or FULL, by default what its type says."""
    kind = response_type or ("FULL" if order.type in FULL_BY_DEFAULT else "ACK")
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }
    if kind == "ACK":
        return answer
    answer |= _amounts(order)
    answer |= {"workingTime": order.working_ms, "selfTradePreventionMode": order.stp}
    answer |= _conditional(order)
    if kind == "FULL":
        answer["fills"] = [_fill(fill) for fill in state.fills_by_order.get(order.order_id, ())]
    return answer


def canceled(order: Order, *, original_id: str) -> dict[str, Any]:
    """Give the answer to the cancel of one order."""
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "origClientOrderId": original_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }
    return answer | _amounts(order) | {"selfTradePreventionMode": order.stp} | _conditional(order)


def queried(order: Order) -> dict[str, Any]:
    """Give an order as GET order, openOrders and allOrders show it."""
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
    }
    answer |= _amounts(order)
    answer |= {
        "stopPrice": text(order.stop_price),
        "icebergQty": text(order.iceberg_qty),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": order.working_ms >= 0,
        "workingTime": order.working_ms,
        "selfTradePreventionMode": order.stp,
    }
    return answer | _conditional(order)


def order_list(state: VenueState, olist: OrderList, *, at_start: bool = False) -> dict[str, Any]:
    """Give an order list without reports; `at_start` as the answer to its placement says it."""
    is_done = olist.is_done and not at_start
    orders = [state.orders[order_id] for order_id in olist.order_ids]
    return {
        "orderListId": olist.list_id,
        "contingencyType": olist.contingency,
        "listStatusType": "ALL_DONE" if is_done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if is_done else "EXECUTING",
        "listClientOrderId": olist.client_id,
        "transactionTime": olist.updated_ms,
        "symbol": olist.symbol,
        "orders": [
            {"symbol": order.symbol, "orderId": order.order_id, "clientOrderId": order.client_id}
            for order in orders
        ],
    }


def amended(state: VenueState, order: Order, *, original_id: str, execution_id: int) -> dict[str, Any]:
    """Give the answer to an amendment; its field names differ from all others, as live."""
    shown: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "origClientOrderId": original_id,
        "clientOrderId": order.client_id,
        "price": text(order.price),
        "qty": text(order.qty),
        "executedQty": text(order.executed),
        "preventedQty": text(order.prevented),
        "quoteOrderQty": text(order.quote_qty),
        "cumulativeQuoteQty": text(order.quote_executed),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
    }
    if order.working_ms >= 0:
        shown["workingTime"] = order.working_ms
    shown["selfTradePreventionMode"] = order.stp
    answer = {"transactTime": order.updated_ms, "executionId": execution_id, "amendedOrder": shown}
    if order.list_id >= 0:
        status = order_list(state, state.lists[order.list_id])
        del status["listStatusType"], status["transactionTime"]
        answer["listStatus"] = status
    return answer


def traded(fills: Sequence[Fill]) -> list[dict[str, Any]]:
    """Give fills as myTrades shows them."""
    return [
        {
            "symbol": fill.symbol,
            "id": fill.trade_id,
            "orderId": fill.order_id,
            "orderListId": fill.list_id,
            "price": text(fill.price),
            "qty": text(fill.qty),
            "quoteQty": text(fill.quote_qty),
            "commission": text(fill.commission),
            "commissionAsset": fill.commission_asset,
            "time": fill.time,
            "isBuyer": fill.side == "BUY",
            "isMaker": fill.is_maker,
            "isBestMatch": True,
        }
        for fill in fills
    ]


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "price": text(fill.price),
        "qty": text(fill.qty),
        "commission": text(fill.commission),
        "commissionAsset": fill.commission_asset,
        "tradeId": fill.trade_id,
    }


def _amounts(order: Order) -> dict[str, Any]:
    amounts = {
        "price": text(order.price),
        "origQty": text(order.qty),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": text(order.quote_qty),
        "cummulativeQuoteQty": text(order.quote_executed),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
    }
    if order.is_unsized:
        del amounts["origQty"]  # nobody knows it before the working order has filled
    return amounts


def _conditional(order: Order) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if order.type in STOP_TYPES:
        fields["stopPrice"] = text(order.stop_price)
    if order.iceberg_qty:
        fields["icebergQty"] = text(order.iceberg_qty)
    if order.trailing_delta:
        fields["trailingDelta"] = order.trailing_delta
        fields["trailingTime"] = order.trailing_ms
    if order.strategy_id is not None:
        fields["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        fields["strategyType"] = order.strategy_type
    if order.prevented > ZERO:
        fields["preventedMatchId"] = order.prevented_match_id
        fields["preventedQuantity"] = text(order.prevented)
    if order.expiry_reason:
        fields["expiryReason"] = order.expiry_reason
    return fields
