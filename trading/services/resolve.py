"""Asks the venue how an order stands and books the answer. The one way out of an unknown outcome.

Called by reconcile, exits and the watchdog. Asks by our own id; never sends an order.
"""

import logging
from dataclasses import replace
from datetime import timedelta

from trading.domain.orders import CLOSED, OrderStatus
from trading.domain.ports import OrderNotFound, VenueError
from trading.models import Order
from trading.services.context import Desk
from trading.services.executions import NOT_FOUND, NOT_SENT, apply_report, expire_unsent

log = logging.getLogger(__name__)

# A row that was never claimed may still be in its recorder's hands for this long.
UNSENT_GRACE_S = 10.0


def resolve_order(order: Order, *, desk: Desk) -> bool:
    """Bring one order up to date. Tells whether it is closed with all its fills now.

    Order of the rules: a row that was never claimed was never sent; otherwise ask; "not found" counts
    only after the request can no longer enter the matching engine.
    """
    now = desk.clock()
    if order.status == OrderStatus.INITIALIZED.value:
        if now - order.created_at < timedelta(seconds=UNSENT_GRACE_S):
            return False
        expire_unsent([order], reason=NOT_SENT, now=now, status=OrderStatus.EXPIRED)
        return True
    try:
        report = desk.venue.query_order(order.symbol, order.client_order_id)
    except OrderNotFound:
        return _expire_if_over(order, desk=desk)
    except VenueError as error:
        log.warning("order.query_failed: %s", error, extra={"client_order_id": order.client_order_id})
        return False
    apply_report(report, now=desk.clock(), market=desk.market)
    fetch_missing_fills(order, desk=desk)
    order.refresh_from_db()
    return OrderStatus(order.status) in CLOSED and not order.fills_missing


def fetch_missing_fills(order: Order, *, desk: Desk) -> int:
    """Ask for the fills of an order of which the venue filled more than we hold. Gives how many came."""
    order.refresh_from_db()
    if not order.fills_missing or order.venue_order_id is None:
        return 0
    try:
        fills = desk.venue.list_order_fills(order.symbol, order.venue_order_id)
        report = desk.venue.query_order(order.symbol, order.client_order_id)
    except (VenueError, OrderNotFound) as error:
        log.warning("order.fills_failed: %s", error, extra={"client_order_id": order.client_order_id})
        return 0
    before = order.fills.count()
    apply_report(replace(report, fills=tuple(fills)), now=desk.clock(), market=desk.market)
    return order.fills.count() - before


def _expire_if_over(order: Order, *, desk: Desk) -> bool:
    now = desk.clock()
    sent_at = order.submitted_at or order.created_at
    if order.venue_order_id is not None or now - sent_at < timedelta(seconds=desk.limits.unknown_horizon_s):
        return False
    expire_unsent([order], reason=NOT_FOUND, now=now, status=OrderStatus.EXPIRED)
    return True
