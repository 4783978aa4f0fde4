"""The engine's memory as plain JSON-able data: whole, as changes since last time, and as an oracle.

`take` and `put` are exact inverses; `merge` lays the changes of `take_changes` onto a whole. Written for
the store, which must lose nothing that was acknowledged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.paper.account import Account
from trading.paper.book import Book
from trading.paper.fees import Rates
from trading.paper.numbers import ZERO, text
from trading.paper.orders import Fill, Order, OrderList, PreventedMatch, from_state, to_state
from trading.paper.state import Counters, VenueState

VERSION = 1
PROTECTING_TYPES = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})


def take(state: VenueState) -> dict[str, Any]:
    """Give everything that a restart needs."""
    return {
        "version": VERSION,
        "account": _account(state.account),
        "fees": _fees(state),
        "counters": dataclasses.asdict(state.counters),
        "orders": {str(order.order_id): to_state(order) for order in state.orders.values()},
        "lists": {str(olist.list_id): to_state(olist) for olist in state.lists.values()},
        "fills": [to_state(fill) for fill in state.fills],
        "prevented": [to_state(match) for match in state.prevented],
        "books": {symbol: book.to_state() for symbol, book in state.books.items()},
    }


def take_changes(state: VenueState, *, known_fills: int, known_prevented: int) -> dict[str, Any] | None:
    """Give what changed since the last call, in the shape of `take`; None if nothing did.

    Books are left out: the market writes new ones anyway.
    """
    if not (state.dirty_orders or state.dirty_lists or state.is_account_dirty):
        return None
    state.is_account_dirty = False
    changes = {
        "version": VERSION,
        "account": _account(state.account),
        "fees": _fees(state),
        "counters": dataclasses.asdict(state.counters),
        "orders": {str(order_id): to_state(order) for order_id, order in state.dirty_orders.items()},
        "lists": {str(list_id): to_state(olist) for list_id, olist in state.dirty_lists.items()},
        "fills": [to_state(fill) for fill in state.fills[known_fills:]],
        "prevented": [to_state(match) for match in state.prevented[known_prevented:]],
    }
    state.dirty_orders.clear()
    state.dirty_lists.clear()
    return changes


def merge(whole: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes onto a whole snapshot, in place, and give it."""
    for name in ("version", "account", "fees", "counters"):
        whole[name] = changes[name]
    for name in ("orders", "lists"):
        whole[name].update(changes[name])
    for name in ("fills", "prevented"):
        whole[name].extend(changes[name])
    return whole


def put(state: VenueState, snapshot: Mapping[str, Any]) -> None:
    """Take over a snapshot; whatever the state held before is forgotten."""
    if snapshot["version"] != VERSION:
        raise ValueError(f"snapshot of version {snapshot['version']}, this is {VERSION}")
    _put_account(state, snapshot["account"])
    _put_fees(state, snapshot["fees"])
    state.counters = Counters(**snapshot["counters"])
    for index in (state.orders, state.open, state.by_client, state.lists, state.open_lists):
        index.clear()
    for kept in (state.fills, state.prevented, state.events, state.prints):
        kept.clear()
    state.fills_by_symbol.clear()
    state.fills_by_order.clear()
    for order_id in sorted(snapshot["orders"], key=int):
        _put_order(state, from_state(Order, snapshot["orders"][order_id]))
    for list_id in sorted(snapshot["lists"], key=int):
        _put_list(state, from_state(OrderList, snapshot["lists"][list_id]))
    for fill in snapshot["fills"]:
        state.add_fill(from_state(Fill, fill))
    state.prevented.extend(from_state(PreventedMatch, match) for match in snapshot["prevented"])
    state.books.clear()
    listed = {symbol: kept for symbol, kept in snapshot["books"].items() if symbol in state.catalogue}
    for symbol, levels in listed.items():
        book = state.books[symbol] = Book(state.catalogue[symbol].start_price)
        book.restore(levels)
    state.dirty_orders.clear()
    state.dirty_lists.clear()
    state.held_pending.clear()
    for symbol in state.catalogue:  # what a fault held back when the venue died is due now
        state.agenda.extend(state.overdue_working(symbol))


