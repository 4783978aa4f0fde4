"""When orders meet the market: taking, resting, being crossed, triggering, and meeting each other.

The engine calls in with new orders, new books and public trades. Decides price and quantity of every
execution; booking it is the settlement's.
"""

from __future__ import annotations

from decimal import Decimal

from trading.paper.errors import VenueError
from trading.paper.filters import check_filters
from trading.paper.numbers import BIPS, ONE, ZERO, floor_step, reserve
from trading.paper.orders import BUY, LIMIT_TYPES, MARKET_TYPES, SELL, Order
from trading.paper.prevention import prevent
from trading.paper.settlement import Settlement
from trading.paper.state import VenueState
from trading.paper.userdata import REJECT_REASONS, UserData


def opposite(side: str) -> str:
    """Give the other side."""
    return SELL if side == BUY else BUY


def reaches(side: str, price: Decimal, limit: Decimal) -> bool:
    """Say whether an order of `side` with this limit trades at `price`."""
    return price <= limit if side == BUY else price >= limit


class Matching:
    """Matches the account's orders with the market."""

    def __init__(self, state: VenueState, userdata: UserData, settlement: Settlement) -> None:
        self._state = state
        self._userdata = userdata
        self._settlement = settlement

    def enter(self, order: Order) -> None:
        """Start an accepted and funded order: it waits for its trigger, or works at once."""
        order.status = "NEW"
        if order.is_contingent:
            if order.trailing_delta and order.stop_price == ZERO:
                self._start_trailing(order, self._state.book(order.symbol).price())
            self._userdata.new(order)
            return
        order.working_ms = self._state.clock()
        self._userdata.new(order)
        self._work(order)

    def cost(self, order: Order) -> Decimal:
        """Give what an order may have to pay at worst: quote asset for BUY, base asset for SELL."""
        if order.side == SELL:
            return order.remaining
        if order.type in LIMIT_TYPES:
            return reserve(order.price, order.remaining)
        if order.is_contingent:
            return reserve(self._worst_trigger(order), order.remaining)
        left, cost = order.remaining, ZERO
        for price, qty in self._state.book(order.symbol).levels(SELL):
            if left <= ZERO:
                break
            cost += reserve(price, min(left, qty))
            left -= qty
        return cost

    def fund(self, order: Order) -> None:
        """Make an order's lock what it needs, or refuse with -2010."""
        missing = self.cost(order) - order.locked
        if missing > ZERO:
            self._settlement.lock(order, missing)
        else:
            self._settlement.unlock(order, -missing)

    def would_take(self, order: Order) -> bool:
        """Say whether a limit order would match at once, with the market or with an own order."""
        side = opposite(order.side)
        prices = [own.price for own in self._resting(order.symbol, side)[:1]]
        level = self._state.book(order.symbol).best(side)
        if level is not None:
            prices.append(level[0])
        return any(reaches(order.side, price, order.price) for price in prices)

    def would_trigger(self, order: Order) -> bool:
        """Say whether a stop order's condition already holds; trailing ones only start to trail by it."""
        if order.stop_price == ZERO or order.trailing_delta:
            return False
        return self._stop_reached(order, self._state.book(order.symbol).price())

    def cross(self, symbol: str) -> None:
        """Fill resting orders that a new book crosses, at their own price, as maker."""
        if not self._is_trading(symbol) or not self._state.open.get(symbol):
            return
        book = self._state.book(symbol)
        for side in (BUY, SELL):
            for order in self._resting(symbol, side):
                while order.is_open and (level := book.best(opposite(side))):
                    if not reaches(side, level[0], order.price):
                        break
                    qty = min(order.remaining, level[1])
                    book.take(opposite(side), qty)
                    self._execute(order, order.price, qty, is_maker=True)

    def public_trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool) -> None:
        """Fill resting orders by a public trade, then trigger stops.

        Orders with a better price than the trade fill wholly; those at its price share what volume is
        left, if the trade came from the other side.
        """
        if not self._is_trading(symbol) or not self._state.open.get(symbol):
            return
        for side in (BUY, SELL):
            left = qty
            for order in self._resting(symbol, side):
                if not order.is_open or not reaches(side, price, order.price):
                    continue
                if order.price == price:
                    if left <= ZERO or buyer_is_maker != (side == BUY):
                        continue
                    share = min(order.remaining, left)
                else:
                    share = order.remaining
                left -= share
                self._execute(order, order.price, share, is_maker=True)
        self.on_price(symbol, price)

    def on_price(self, symbol: str, price: Decimal) -> None:
        """Move trailing stops and trigger every stop that the last price has reached."""
        if not self._is_trading(symbol):
            return
        for order in self._state.open_orders(symbol):
            waits = order.is_contingent and order.status == "NEW"
            if waits and self._is_due(order, price):
                self._trigger(order)

    def activate(self, order: Order) -> None:
        """Let one leg of a pair live alone: the other expires, its lock passes on."""
        sibling = self._state.sibling(order)
        if sibling is None or not sibling.is_open:
            return
        order.locked += sibling.locked
        sibling.locked = ZERO
        self._settlement.expire(sibling, "OCO_TRIGGER")

    # taking

    def _work(self, order: Order) -> None:
        if order.tif == "FOK" and not self._can_fill(order):
            self._settlement.expire(order, "UNFILLED_FOK_ORDER_EXPIRED")
            return
        self._take(order)
        if not order.is_open:
            return
        if order.type in MARKET_TYPES:
            self._settlement.expire(order, "INSUFFICIENT_LIQUIDITY")
        elif order.tif == "IOC":
            self._settlement.expire(order, "UNFILLED_IOC_QUANTITY_EXPIRED")

    def _can_fill(self, order: Order) -> bool:
        left = order.remaining
        for price, qty in self._state.book(order.symbol).levels(opposite(order.side)):
            if left <= ZERO or not reaches(order.side, price, order.price):
                break
            left -= qty
        return left <= ZERO

    def _take(self, order: Order) -> None:
        side = opposite(order.side)
        book = self._state.book(order.symbol)
        own = [maker for maker in self._resting(order.symbol, side) if maker is not order]
        while order.is_open and order.remaining > ZERO:
            level = book.best(side)
            if own and (level is None or self._is_better(side, own[0].price, level[0])):
                if not self._may_trade_at(order, own[0].price):
                    return
                self._meet_own(order, own[0])
                own = [maker for maker in own if maker.is_open]
                continue
            if level is None or not self._may_trade_at(order, level[0]):
                return
            if self._breaks_price_range(order, level[0]):
                self._settlement.expire(order, "EXECUTION_RULE_PRICE_RANGE_EXCEEDED")
                return
            qty = min(order.remaining, level[1])
            book.take(side, qty)
            self._execute(order, level[0], qty, is_maker=False)

    def _may_trade_at(self, order: Order, price: Decimal) -> bool:
        return order.type in MARKET_TYPES or reaches(order.side, price, order.price)

    @staticmethod
    def _is_better(side: str, price: Decimal, than: Decimal) -> bool:
        return price > than if side == BUY else price < than

    def _breaks_price_range(self, order: Order, price: Decimal) -> bool:
        spec = self._state.catalogue[order.symbol]
        up, down = spec.price_range_up, spec.price_range_down
        if up is None and down is None:
            return False
        reference = self._state.reference_price(spec)
        too_high = up is not None and price > reference * up
        return too_high or (down is not None and price < reference * down)

    def _meet_own(self, taker: Order, maker: Order) -> None:
        for ended in prevent(self._state, self._userdata, taker=taker, maker=maker):
            self._settlement.expire_in_match(ended)

    def _execute(self, order: Order, price: Decimal, qty: Decimal, *, is_maker: bool) -> None:
        self.activate(order)
        self._settlement.fill(order, price, qty, is_maker=is_maker)

    # resting and waiting

    def _resting(self, symbol: str, side: str) -> list[Order]:
        """Give the own orders on one side of the book, the first to fill first."""
        orders = self._state.open.get(symbol)
        if not orders:
            return []
        resting = [order for order in orders.values() if order.side == side and order.is_resting]
        resting.sort(key=lambda order: (-order.price if side == BUY else order.price, order.order_id))
        return resting

    def _is_trading(self, symbol: str) -> bool:
        spec = self._state.catalogue.get(symbol)
        return spec is not None and spec.status == "TRADING"

    def _stop_reached(self, order: Order, price: Decimal) -> bool:
        return price >= order.stop_price if order.rises_to_trigger else price <= order.stop_price

    def _start_trailing(self, order: Order, price: Decimal) -> None:
        order.trailing_ms = self._state.clock()
        order.trailing_extreme = price
        self._state.dirty_orders[order.order_id] = order

    def _is_due(self, order: Order, price: Decimal) -> bool:
        if not order.trailing_delta:
            return self._stop_reached(order, price)
        if order.trailing_ms < 0:
            if self._stop_reached(order, price):
                self._start_trailing(order, price)
            return False
        is_further = self._is_better(order.side, order.trailing_extreme, price)
        if is_further:
            order.trailing_extreme = price
            self._state.dirty_orders[order.order_id] = order
        delta = Decimal(order.trailing_delta) / BIPS
        if order.side == SELL:
            return price <= order.trailing_extreme * (ONE - delta)
        return price >= order.trailing_extreme * (ONE + delta)

    def _trigger(self, order: Order) -> None:
        order.is_triggered = True
        self.activate(order)
        try:
            check_filters(self._state, order)
            self.fund(order)
        except VenueError as refusal:
            reason = REJECT_REASONS.get(refusal.message, "NONE")
            self._settlement.expire(order, "REJECTED", reject_reason=reason)
            return
        order.working_ms = self._state.clock()
        self._userdata.new(order)
        self._work(order)

    def _worst_trigger(self, order: Order) -> Decimal:
        """Give the price a waiting market stop is funded at; its trigger funds it anew."""
        if order.stop_price:
            return order.stop_price
        spec = self._state.catalogue[order.symbol]
        price = self._state.book(order.symbol).price() * (ONE + Decimal(order.trailing_delta) / BIPS)
        return floor_step(price, spec.tick_size)
