"""Asks the venue how an order stands and books the answer. The one way out of an unknown outcome.

Called by reconcile, exits and the watchdog; never sends an order. The road of an unknown order:

    hear     the user stream has FIRST_ASK_S to bring the answer by itself
    ask      by the venue's id where it is known, else by ours, with growing pauses
    wait     "not found" counts only after the request can no longer enter the matching engine
    confirm  and only if it is not among the open orders, no fill of the account is unexplained, and the
             balances leave no room for it: then it is closed as NOT_FOUND

Meanwhile its funds stay reserved and its symbol stays busy.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from trading.domain.executions import ExecutionReport
from trading.domain.orders import CLOSED, OPEN, UNRESOLVED, OrderStatus, Side
from trading.domain.ports import OrderNotFound, VenueError
from trading.domain.values import ONE, ZERO
from trading.models import FILLS_MISSING, Balance, Order
from trading.services.context import Desk
from trading.services.executions import NOT_FOUND, NOT_SENT, apply_report, apply_reports, expire_unsent
from trading.services.looks import AccountLook

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
_UNANSWERED = (OrderStatus.INITIALIZED, OrderStatus.SUBMITTED)
# A row that was never claimed may still be in its recorder's hands for this long; a claim that comes later
# finds it expired and sends nothing.
UNSENT_GRACE_S = 3.0
# The reply and the user stream need this long at most, where nothing is wrong.
FIRST_ASK_S = 0.5
LONGEST_PAUSE_S = 30.0
# Fills older than the request by this much cannot be its own, whatever the clocks say.
CLOCK_ROOM = timedelta(seconds=10)
# Copies that answer for orders and fills lag by seconds. A balance that alone speaks for an order after so
# long was moved by others, say by a deposit of which no event came; if the order comes after all, its trade
# lives again.
BALANCE_COUNTS_FOR_S = 90.0
# myTrades goes back one day at most.
LONGEST_LOOK_BACK = timedelta(hours=23)


def list_doubtful(*, now: datetime) -> list[Order]:
    """Give the orders whose end should be known by now and is not, and that may be asked for again.

    Sent without an answer, recorded and never sent, filled without its fills, or a leg that should have
    ended or begun with its list.
    """
    candidates = list(
        Order.objects.filter(Q(status__in=_UNRESOLVED) | FILLS_MISSING).exclude(ask_at__gt=now).order_by("id")
    )
    since = now - timedelta(seconds=FIRST_ASK_S)
    lists = {order.order_list_id for order in candidates if order.order_list_id is not None}
    ended = Order.objects.filter(order_list_id__in=lists, closed_at__lte=since)
    ends = {
        (list_id, side)
        for list_id, side, status in ended.values_list("order_list_id", "side", "status")
        if side == Side.BUY.value or status == OrderStatus.FILLED.value
    }
    return [order for order in candidates if _sent_at(order) <= since and _is_doubtful(order, ends)]


def _is_doubtful(order: Order, ends: Collection[tuple[int | None, str]]) -> bool:
    """Tell whether an open order should have gone on by now.

    Args:
        ends: Lists with the side that has ended: an entry in any way, an exit by selling everything.
    """
    if order.fills_missing or OrderStatus(order.status) in _UNANSWERED:
        return True
    if (order.order_list_id, Side.SELL.value) in ends:
        return True  # one leg sold everything: the other must be gone
    is_pending = OrderStatus(order.status) is OrderStatus.PENDING
    return is_pending and (order.order_list_id, Side.BUY.value) in ends


def resolve_orders(orders: Iterable[Order], *, desk: Desk, look: AccountLook | None = None) -> int:
    """Bring orders up to date, and note when to ask again for those that stay open. Gives how many ended."""
    ended = 0
    check = AbsenceCheck(look or AccountLook(desk))
    for order in orders:
        if resolve_order(order, desk=desk, check=check):
            ended += 1
        else:
            pause_s = min(FIRST_ASK_S * 2.0 ** min(order.asked, 16), LONGEST_PAUSE_S)
            ask_at = desk.clock() + timedelta(seconds=pause_s)
            Order.objects.filter(pk=order.pk).update(asked=order.asked + 1, ask_at=ask_at)
    return ended


def check_resting(*, desk: Desk) -> int:
    """Look whether the orders that should rest at the venue do, by one question. Gives how many ended.

    Those that are not among the open ones are asked for singly: a fresh one may not be listed yet.
    """
    resting = list(Order.objects.filter(status__in=[status.value for status in OPEN]).order_by("id"))
    if not resting:
        return 0
    try:
        listed = {each.client_order_id: each for each in desk.venue.list_open_orders()}
    except VenueError as error:
        log.warning("orders.not_listed: %s", error)
        return 0
    ours = [listed[order.client_order_id] for order in resting if order.client_order_id in listed]
    apply_reports(ours, now=desk.clock(), market=desk.market)
    check = AbsenceCheck(AccountLook(desk))
    missing = [order for order in resting if order.client_order_id not in listed]
    return sum([resolve_order(order, desk=desk, check=check) for order in missing])


def resolve_order(order: Order, *, desk: Desk, check: "AbsenceCheck | None" = None) -> bool:
    """Bring one order up to date. Tells whether it is closed with all its fills now.

    Order of the rules: a row that was never claimed was never sent; otherwise ask; "not found" counts
    only after the request can no longer enter the matching engine, and only if nothing speaks against it.
    """
    now = desk.clock()
    if order.status == OrderStatus.INITIALIZED.value:
        if now - order.created_at < timedelta(seconds=UNSENT_GRACE_S):
            return False
        expire_unsent([order], reason=NOT_SENT, now=now, status=OrderStatus.EXPIRED)
        return True
    try:
        report = _ask(order, desk=desk)
    except OrderNotFound:
        return _expire_if_over(order, check or AbsenceCheck(AccountLook(desk)), desk=desk)
    except VenueError as error:
        log.warning("order.query_failed: %s", error, extra={"client_order_id": order.client_order_id})
        return False
    apply_report(report, now=desk.clock(), market=desk.market)
    fetch_missing_fills(order, desk=desk)
    order.refresh_from_db()
    return OrderStatus(order.status) in CLOSED and not order.fills_missing


def _ask(order: Order, *, desk: Desk) -> ExecutionReport:
    report = desk.venue.query_order(order.symbol, order.client_order_id, venue_order_id=order.venue_order_id)
    return replace(report, client_order_id=order.client_order_id)


def fetch_missing_fills(order: Order, *, desk: Desk) -> int:
    """Ask for the fills of an order of which the venue filled more than we hold. Gives how many came."""
    order.refresh_from_db()
    if not order.fills_missing or order.venue_order_id is None:
        return 0
    try:
        fills = desk.venue.list_order_fills(order.symbol, order.venue_order_id)
        report = _ask(order, desk=desk)
    except (VenueError, OrderNotFound) as error:
        log.warning("order.fills_failed: %s", error, extra={"client_order_id": order.client_order_id})
        return 0
    before = order.fills.count()
    apply_report(replace(report, fills=tuple(fills)), now=desk.clock(), market=desk.market)
    return order.fills.count() - before


def _sent_at(order: Order) -> datetime:
    return order.submitted_at or order.created_at


def _expire_if_over(order: Order, check: "AbsenceCheck", *, desk: Desk) -> bool:
    age = desk.clock() - _sent_at(order)
    if order.venue_order_id is not None or age < timedelta(seconds=desk.limits.unknown_horizon_s):
        return False
    try:
        if not check.is_absent(order):
            return False
    except VenueError as error:
        log.warning("order.absence_unknown: %s", error, extra={"client_order_id": order.client_order_id})
        return False
    expire_unsent([order], reason=NOT_FOUND, now=desk.clock(), status=OrderStatus.EXPIRED)
    return True


@dataclass(slots=True)
class AbsenceCheck:
    """Looks for traces of orders that the venue says it does not know. Asks once per symbol and round.

    A query answers from a copy that may lag; open orders, fills and balances are other copies.
    """

    look: AccountLook
    _unexplained: dict[str, bool] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        """Where it looks."""
        return self.look.desk

    def is_absent(self, order: Order) -> bool:
        """Tell whether nothing at the venue hints at the order. Raises VenueError.

        The orders of a list came in one request: a trace of one is a trace of all.
        """
        together = list(order.order_list.orders.all()) if order.order_list is not None else [order]
        if any(each.venue_order_id is not None for each in together):
            return False
        return all([self._left_no_trace(each) for each in together])

    def _left_no_trace(self, order: Order) -> bool:
        found = self.look.open_orders().get(order.client_order_id)
        if found is not None:
            apply_reports([found], now=self.desk.clock(), market=self.desk.market)
            return False
        if order.symbol not in self._unexplained:
            self._unexplained[order.symbol] = self._has_unexplained_fills(order)
        is_recent = self.desk.clock() - _sent_at(order) < timedelta(seconds=BALANCE_COUNTS_FOR_S)
        return not self._unexplained[order.symbol] and not (is_recent and self._is_in_balances(order))

    def _has_unexplained_fills(self, order: Order) -> bool:
        """Book fills of the account that turn out to be ours; tell whether there were any."""
        since = max(_sent_at(order) - CLOCK_ROOM, self.desk.clock() - LONGEST_LOOK_BACK)
        fills = self.desk.venue.list_fills(order.symbol, since=since)
        known = set(
            Order.objects.filter(
                symbol=order.symbol, venue_order_id__in={fill.venue_order_id for fill in fills}
            ).values_list("venue_order_id", flat=True)
        )
        return any(
            [
                self._is_ours(order.symbol, venue_order_id)
                for venue_order_id in sorted({fill.venue_order_id for fill in fills} - known)
            ]
        )

    def _is_ours(self, symbol: str, venue_order_id: int) -> bool:
        try:
            report = self.desk.venue.query_order(symbol, "", venue_order_id=venue_order_id)
        except OrderNotFound:
            return True  # filled a moment ago and not yet to be read: not a time for conclusions
        ours = Order.objects.filter(client_order_id=report.client_order_id).first()
        if ours is None:
            return False  # somebody else's
        apply_report(report, now=self.desk.clock(), market=self.desk.market)
        fetch_missing_fills(ours, desk=self.desk)
        return True

    def _is_in_balances(self, order: Order) -> bool:
        """Tell whether the account moved, against the ledger, by as much as the order would have moved it."""
        base_asset = order.trade.base_asset
        held = self.look.balances().get(base_asset)
        kept = Balance.objects.filter(asset=base_asset).first()
        moved: Decimal = (held.total if held is not None else ZERO) - (
            kept.ledger if kept is not None else ZERO
        )
        expected: Decimal = order.qty * (ONE - 2 * self.desk.limits.fee_ratio)
        return moved >= expected if order.side == Side.BUY.value else -moved >= expected


def settle(orders: Sequence[Order], *, desk: Desk) -> bool:
    """Bring these orders up to date. Tells whether all are closed with their fills."""
    check = AbsenceCheck(AccountLook(desk))
    return all([resolve_order(order, desk=desk, check=check) for order in orders])