def ledger(state: VenueState) -> dict[str, Any]:
    """Give the venue's own truth for those who check a bot against it."""
    account = state.account
    return {
        "initial_balances": {asset: text(amount) for asset, amount in account.initial.items()},
        "adjustments": {asset: text(amount) for asset, amount in account.adjustments.items()},
        "balances": {
            asset: {"free": text(account.available(asset)), "locked": text(account.locked.get(asset, ZERO))}
            for asset in account.assets()
        },
        "orders": [_shown(to_state(order)) for order in state.orders.values()],
        "order_lists": [_shown(to_state(olist)) for olist in state.lists.values()],
        "fills": [_shown_fill(fill) for fill in state.fills],
        "protected": protected(state),
    }


def protected(state: VenueState) -> dict[str, str]:
    """Give per symbol the base quantity that waiting SELL stop legs cover.

    A stop that has triggered protects no more: what it has not sold hangs on the book.
    """
    covered: dict[str, Decimal] = {}
    for order in state.all_open_orders():
        waits = order.is_contingent and order.status == "NEW"
        if waits and order.side == "SELL" and order.type in PROTECTING_TYPES:
            covered[order.symbol] = covered.get(order.symbol, ZERO) + order.remaining
    return {symbol: text(qty) for symbol, qty in covered.items()}


SHOWN_NAMES = {
    "order_id": "orderId",
    "list_id": "orderListId",
    "client_id": "clientOrderId",
    "former_client_ids": "formerClientOrderIds",
    "tif": "timeInForce",
    "qty": "origQty",
    "quote_qty": "origQuoteOrderQty",
    "stop_price": "stopPrice",
    "executed": "executedQty",
    "quote_executed": "cummulativeQuoteQty",
    "prevented": "preventedQuantity",
    "created_ms": "time",
    "updated_ms": "updateTime",
    "working_ms": "workingTime",
    "expiry_reason": "expiryReason",
    "stp": "selfTradePreventionMode",
    "trailing_delta": "trailingDelta",
    "iceberg_qty": "icebergQty",
    "contingency": "contingencyType",
    "order_ids": "orderIds",
}


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    """Give a kept thing under the names that the wire uses."""
    return {SHOWN_NAMES.get(name, name): value for name, value in kept.items()}


def _shown_fill(fill: Fill) -> dict[str, Any]:
    return {
        "symbol": fill.symbol,
        "tradeId": fill.trade_id,
        "orderId": fill.order_id,
        "clientOrderId": fill.client_id,
        "side": fill.side,
        "price": text(fill.price),
        "qty": text(fill.qty),
        "quoteQty": text(fill.quote_qty),
        "commission": text(fill.commission),
        "commissionAsset": fill.commission_asset,
        "isMaker": fill.is_maker,
        "time": fill.time,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        name: {asset: str(amount) for asset, amount in getattr(account, name).items()}
        for name in ("initial", "adjustments", "free", "locked", "external")
    } | {"updated_ms": account.updated_ms}


def _put_account(state: VenueState, kept: Mapping[str, Any]) -> None:
    account = state.account
    for name in ("initial", "adjustments", "free", "locked", "external"):
        setattr(account, name, {asset: Decimal(amount) for asset, amount in kept[name].items()})
    account.updated_ms = kept["updated_ms"]
    account.touched.clear()


def _fees(state: VenueState) -> dict[str, Any]:
    fees = state.fees
    return {
        "maker": str(fees.rates.maker),
        "taker": str(fees.rates.taker),
        "bnb_fees": fees.bnb_fees,
        "by_symbol": {name: [str(r.maker), str(r.taker)] for name, r in fees.by_symbol.items()},
    }


def _put_fees(state: VenueState, kept: Mapping[str, Any]) -> None:
    fees = state.fees
    fees.rates = Rates(Decimal(kept["maker"]), Decimal(kept["taker"]))
    fees.bnb_fees = kept["bnb_fees"]
    fees.by_symbol = {
        name: Rates(Decimal(maker), Decimal(taker)) for name, (maker, taker) in kept["by_symbol"].items()
    }


def _put_order(state: VenueState, order: Order) -> None:
    for client_id in order.former_client_ids:
        state.by_client.setdefault((order.symbol, client_id), []).append(order.order_id)
    if order.is_open:
        state.add_order(order)
        return
    state.orders[order.order_id] = order
    state.index_client_id(order)


def _put_list(state: VenueState, olist: OrderList) -> None:
    if not olist.is_done:
        state.open_lists[olist.list_id] = olist
    state.lists[olist.list_id] = olist
