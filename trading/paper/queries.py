"""What the account may ask: orders, lists, trades, prevented matches, filters, balances, fees.

Reads only. Paging and the allowed combinations of parameters are the venue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trading.paper import errors, responses
from trading.paper.catalogue import exchange_filter, symbol_filters
from trading.paper.numbers import ZERO, text
from trading.paper.orders import Fill, OrderList, PreventedMatch
from trading.paper.params import Params
from trading.paper.state import VenueState

DAY_MS = 24 * 3_600_000
UID = 100_000_001
TRADE_COMBINATIONS: tuple[set[str], ...] = (
    set(),
    {"orderId"},
    {"startTime"},
    {"endTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId", "fromId"},
)


class Queries:
    """Answers every question about the account."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def order(self, params: Params) -> dict[str, Any]:
        """Answer order.status; -2013 unknown, -2039 when both ids are sent and do not fit."""
        symbol = self._symbol(params)
        order_id, client_id = params.integer("orderId"), params.client_id("origClientOrderId")
        params.done()
        if order_id is None and client_id is None:
            raise errors.either_mandatory("origClientOrderId", "orderId")
        if order_id is None:
            order = self._state.find_by_client(symbol, client_id or "")
        else:
            order = self._state.orders.get(order_id)
        if order is None or order.symbol != symbol:
            raise errors.no_such_order()
        if client_id not in (None, order.client_id, *order.former_client_ids):
            raise errors.client_id_mismatch()
        return responses.queried(order)

    def open_orders(self, params: Params) -> list[dict[str, Any]]:
        """Answer openOrders.status, of one symbol or of all."""
        symbol = self._symbol(params) if params.has("symbol") else None
        params.done()
        orders = self._state.all_open_orders() if symbol is None else self._state.open_orders(symbol)
        return [responses.queried(order) for order in orders]

    def all_orders(self, params: Params) -> list[dict[str, Any]]:
        """Answer allOrders: from an order id on, or inside a window, else the most recent."""
        symbol = self._symbol(params)
        first, limit = params.integer("orderId"), params.limit()
        start, end = self._window(params)
        params.done()
        orders = [order for order in self._state.orders.values() if order.symbol == symbol]
        if first is not None:
            orders = [order for order in orders if order.order_id >= first][:limit]
        elif start is not None:
            orders = [order for order in orders if _within(order.created_ms, start, end)][:limit]
        else:
            orders = [order for order in orders if _within(order.created_ms, start, end)][-limit:]
        return [responses.queried(order) for order in orders]

    def order_list(self, params: Params) -> dict[str, Any]:
        """Answer orderList.status."""
        list_id, client_id = params.integer("orderListId"), params.client_id("origClientOrderId")
        params.done()
        if list_id is None and client_id is None:
            raise errors.either_mandatory("orderListId", "origClientOrderId")
        olist = self._find_list(list_id, client_id)
        if olist is None:
            raise errors.no_such_order()
        return responses.order_list(self._state, olist)

    def open_lists(self, params: Params) -> list[dict[str, Any]]:
        """Answer openOrderLists.status."""
        params.done()
        return [responses.order_list(self._state, olist) for olist in self._state.open_lists.values()]

    def all_lists(self, params: Params) -> list[dict[str, Any]]:
        """Answer allOrderLists."""
        first, limit = params.integer("fromId"), params.limit()
        if first is not None and params.sent(["startTime", "endTime"]):
            raise errors.bad_combination()
        start, end = self._window(params)
        params.done()
        lists = [olist for olist in self._state.lists.values() if _within(olist.created_ms, start, end)]
        if first is not None:
            lists = [olist for olist in lists if olist.list_id >= first][:limit]
        return [responses.order_list(self._state, olist) for olist in lists[-limit:]]

    def trades(self, params: Params) -> list[dict[str, Any]]:
        """Answer myTrades; combinations outside the venue's list are refused with -1128."""
        symbol = self._symbol(params)
        chosen = set(params.sent(["orderId", "startTime", "endTime", "fromId"]))
        if chosen not in TRADE_COMBINATIONS:
            raise errors.bad_combination()
        order_id, from_id, limit = params.integer("orderId"), params.integer("fromId"), params.limit()
        start, end = self._window(params)
        params.done()
        fills: Sequence[Fill] = self._state.fills_by_symbol.get(symbol, ())
        if order_id is not None:
            fills = [fill for fill in fills if fill.order_id == order_id]
        fills = [fill for fill in fills if _within(fill.time, start, end)]
        if from_id is not None:
            fills = [fill for fill in fills if fill.trade_id >= from_id]
        is_forward = from_id is not None or start is not None
        return responses.traded(fills[:limit] if is_forward else fills[-limit:])

    def prevented_matches(self, params: Params) -> list[dict[str, Any]]:
        """Answer myPreventedMatches, by match or by order."""
        symbol = self._symbol(params)
        match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
        first, limit = params.integer("fromPreventedMatchId") or 0, params.limit()
        params.done()
        if (match_id is None) == (order_id is None):
            raise errors.bad_combination()
        found = [
            match
            for match in self._state.prevented
            if match.symbol == symbol
            and match.match_id >= first
            and match_id in (None, match.match_id)
            and order_id in (None, match.taker_order_id, match.maker_order_id)
        ]
        return [_prevented(match) for match in found[:limit]]

    def filters(self, params: Params) -> dict[str, Any]:
        """Answer myFilters, the only place that shows MAX_ASSET."""
        spec = self._state.spec(params.required("symbol"))
        params.done()
        limits = self._state.catalogue.exchange_filters
        return {
            "exchangeFilters": [exchange_filter(name, limit) for name, limit in limits.items()],
            "symbolFilters": symbol_filters(spec),
            "assetFilters": [
                {"filterType": "MAX_ASSET", "asset": asset, "limit": text(limit)}
                for asset, limit in spec.max_asset
            ],
        }

    def account(self, params: Params) -> dict[str, Any]:
        """Answer account.status."""
        omits_zero = params.flag("omitZeroBalances")
        params.done()
        account, rates = self._state.account, self._state.fees.rates
        assets = [a for a in account.assets() if not omits_zero or account.total(a) > ZERO]
        return {
            "makerCommission": int(rates.maker * 10_000),
            "takerCommission": int(rates.taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": text(rates.maker),
                "taker": text(rates.taker),
                "buyer": text(ZERO),
                "seller": text(ZERO),
            },
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": account.updated_ms,
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": asset,
                    "free": text(account.available(asset)),
                    "locked": text(account.locked.get(asset, ZERO)),
                }
                for asset in assets
            ],
            "permissions": ["SPOT"],
            "uid": UID,
        }

    def commission(self, params: Params) -> dict[str, Any]:
        """Answer account.commission."""
        symbol = self._symbol(params)
        params.done()
        return self._state.fees.commission_report(symbol)

    def _symbol(self, params: Params) -> str:
        return self._state.spec(params.required("symbol")).symbol

    def _window(self, params: Params) -> tuple[int | None, int | None]:
        start, end = params.integer("startTime"), params.integer("endTime")
        if start is not None and end is not None:
            if start > end:
                raise errors.bad_combination()
            if end - start > DAY_MS:
                raise errors.interval_too_long()
        return start, end

    def _find_list(self, list_id: int | None, client_id: str | None) -> OrderList | None:
        if list_id is not None:
            olist = self._state.lists.get(list_id)
            return olist if olist and client_id in (None, olist.client_id) else None
        matching = [olist for olist in self._state.lists.values() if olist.client_id == client_id]
        return matching[-1] if matching else None


def _within(moment: int, start: int | None, end: int | None) -> bool:
    return (start is None or moment >= start) and (end is None or moment <= end)


def _prevented(match: PreventedMatch) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "symbol": match.symbol,
        "preventedMatchId": match.match_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": 1,
        "selfTradePreventionMode": match.stp,
        "price": text(match.price),
        "transactTime": match.time,
    }
    if match.stp != "EXPIRE_MAKER":
        shown["takerPreventedQuantity"] = text(match.taker_qty)
    if match.stp != "EXPIRE_TAKER":
        shown["makerPreventedQuantity"] = text(match.maker_qty)
    return shown
