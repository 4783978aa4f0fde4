"""The two things that can happen to an order: it fills a little, or it ends. Money moves only here.

Matching decides when and at what price; this room books balances, fees, fills, counts and events so
that they agree with each other after every single step.
"""

from __future__ import annotations

from decimal import Decimal

from trading.paper.fees import Execution
from trading.paper.numbers import ZERO, notional
from trading.paper.orders import BUY, LIMIT_TYPES, Fill, Order, Print
from trading.paper.state import VenueState
from trading.paper.userdata import UserData

TAKER_CREDIT = 1  # what the first fill gives back of the unfilled order count
MAKER_CREDIT = 5


class Settlement:
    """Books fills and ends of orders."""

    def __init__(self, state: VenueState, userdata: UserData) -> None:
        self._state = state
        self._userdata = userdata

    def fill(self, order: Order, price: Decimal, qty: Decimal, *, is_maker: bool) -> None:
        """Execute a part of an order against the market."""
        worth = notional(price, qty)
        order.executed += qty
        order.quote_executed += worth
        order.status = "PARTIALLY_FILLED" if order.remaining > ZERO else "FILLED"
        commission, asset = self._exchange(order, qty, worth, is_maker=is_maker)
        fill = self._record(order, Execution(order.side, qty, worth, is_maker), price, (commission, asset))
        self._reserve_received(order, fill)
        self._count_first_fill(order, is_maker=is_maker)
        self._userdata.trade(order, fill)
        self._publish(order, fill)
        if not order.is_open:
            self._leave(order)

    def expire(self, order: Order, reason: str, *, reject_reason: str = "NONE") -> None:
        """End an order that nobody cancelled."""
        order.status = "EXPIRED"
        order.expiry_reason = reason
        self._leave(order)
        self._userdata.expired(order, reject_reason=reject_reason)

    def reject(self, order: Order, reject_reason: str) -> None:
        """End an accepted order as refused."""
        order.status = "REJECTED"
        self._leave(order)
        self._userdata.rejected(order, reject_reason=reject_reason)

    def cancel(self, order: Order, cancel_id: str) -> str:
        """End an order on request; it takes the id of the cancel. Gives its former id."""
        original = self._state.rename(order, cancel_id)
        order.status = "CANCELED"
        self._leave(order)
        self._userdata.canceled(order, original_id=original)
        return original

    def expire_in_match(self, order: Order) -> None:
        """End an order by self-trade prevention; its report is the caller's."""
        order.status = "EXPIRED_IN_MATCH"
        self._leave(order)

    def lock(self, order: Order, quantity: Decimal) -> None:
        """Lock for an order, or refuse with -2010."""
        self._state.account.lock(self._state.lock_asset(order), quantity)
        order.locked += quantity

    def unlock(self, order: Order, quantity: Decimal) -> None:
        """Give back a part of what an order has locked."""
        if quantity > ZERO:
            self._state.account.unlock(self._state.lock_asset(order), quantity)
            order.locked -= quantity

    def _exchange(self, order: Order, qty: Decimal, worth: Decimal, *, is_maker: bool) -> tuple[Decimal, str]:
        state = self._state
        spec = state.catalogue[order.symbol]
        paid, received = (worth, qty) if order.side == BUY else (qty, worth)
        paid_asset, received_asset = (spec.quote, spec.base) if order.side == BUY else (spec.base, spec.quote)
        released = self._released(order, qty, paid)
        state.account.spend(paid_asset, paid, released=released)
        order.locked -= released
        state.account.credit(received_asset, received)
        execution = Execution(order.side, qty, worth, is_maker)
        commission, asset = state.fees.charge(state.account, spec, execution)
        state.account.debit(asset, commission)
        return commission, asset

    def _released(self, order: Order, qty: Decimal, paid: Decimal) -> Decimal:
        """Give how much of the lock ends with this fill; what is not paid becomes free."""
        if not order.is_open:
            return order.locked
        if order.side == BUY and order.type in LIMIT_TYPES:
            return min(notional(order.price, qty), order.locked)
        return paid

    def _record(
        self, order: Order, execution: Execution, price: Decimal, commission: tuple[Decimal, str]
    ) -> Fill:
        fill = Fill(
            symbol=order.symbol,
            trade_id=self._state.next_trade_id(order.symbol),
            order_id=order.order_id,
            list_id=order.list_id,
            client_id=order.client_id,
            side=order.side,
            price=price,
            qty=execution.qty,
            quote_qty=execution.quote_qty,
            commission=commission[0],
            commission_asset=commission[1],
            is_maker=execution.is_maker,
            time=self._state.clock(),
        )
        self._state.add_fill(fill)
        return fill

    def _reserve_received(self, order: Order, fill: Fill) -> None:
        """Lock what the working order of an OPO received for the pending orders, net of its fee."""
        order_list = self._state.lists.get(order.list_id)
        if order_list is None or not order_list.pays_pending or order.order_id != order_list.order_ids[0]:
            return
        base = self._state.catalogue[order.symbol].base
        net = fill.qty - (fill.commission if fill.commission_asset == base else ZERO)
        payee = self._state.orders[order_list.order_ids[1]]
        self.lock(payee, net)
        self._state.dirty_orders[payee.order_id] = payee

    def _count_first_fill(self, order: Order, *, is_maker: bool) -> None:
        if not order.is_counted:
            order.is_counted = True
            self._state.order_count -= MAKER_CREDIT if is_maker else TAKER_CREDIT

    def _publish(self, order: Order, fill: Fill) -> None:
        buyer_is_maker = (order.side == BUY) == fill.is_maker
        self._state.prints.append(Print(order.symbol, fill.price, fill.qty, buyer_is_maker, fill.time))
        self._state.own_prices.append((order.symbol, fill.price))

    def _leave(self, order: Order) -> None:
        """Take an order that has ended off the open ones and free its lock."""
        state = self._state
        if order.locked > ZERO:
            self.unlock(order, order.locked)
        state.account.touch(state.lock_asset(order))
        state.open[order.symbol].pop(order.order_id, None)
        if order.list_id >= 0:
            state.agenda.append(order)
