"""The user-data events: executionReport, listStatus, outboundAccountPosition and the two of the wallet.

Every change of an order passes through here exactly once, in the order it happened; the server sends
what `events` has gathered. Nothing here changes an order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.paper.numbers import ZERO, ZERO_TEXT, text
from trading.paper.orders import Fill, Order, OrderList, PreventedMatch
from trading.paper.state import VenueState

REJECT_REASONS = {
    "Account has insufficient balance for requested action.": "INSUFFICIENT_BALANCES",
    "Order would trigger immediately.": "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    "Order would immediately match and take.": "WOULD_MATCH_IMMEDIATELY",
    "The relationship of the prices for the orders is not correct.": "OCO_BAD_PRICES",
}


class UserData:
    """Writes the events of one account."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def new(self, order: Order) -> None:
        """Report an order that was accepted, placed on the book, or triggered."""
        self._report(order, "NEW")

    def trade(self, order: Order, fill: Fill) -> None:
        """Report one execution."""
        event = self._report(order, "TRADE")
        event["l"] = text(fill.qty)
        event["L"] = text(fill.price)
        event["n"] = text(fill.commission)
        event["N"] = fill.commission_asset
        event["t"] = fill.trade_id
        event["m"] = fill.is_maker
        event["M"] = True
        event["Y"] = text(fill.quote_qty)

    def expired(self, order: Order, *, reject_reason: str = "NONE") -> None:
        """Report that an order ended without anybody asking for it."""
        self._report(order, "EXPIRED")["r"] = reject_reason

    def rejected(self, order: Order, *, reject_reason: str) -> None:
        """Report that an accepted order was refused afterwards."""
        self._report(order, "REJECTED")["r"] = reject_reason

    def canceled(self, order: Order, *, original_id: str) -> None:
        """Report a cancel: `c` is the id of the cancel, `C` the one the order was known by."""
        self._report(order, "CANCELED")["C"] = original_id

    def replaced(self, order: Order, *, original_id: str) -> int:
        """Report an amendment and give its execution id."""
        event = self._report(order, "REPLACED")
        event["C"] = original_id
        return int(event["I"])

    def prevented(self, order: Order, match: PreventedMatch, last: Decimal) -> None:
        """Report what self-trade prevention took from an order; `last` is the quantity just taken."""
        event = self._report(order, "TRADE_PREVENTION")
        is_taker = order.order_id == match.taker_order_id
        executable = min(match.taker_qty, match.maker_qty)
        event["v"] = match.match_id
        event["A"] = text(order.prevented)
        event["B"] = text(last)
        event["u"] = 1
        event["U"] = match.maker_order_id if is_taker else match.taker_order_id
        event["Cs"] = match.symbol
        event["pl"] = text(executable)
        event["pL"] = text(match.price)
        event["pY"] = text(executable * match.price)

    def list_status(self, order_list: OrderList, status_type: str, *, reject_reason: str = "NONE") -> None:
        """Report the state of an order list; type RESPONSE, EXEC_STARTED, UPDATED or ALL_DONE."""
        now = self._state.clock()
        orders = [self._state.orders[order_id] for order_id in order_list.order_ids]
        self._state.dirty_lists[order_list.list_id] = order_list
        self._state.events.append(
            {
                "e": "listStatus",
                "E": now,
                "s": order_list.symbol,
                "g": order_list.list_id,
                "c": order_list.contingency,
                "l": status_type,
                "L": "ALL_DONE" if order_list.is_done else "EXECUTING",
                "r": reject_reason,
                "C": order_list.client_id,
                "T": now,
                "O": [{"s": order.symbol, "i": order.order_id, "c": order.client_id} for order in orders],
            }
        )

    def positions(self) -> None:
        """Report the balances touched since last time, if any."""
        account = self._state.account
        if not account.touched:
            return
        now = self._state.clock()
        account.updated_ms = now
        balances = [
            {
                "a": asset,
                "f": text(account.available(asset)),
                "l": text(account.locked.get(asset, ZERO)),
            }
            for asset in account.touched
        ]
        account.touched.clear()
        self._state.events.append({"e": "outboundAccountPosition", "E": now, "u": now, "B": balances})

    def wallet(self, kind: str, asset: str, delta: Decimal) -> None:
        """Report a deposit or withdrawal (balanceUpdate) or a foreign lock (externalLockUpdate)."""
        now = self._state.clock()
        self._state.events.append({"e": kind, "E": now, "a": asset, "d": text(delta), "T": now})

    def _report(self, order: Order, execution: str) -> dict[str, Any]:
        state = self._state
        now = state.clock()
        order.updated_ms = now
        state.dirty_orders[order.order_id] = order
        is_on_book = order.working_ms >= 0 and order.status in ("NEW", "PARTIALLY_FILLED")
        event: dict[str, Any] = {
            "e": "executionReport",
            "E": now,
            "s": order.symbol,
            "c": order.client_id,
            "S": order.side,
            "o": order.type,
            "f": order.tif,
            "q": text(order.qty),
            "p": text(order.price),
            "P": text(order.stop_price),
            "F": text(order.iceberg_qty),
            "g": order.list_id,
            "C": "",
            "x": execution,
            "X": order.status,
            "r": "NONE",
            "i": order.order_id,
            "l": ZERO_TEXT,
            "z": text(order.executed),
            "L": ZERO_TEXT,
            "n": "0",
            "N": None,
            "T": now,
            "t": -1,
            "I": state.next_execution_id(),
            "w": is_on_book,
            "m": False,
            "M": False,
            "O": order.created_ms,
            "Z": text(order.quote_executed),
            "Y": ZERO_TEXT,
            "Q": text(order.quote_qty),
            "V": order.stp,
        }
        _add_conditional(event, order)
        state.events.append(event)
        return event


def _add_conditional(event: dict[str, Any], order: Order) -> None:
    if order.working_ms >= 0:
        event["W"] = order.working_ms
    if order.trailing_delta:
        event["d"] = order.trailing_delta
        event["D"] = order.trailing_ms
    if order.strategy_id is not None:
        event["j"] = order.strategy_id
    if order.strategy_type is not None:
        event["J"] = order.strategy_type
    if order.expiry_reason:
        event["eR"] = order.expiry_reason
