"""Order intents into request parameters: plain decimal text, our ids, full replies.

Called by the REST client. Pure; it never rounds: what does not fit the symbol's rules was to be fitted
before, and is refused by the venue.

Source: binance-spot-api-docs, rest-api.md, "Trading endpoints" and "Order lists", read 2026-07.
"""

from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderType, TimeInForce
from trading.domain.values import to_text

Params = dict[str, str]

LIST_PATHS = {
    ListKind.OPOCO: "orderList/opoco",
    ListKind.OTOCO: "orderList/otoco",
    ListKind.OCO: "orderList/oco",
}
# The venue demands a time in force where a price rests, and refuses one everywhere else.
TYPES_WITH_TIME_IN_FORCE = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT})


def order(intent: OrderIntent) -> Params:
    """Give the parameters of POST /api/v3/order."""
    params = {
        "symbol": intent.symbol,
        "side": intent.side.value,
        "type": intent.type.value,
        "quantity": to_text(intent.qty),
        "newClientOrderId": intent.client_order_id,
        "newOrderRespType": "FULL",
    }
    if intent.price is not None:
        params["price"] = to_text(intent.price)
    if intent.stop_price is not None:
        params["stopPrice"] = to_text(intent.stop_price)
    if intent.trailing_delta_bps is not None:
        params["trailingDelta"] = str(intent.trailing_delta_bps)
    if intent.type in TYPES_WITH_TIME_IN_FORCE:
        params["timeInForce"] = (intent.time_in_force or TimeInForce.GTC).value
    return params


def replacement(client_order_id: str, intent: OrderIntent) -> Params:
    """Give the parameters of POST /api/v3/order/cancelReplace.

    The cancelled order keeps its id, so that it stays findable by it; the new one is attempted only where
    the cancel succeeded.
    """
    return order(intent) | {
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelOrigClientOrderId": client_order_id,
        "cancelNewClientOrderId": client_order_id,
    }


def order_list(intent: ListIntent) -> Params:
    """Give the parameters of POST /api/v3/orderList/{opoco,otoco,oco}.

    An OPOCO carries no pending quantity: the venue sizes the exit from what was received.
    """
    params = {
        "symbol": intent.symbol,
        "listClientOrderId": intent.client_list_id,
        "newOrderRespType": "FULL",
    }
    if intent.working is None:
        params |= {"side": intent.above.side.value, "quantity": to_text(intent.above.qty)}
        return params | _leg("above", intent.above) | _leg("below", intent.below)
    params |= _leg("working", intent.working)
    params |= {
        "workingSide": intent.working.side.value,
        "workingQuantity": to_text(intent.working.qty),
        "pendingSide": intent.above.side.value,
    }
    if intent.kind is ListKind.OTOCO:
        params["pendingQuantity"] = to_text(intent.above.qty)
    return params | _leg("pendingAbove", intent.above) | _leg("pendingBelow", intent.below)


def _leg(prefix: str, intent: OrderIntent) -> Params:
    params = {f"{prefix}Type": intent.type.value, f"{prefix}ClientOrderId": intent.client_order_id}
    if intent.price is not None:
        params[f"{prefix}Price"] = to_text(intent.price)
    if intent.stop_price is not None:
        params[f"{prefix}StopPrice"] = to_text(intent.stop_price)
    if intent.trailing_delta_bps is not None:
        params[f"{prefix}TrailingDelta"] = str(intent.trailing_delta_bps)
    if intent.type in TYPES_WITH_TIME_IN_FORCE:
        params[f"{prefix}TimeInForce"] = (intent.time_in_force or TimeInForce.GTC).value
    return params
