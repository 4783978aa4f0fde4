"""Everything the engine remembers, in one place: account, books, orders, lists, fills, numbers, outboxes.

The rooms of the engine share one VenueState; each changes only its own concern. Finding is here,
deciding is not.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trading.paper.account import Account
from trading.paper.book import Book
from trading.paper.catalogue import Catalogue, SymbolSpec
from trading.paper.fees import BNB, FeeSchedule, Rates
from trading.paper.orders import Fill, Order, OrderList, PreventedMatch, Print

ID_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@dataclass(slots=True)
class Counters:
    """The last number given out of each kind; numbers never start again."""

    order: int = 0
    order_list: int = -1
    execution: int = 0
    prevented: int = 0
    client: int = 0
    trade: dict[str, int] = field(default_factory=dict)


class VenueState:
    """The memory of the engine."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        balances: Mapping[str, Decimal],
        clock: Callable[[], int],
        rates: Rates,
        bnb_fees: bool,
    ) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.account = Account(balances)
        self.fees = FeeSchedule(rates, bnb_fees, self.bnb_price)
        self.books: dict[str, Book] = {}
        self.orders: dict[int, Order] = {}
        self.open: dict[str, dict[int, Order]] = {}
        self.by_client: dict[tuple[str, str], list[int]] = {}
        self.lists: dict[int, OrderList] = {}
        self.open_lists: dict[int, OrderList] = {}
        self.fills: list[Fill] = []
        self.fills_by_symbol: dict[str, list[Fill]] = {}
        self.fills_by_order: dict[int, list[Fill]] = {}
        self.prevented: list[PreventedMatch] = []
        self.counters = Counters()
        self.events: list[dict[str, Any]] = []
        self.prints: list[Print] = []
        self.order_count = 0
        self.trade_id_step: Callable[[], int] = lambda: 1
        self.held_pending: set[str] = set()  # symbols whose pending orders are placed late
        self.agenda: deque[Order] = deque()  # orders whose list may have something to do
        self.own_prices: deque[tuple[str, Decimal]] = deque()  # own executions that may trigger stops
        self.dirty_orders: dict[int, Order] = {}
        self.dirty_lists: dict[int, OrderList] = {}
        self.is_account_dirty = False

    # finding

    def book(self, symbol: str) -> Book:
        """Give the book of a symbol, empty if the market has not spoken yet."""
        book = self.books.get(symbol)
        if book is None:
            book = self.books[symbol] = Book(self.catalogue[symbol].start_price)
        return book

    def spec(self, symbol: str) -> SymbolSpec:
        """Give the rules of a symbol, or refuse with -1121."""
        return self.catalogue.require(symbol)

    def reference_price(self, spec: SymbolSpec) -> Decimal:
        """Give the price that percent and notional filters compare with."""
        return self.book(spec.symbol).mean_price(minutes=spec.avg_price_mins, now_ms=self.clock())

    def bnb_price(self, asset: str) -> Decimal | None:
        """Give the price of one BNB in an asset, or None where BNB has no market in it."""
        symbol = BNB + asset
        return self.book(symbol).price() if symbol in self.catalogue else None

    def lock_asset(self, order: Order) -> str:
        """Give the asset an order locks."""
        spec = self.catalogue[order.symbol]
        return spec.quote if order.side == "BUY" else spec.base

    def find_open(self, symbol: str, client_id: str) -> Order | None:
        """Give the open order of this client order id."""
        for order_id in reversed(self.by_client.get((symbol, client_id), ())):
            order = self.orders[order_id]
            if order.is_open and order.client_id == client_id:
                return order
        return None

    def find_by_client(self, symbol: str, client_id: str) -> Order | None:
        """Give the latest order that has, or had before its cancel, this client order id."""
        ids = self.by_client.get((symbol, client_id))
        return self.orders[ids[-1]] if ids else None

    def open_orders(self, symbol: str) -> list[Order]:
        """Give the open orders of a symbol, oldest first."""
        orders = self.open.get(symbol)
        return list(orders.values()) if orders else []

    def all_open_orders(self) -> Iterator[Order]:
        """Give the open orders of all symbols."""
        for orders in self.open.values():
            yield from orders.values()

    def sibling(self, order: Order) -> Order | None:
        """Give the other leg of a pair, or None if the order is not one of a pair."""
        if order.list_id < 0:
            return None
        ids = self.lists[order.list_id].pair_ids
        if len(ids) != 2 or order.order_id not in ids:
            return None
        return self.orders[ids[0] if ids[1] == order.order_id else ids[1]]

    def working_of(self, order_list: OrderList) -> Order | None:
        """Give the working order of an OTO list, None for an OCO."""
        if order_list.contingency == "OCO":
            return None
        return self.orders[order_list.order_ids[0]]

    def overdue_working(self, symbol: str) -> list[Order]:
        """Give the filled working orders of a symbol whose pending orders have not been placed."""
        lists = [olist for olist in self.open_lists.values() if olist.symbol == symbol]
        working = [self.working_of(olist) for olist in lists if not olist.is_placed]
        return [order for order in working if order is not None and order.status == "FILLED"]

    # changing

    def add_order(self, order: Order) -> None:
        """Remember a new open order."""
        self.orders[order.order_id] = order
        self.open.setdefault(order.symbol, {})[order.order_id] = order
        self.index_client_id(order)

    def index_client_id(self, order: Order) -> None:
        """Make an order findable by its present client order id."""
        ids = self.by_client.setdefault((order.symbol, order.client_id), [])
        if not ids or ids[-1] != order.order_id:
            ids.append(order.order_id)

    def rename(self, order: Order, client_id: str) -> str:
        """Give an order another client order id; it stays findable by the former one. Gives the former."""
        former = order.client_id
        if client_id != former:
            order.former_client_ids.append(former)
            order.client_id = client_id
            self.index_client_id(order)
        return former

    def add_fill(self, fill: Fill) -> None:
        """Remember a fill."""
        self.fills.append(fill)
        self.fills_by_symbol.setdefault(fill.symbol, []).append(fill)
        self.fills_by_order.setdefault(fill.order_id, []).append(fill)

    def add_list(self, order_list: OrderList) -> None:
        """Remember a new open order list."""
        self.lists[order_list.list_id] = order_list
        self.open_lists[order_list.list_id] = order_list
        self.dirty_lists[order_list.list_id] = order_list

    def next_order_id(self) -> int:
        """Give the next order id."""
        self.counters.order += 1
        return self.counters.order

    def next_list_id(self) -> int:
        """Give the next order list id; the first is 0."""
        self.counters.order_list += 1
        return self.counters.order_list

    def next_execution_id(self) -> int:
        """Give the next execution id."""
        self.counters.execution += 1
        return self.counters.execution

    def next_trade_id(self, symbol: str) -> int:
        """Give the next trade id of a symbol."""
        self.counters.trade[symbol] = self.counters.trade.get(symbol, 0) + self.trade_id_step()
        return self.counters.trade[symbol]

    def new_client_id(self) -> str:
        """Make a client order id as the venue does when none was sent: 22 letters and digits."""
        self.counters.client += 1
        noise = hashlib.blake2b(str(self.counters.client).encode(), digest_size=22).digest()
        return "".join(ID_LETTERS[byte % len(ID_LETTERS)] for byte in noise)
