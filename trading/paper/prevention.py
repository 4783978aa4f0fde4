"""Self-trade prevention: what happens when an own taker meets an own maker.

Called by matching alone. The taker's mode decides who loses what; nothing trades.
"""

from __future__ import annotations

from decimal import Decimal

from trading.paper.numbers import ZERO
from trading.paper.orders import Order, PreventedMatch
from trading.paper.state import VenueState
from trading.paper.userdata import UserData


def prevent(state: VenueState, userdata: UserData, *, taker: Order, maker: Order) -> list[Order]:
    """Take what the taker's mode says from both orders, report it, and give the orders that end by it."""
    state.counters.prevented += 1
    match = PreventedMatch(
        symbol=maker.symbol,
        match_id=state.counters.prevented,
        taker_order_id=taker.order_id,
        maker_order_id=maker.order_id,
        stp=taker.stp,
        price=maker.price,
        taker_qty=taker.remaining,
        maker_qty=maker.remaining,
        time=state.clock(),
    )
    state.prevented.append(match)
    ended = []
    for order, lost in _losses(taker, maker):
        order.prevented += lost
        order.prevented_match_id = match.match_id
        if order.remaining <= ZERO:
            order.status = "EXPIRED_IN_MATCH"
            ended.append(order)
        userdata.prevented(order, match, lost)
    return ended


def _losses(taker: Order, maker: Order) -> list[tuple[Order, Decimal]]:
    if taker.stp == "EXPIRE_TAKER":
        return [(taker, taker.remaining)]
    if taker.stp == "EXPIRE_BOTH":
        return [(maker, maker.remaining), (taker, taker.remaining)]
    if taker.stp in ("DECREMENT", "TRANSFER"):  # within one account TRANSFER is DECREMENT
        both = min(taker.remaining, maker.remaining)
        return [(maker, both), (taker, both)]
    return [(maker, maker.remaining)]
