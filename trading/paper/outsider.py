"""What befalls the account from outside, in words that faults can use: orders found, filled, triggered.

Reads through the engine's queries and acts through the market or the engine's public doors, so that whatever
a fault does is booked, counted and reported like any other event.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from trading.paper.bends import Shift
from trading.paper.calls import Call
from trading.paper.errors import VenueError
from trading.paper.faults import Stage
from trading.paper.numbers import ZERO, floor_step
from trading.paper.orders import LIMIT_TYPES, OPEN_STATUSES, STOP_TYPES

Wire = dict[str, Any]
JUST_THROUGH = Decimal("0.0001")
REMOVALS = ("order.cancel", "orderList.cancel", "openOrders.cancelAll", "order.cancelReplace")


def open_orders(stage: Stage, symbol: str) -> list[Wire]:
    """Give the open orders of a symbol, oldest first."""
    if symbol not in stage.catalogue:
        return []
    orders: list[Wire] = stage.engine.execute("openOrders.status", {"symbol": symbol})
    return orders


def remaining(order: Wire) -> Decimal:
    """Give what is left of an order to fill, in base asset."""
    if "origQty" not in order:  # a pending order that an OPO will size
        return ZERO
    return Decimal(order["origQty"]) - Decimal(order["executedQty"])


def is_resting(order: Wire) -> bool:
    """Tell whether an order stands on the book."""
    return order["type"] in LIMIT_TYPES and order["isWorking"] and order["status"] in OPEN_STATUSES


def is_waiting(order: Wire) -> bool:
    """Tell whether an order waits for its trigger."""
    return order["type"] in STOP_TYPES and not order["isWorking"] and order["status"] == "NEW"


def aimed_at(stage: Stage, call: Call) -> list[Wire]:
    """Give the open orders that a cancel, of whatever form, would end; those on the book first."""
    params, symbol = call.params, call.params.get("symbol", "")
    orders = open_orders(stage, symbol)
    if call.route.method == "orderList.cancel":
        list_ids = {params.get("orderListId"), _list_id(stage, params.get("listClientOrderId"))}
        chosen = [order for order in orders if str(order["orderListId"]) in list_ids]
    elif call.route.method == "openOrders.cancelAll":
        chosen = orders
    else:
        words = ("orderId", "origClientOrderId")
        if call.route.method == "order.cancelReplace":
            words = ("cancelOrderId", "cancelOrigClientOrderId")
        ids = {params.get(word) for word in words} - {None}
        named = [o for o in orders if str(o["orderId"]) in ids or o["clientOrderId"] in ids]
        list_ids = {order["orderListId"] for order in named} - {-1}
        chosen = [order for order in orders if order in named or order["orderListId"] in list_ids]
    return sorted(chosen, key=lambda order: (not is_resting(order), order["orderId"]))


def _list_id(stage: Stage, client_id: str | None) -> str | None:
    if client_id is None:
        return None
    for olist in stage.engine.execute("openOrderLists.status", {}):
        if olist["listClientOrderId"] == client_id:
            return str(olist["orderListId"])
    return None


def placed_open(stage: Stage, body: Any) -> list[Wire]:
    """Give those of the orders that a reply to order entry tells of which are still open."""
    if not isinstance(body, dict):
        return []
    body = body.get("newOrderResponse") or body
    ids = [order["orderId"] for order in body.get("orders", [body]) if "orderId" in order]
    return [order for order in open_orders(stage, body.get("symbol", "")) if order["orderId"] in ids]


def fill(stage: Stage, order: Wire, qty: Decimal) -> None:
    """Let others trade with a resting order, at its price."""
    stage.print_trade(
        order["symbol"], price=Decimal(order["price"]), qty=qty, buyer_is_maker=order["side"] == "BUY"
    )


def best(stage: Stage, symbol: str, side: str) -> Decimal | None:
    """Give the best price of the market's bids (BUY) or asks (SELL)."""
    bids, asks = stage.market_data.sides(symbol)
    levels = bids if side == "BUY" else asks
    return levels[0][0] if levels else None


def move_to(stage: Stage, symbol: str, *, side: str, price: Decimal) -> Callable[[], None] | None:
    """Move the whole market so that its best bid (BUY) or ask (SELL) comes to a price.

    Gives what brings it back, with a trade where it belongs; None if there is no market.
    """
    now = best(stage, symbol, side)
    if now is None:
        return None
    spec = stage.catalogue[symbol]
    target = price - spec.tick_size if side == "SELL" else price
    factor = max(target, spec.tick_size) / now
    lift = stage.bends.lay(symbol, Shift(factor, spec.tick_size))

    def come_back() -> None:
        lift()
        trade_at_touch(stage, symbol, side)

    return come_back


def trade_at_touch(stage: Stage, symbol: str, side: str) -> None:
    """Let others trade the smallest quantity at the best bid (BUY) or ask (SELL), so that stops see it."""
    price, spec = best(stage, symbol, side), stage.catalogue.get(symbol)
    if price is not None and spec is not None:
        stage.print_trade(symbol, price=price, qty=spec.min_qty, buyer_is_maker=side == "BUY")


def trigger_price(stage: Stage, order: Wire) -> Decimal:
    """Give the price at which a waiting stop will trigger; of a trailing one, from the present price."""
    stop, last = Decimal(order["stopPrice"]), stage.engine.last_price(order["symbol"])
    if not order.get("trailingDelta"):
        return stop
    share = Decimal(order["trailingDelta"]) / 10_000
    return last * (1 - share if order["side"] == "SELL" else 1 + share)


def gap_through(stage: Stage, order: Wire, *, depth: Decimal) -> Callable[[], None] | None:
    """Let the market jump over the trigger of a waiting stop by a share of its price; give what ends it."""
    symbol, trigger = order["symbol"], trigger_price(stage, order)
    falls = order["side"] == "SELL" and order["type"].startswith("STOP_LOSS")
    side = "BUY" if falls else "SELL"
    beyond = trigger * (1 - depth if falls else 1 + depth)
    lift = move_to(stage, symbol, side=side, price=floor_step(beyond, stage.catalogue[symbol].tick_size))
    if lift is not None:
        trade_at_touch(stage, symbol, side)
    return lift


def fill_now(stage: Stage, order: Wire) -> None:
    """Let the market take an order: at its price, or by a dip through its trigger that is over at once."""
    if is_resting(order):
        fill(stage, order, remaining(order))
        return
    lift = gap_through(stage, order, depth=JUST_THROUGH)
    if lift is not None:
        lift()


def free(stage: Stage, asset: str) -> Decimal:
    """Give the free balance of an asset."""
    for balance in stage.engine.execute("account.status", {})["balances"]:
        if balance["asset"] == asset:
            return Decimal(balance["free"])
    return ZERO


def act(stage: Stage, method: str, **params: str) -> Wire | None:
    """Carry out a call of another client of the account; None if the venue refuses it."""
    try:
        answer: Wire = stage.engine.execute(method, params)
    except VenueError:
        return None
    finally:
        stage.settle()
    return answer
