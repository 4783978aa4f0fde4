"""The matching engine and account of the paper venue behind one door.

The server calls `execute` for requests and `set_book`/`public_trade` for the market, then drains what
happened. Synchronous and deterministic: the same calls with the same clock give the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from trading.paper import snapshots
from trading.paper.amending import Amending
from trading.paper.book import Level, Levels
from trading.paper.cancelling import Cancelling
from trading.paper.catalogue import Catalogue
from trading.paper.fees import Rates
from trading.paper.lists import Lists
from trading.paper.matching import Matching
from trading.paper.numbers import ZERO
from trading.paper.orders import BUY, SELL, Print
from trading.paper.params import Params
from trading.paper.placing import Placing
from trading.paper.queries import Queries
from trading.paper.settlement import Settlement
from trading.paper.state import VenueState
from trading.paper.userdata import UserData

__all__ = ["Engine", "Levels", "Print"]
DEFAULT_FEE = Decimal("0.001")
LIST_KINDS = ("oco", "oto", "otoco", "opo", "opoco")


class Engine:
    """One account on one venue.

    Args:
        catalogue: Read anew on every call, so its rules may change while the engine runs.
        balances: Free balance per asset at the start.
        clock: Gives the venue's time in ms UTC.
        fee_maker, fee_taker: Ratios of the notional.
        bnb_fees: Whether BNB pays fees while there is enough of it.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        balances: Mapping[str, Decimal],
        clock: Callable[[], int],
        fee_maker: Decimal = DEFAULT_FEE,
        fee_taker: Decimal = DEFAULT_FEE,
        bnb_fees: bool = False,
    ) -> None:
        self._state = VenueState(
            catalogue=catalogue,
            balances=balances,
            clock=clock,
            rates=Rates(fee_maker, fee_taker),
            bnb_fees=bnb_fees,
        )
        state = self._state
        self._userdata = UserData(state)
        self._settlement = Settlement(state, self._userdata)
        self._matching = Matching(state, self._userdata, self._settlement)
        self._methods = self._wire()
        self._known_fills = self._known_prevented = 0

    def _wire(self) -> dict[str, Callable[[Params], Any]]:
        state, userdata, settlement, matching = (
            self._state,
            self._userdata,
            self._settlement,
            self._matching,
        )
        placing = Placing(state, matching)
        lists = Lists(state, userdata=userdata, settlement=settlement, matching=matching, placing=placing)
        cancelling = Cancelling(state, settlement=settlement, matching=matching, placing=placing)
        amending = Amending(
            state, userdata=userdata, settlement=settlement, matching=matching, cancelling=cancelling
        )
        queries = Queries(state)
        self._settle = lists.settle
        return {
            "order.place": placing.place,
            "order.test": placing.test,
            "order.cancel": cancelling.cancel,
            "order.cancelReplace": cancelling.replace,
            "order.amend.keepPriority": amending.amend,
            "order.amendments": amending.amendments,
            "order.status": queries.order,
            "openOrders.status": queries.open_orders,
            "openOrders.cancelAll": cancelling.cancel_all,
            **{f"orderList.place.{kind}": partial(lists.place, kind=kind) for kind in LIST_KINDS},
            "orderList.cancel": cancelling.cancel_list,
            "orderList.status": queries.order_list,
            "openOrderLists.status": queries.open_lists,
            "allOrders": queries.all_orders,
            "allOrderLists": queries.all_lists,
            "myTrades": queries.trades,
            "myPreventedMatches": queries.prevented_matches,
            "myFilters": queries.filters,
            "account.status": queries.account,
            "account.commission": queries.commission,
        }

    @property
    def methods(self) -> frozenset[str]:
        """Give the names that `execute` understands."""
        return frozenset(self._methods)

    def execute(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer one trading or account call as the venue would.

        Args:
            method: Named as in the WS API, e.g. "order.place".
            params: As sent; timestamp, signature, recvWindow and apiKey are let through unread.

        Raises:
            VenueError: The venue's refusal. A cancelReplace may have done one half nevertheless.
            KeyError: There is no such method.
        """
        answer = self._methods[method]
        try:
            return answer(Params(params))
        finally:
            self._finish()

    def set_book(self, symbol: str, *, bids: Levels, asks: Levels) -> None:
        """Put the market's liquidity, best levels first; own resting orders it crosses fill as maker.

        The sequences are kept, not copied: the caller hands over new ones each time.
        """
        self._state.book(symbol).replace(bids=bids, asks=asks)
        if self._state.open.get(symbol):
            self._matching.cross(symbol)
            self._finish()

    def public_trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool) -> None:
        """Tell of a trade of others: it sets the last price, fills resting orders, triggers stops."""
        self._state.book(symbol).trade(price=price, qty=qty, at_ms=self._state.clock())
        if self._state.open.get(symbol):
            self._matching.public_trade(symbol, price=price, qty=qty, buyer_is_maker=buyer_is_maker)
            self._finish()

    def depth(self, symbol: str, limit: int) -> tuple[list[Level], list[Level]]:
        """Give bids and asks, best first: the market's liquidity and the own resting orders together."""
        return self._side(symbol, BUY, limit), self._side(symbol, SELL, limit)

    def drain_events(self) -> list[dict[str, Any]]:
        """Give the user-data events since the last call, in order."""
        events, self._state.events = self._state.events, []
        return events

    def drain_prints(self) -> list[Print]:
        """Give the own executions since the last call, as the public sees them."""
        prints, self._state.prints = self._state.prints, []
        return prints

    def drain_order_counts(self) -> int:
        """Give the net change of the unfilled order count since the last call; may be negative."""
        count, self._state.order_count = self._state.order_count, 0
        return count

    def drain_changes(self) -> dict[str, Any] | None:
        """Give what changed in the ledger since the last call, for `snapshots.merge`; None if nothing."""
        changes = snapshots.take_changes(
            self._state, known_fills=self._known_fills, known_prevented=self._known_prevented
        )
        self._known_fills, self._known_prevented = len(self._state.fills), len(self._state.prevented)
        return changes

    def adjust_balance(self, asset: str, delta: Decimal) -> None:
        """Book a deposit, or a withdrawal when negative.

        Raises:
            ValueError: The withdrawal is larger than the free balance.
        """
        self._state.account.adjust(asset, delta)
        self._state.is_account_dirty = True
        self._userdata.wallet("balanceUpdate", asset, delta)
        self._finish()

    def lock_externally(self, asset: str, delta: Decimal) -> None:
        """Let another system lock (or unlock, when negative) a part of a balance.

        Raises:
            ValueError: There is not that much to lock or unlock.
        """
        self._state.account.lock_externally(asset, delta)
        self._state.is_account_dirty = True
        self._userdata.wallet("externalLockUpdate", asset, delta)
        self._finish()

    def set_fees(self, *, maker: Decimal, taker: Decimal, symbol: str | None = None) -> None:
        """Change the fee rates from now on, for one symbol or for all without their own."""
        rates = Rates(maker, taker)
        if symbol is None:
            self._state.fees.rates = rates
        else:
            self._state.fees.by_symbol[symbol] = rates
        self._state.is_account_dirty = True

    def forget_fees(self, symbol: str) -> None:
        """Let a symbol have no fee rates of its own."""
        self._state.fees.by_symbol.pop(symbol, None)
        self._state.is_account_dirty = True

    def step_trade_ids(self, step: Callable[[], int]) -> None:
        """Let the next trade ids be this far apart: 1 where nobody else trades, more as in a real market."""
        self._state.trade_id_step = step

    def pay_fees_in_bnb(self, *, enabled: bool) -> bool:
        """Say whether BNB pays fees from now on; give what held before."""
        former, self._state.fees.bnb_fees = self._state.fees.bnb_fees, enabled
        self._state.is_account_dirty = True
        return former

    def hold_pending(self, symbol: str, *, held: bool) -> None:
        """Let pending orders of a symbol wait although their working order has filled, or wait no longer."""
        if held:
            self._state.held_pending.add(symbol)
            return
        self._state.held_pending.discard(symbol)
        self._state.agenda.extend(self._state.overdue_working(symbol))
        self._finish()

    def expire_all(self, symbol: str) -> None:
        """End all open orders of a symbol as the venue does at a delisting: eR EXCHANGE_CANCELED."""
        for order in self._state.open_orders(symbol):
            if order.is_open:
                self._settlement.expire(order, "EXCHANGE_CANCELED")
        self._finish()

    def reject_afterwards(self, order_id: int, *, reason: str = "NONE") -> None:
        """End one accepted open order as refused by the engine (x=REJECTED).

        Raises:
            KeyError: There is no such order.
        """
        order = self._state.orders[order_id]
        if order.is_open:
            self._settlement.reject(order, reason)
        self._finish()

    def snapshot(self) -> dict[str, Any]:
        """Give everything a restart needs, JSON-able and exact."""
        return snapshots.take(self._state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where a snapshot was taken; ids go on."""
        snapshots.put(self._state, state)
        self._known_fills, self._known_prevented = len(self._state.fills), len(self._state.prevented)

    def ledger(self) -> dict[str, Any]:
        """Give the venue's own truth: balances, orders, lists, fills, protected quantities."""
        return snapshots.ledger(self._state)

    def reference_price(self, symbol: str) -> Decimal:
        """Give the price that percent filters and the price range compare with."""
        return self._state.reference_price(self._state.spec(symbol))

    def last_price(self, symbol: str) -> Decimal:
        """Give the last price the engine knows of a symbol."""
        return self._state.book(symbol).price()

    def _finish(self) -> None:
        self._settle()
        self._userdata.positions()

    def _side(self, symbol: str, side: str, limit: int) -> list[Level]:
        merged = dict(self._state.book(symbol).levels(side))
        for order in self._state.open_orders(symbol):
            if order.side == side and order.is_resting:
                merged[order.price] = merged.get(order.price, ZERO) + order.visible
        return sorted(merged.items(), reverse=side == BUY)[:limit]
