"""Puts exits on the exchange for what is held without them, and sells what cannot be protected.

Called right after an entry that came without its exits, and by the watchdog for whatever lost them.
Where the symbol allows no order lists, a plain stop is placed and the target is watched from here.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from trading.domain.entries import ExitPrices, plan_protection, plan_stop
from trading.domain.instrument import Instrument, ProtectionMode
from trading.domain.market import Quote
from trading.domain.orders import ON_BOOK, UNRESOLVED
from trading.domain.ports import VenueRefused
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.models import Order, Trade
from trading.selectors.instruments import get_instrument
from trading.services.context import Desk
from trading.services.exits import exit_trade
from trading.services.submit import Recorded, record, submit

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
# A half-filled target expires its stop; the rest is sold at market when it is still there after this.
ORPHAN_TARGET_S = 2.0


def protect_trade(trade_id: int, *, desk: Desk) -> bool:
    """Protect what the trade holds, or sell it. Tells whether it is protected or flat now.

    Does nothing while an order of the trade is under way (its end decides), or when the trade holds
    nothing that could be sold.
    """
    trade = Trade.objects.select_related("version").get(pk=trade_id)
    if TradeState(trade.state) is not TradeState.OPEN or trade.is_protected:
        return trade.is_protected
    instrument = get_instrument(trade.symbol)
    quote = desk.market.quotes([trade.symbol]).get(trade.symbol)
    if _has_open_orders(trade):
        return _leave_orphan_target(trade, desk=desk)
    reason = _price_reached(trade, quote)
    if reason is not None:
        return exit_trade(trade.id, reason, desk=desk)
    recorded = _record_protection(trade, instrument, now=desk.clock())
    if recorded is None:
        return False
    answer = submit(recorded, venue=desk.venue, market=desk.market, clock=desk.clock)
    if isinstance(answer, VenueRefused):
        log.error("trade.protection_refused: %s", answer, extra={"trade_id": trade.id})
        return exit_trade(trade.id, ExitReason.UNPROTECTED, desk=desk)
    trade.refresh_from_db()
    return trade.is_protected


def _has_open_orders(trade: Trade) -> bool:
    return Order.objects.filter(trade=trade, status__in=_UNRESOLVED).exists()


def _leave_orphan_target(trade: Trade, *, desk: Desk) -> bool:
    """Sell the rest of a position whose target filled in part and thereby expired the stop."""
    targets = Order.objects.filter(
        trade=trade, role=OrderRole.TAKE_PROFIT.value, status__in=[status.value for status in ON_BOOK]
    )
    stops = Order.objects.filter(trade=trade, role=OrderRole.STOP.value, status__in=_UNRESOLVED)
    since = trade.unprotected_since
    is_orphan = targets.exists() and not stops.exists() and since is not None
    if is_orphan and since is not None and desk.clock() - since > timedelta(seconds=ORPHAN_TARGET_S):
        return exit_trade(trade.id, ExitReason.TAKE_PROFIT, desk=desk)
    return False


def _price_reached(trade: Trade, quote: Quote | None) -> ExitReason | None:
    """Tell whether the market is already beyond an exit, so that the venue would refuse to hold it."""
    if quote is None:
        return None
    if quote.bid <= trade.stop_price:
        return ExitReason.STOP_LOSS
    if quote.bid >= trade.take_profit_price:
        return ExitReason.TAKE_PROFIT
    return None


def _record_protection(trade: Trade, instrument: Instrument, *, now: datetime) -> Recorded | None:
    """Record the next protection, once: its attempt number is how many stops there were."""
    with transaction.atomic():
        locked = Trade.objects.select_for_update().select_related("version").get(pk=trade.pk)
        if TradeState(locked.state) is not TradeState.OPEN or _has_open_orders(locked):
            return None
        attempt = Order.objects.filter(trade=locked, role=OrderRole.STOP.value).count() + 1
        trailing = locked.version.trailing_bps if instrument.trailing_allowed else 0
        exits = ExitPrices(locked.take_profit_price, locked.stop_price, trailing or None)
        supervised = ProtectionMode(locked.protection) is ProtectionMode.SUPERVISED
        if supervised and not instrument.stop_allowed:
            return None  # the symbol allows no resting stop: supervise_trade watches both prices
        plan = plan_stop if supervised else plan_protection
        try:
            with transaction.atomic():
                return record(
                    locked, plan(locked.key, attempt, exits, qty=locked.qty, instrument=instrument), now=now
                )
        except IntegrityError:
            return None  # another process recorded this very attempt first, and sends it


def supervise_trade(trade: Trade, quote: Quote | None, *, desk: Desk) -> bool:
    """Leave a supervised trade when its price was reached. Tells whether it was left.

    The stop rests on the exchange where the symbol allows one; then only the target is acted upon.
    """
    reason = _price_reached(trade, quote)
    if reason is None or (reason is ExitReason.STOP_LOSS and trade.is_protected):
        return False
    return exit_trade(trade.id, reason, desk=desk)
