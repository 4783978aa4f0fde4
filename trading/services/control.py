"""The account's trading state and the kill switch.

Called by dashboard, admin and command. Every turn reads the state under a lock before it records an
entry, so a change holds from the next turn on, in every process.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from trading import events
from trading.domain.orders import UNRESOLVED
from trading.domain.ports import OrderNotFound, VenueError
from trading.domain.risk import TradingState
from trading.domain.trades import ExitReason, TradeState
from trading.domain.values import OrderRole
from trading.models import Order, Trade, TradingControl
from trading.selectors.trades import OPEN_STATE_NAMES, list_open
from trading.services import journal
from trading.services.context import Desk
from trading.services.executions import apply_reports
from trading.services.exits import cancel, exit_trade
from trading.services.resolve import resolve_order

log = logging.getLogger(__name__)


class KillLevel(StrEnum):
    """How much is stopped."""

    ENTRIES = "entries"  # no new entries
    CANCEL = "cancel"  # and working entries are cancelled
    FLATTEN = "flatten"  # and everything held is sold at market


@dataclass(slots=True)
class Left:
    """What is left after a kill: the truth, not the intention."""

    trading_state: str
    open_trades: int = 0
    protected_trades: int = 0
    working_entries: int = 0
    unknown_orders: int = 0
    symbols: list[str] = field(default_factory=list)


def set_trading_state(state: TradingState, *, actor: str, now: datetime, reason: str = "") -> TradingControl:
    """Set what the account may do; the same state again changes nothing."""
    with transaction.atomic():
        control, created = TradingControl.objects.select_for_update().get_or_create(
            pk=1, defaults={"state": state.value, "changed_at": now, "changed_by": actor, "reason": reason}
        )
        before = control.state
        if before == state.value and not created:
            return control
        control.state, control.changed_at = state.value, now
        control.changed_by, control.reason = actor, reason
        control.save()
        journal.write(
            "account.state",
            "account",
            actor=actor,
            now=now,
            before={"state": before},
            after={"state": state.value},
            reason=reason,
        )
        events.control_changed(control)
    return control


def kill(level: KillLevel, *, actor: str, desk: Desk, reason: str = "") -> Left:
    """Stop at once, as far as the level says, and tell what is left."""
    state = TradingState.REDUCING if level is KillLevel.ENTRIES else TradingState.HALTED
    set_trading_state(state, actor=actor, now=desk.clock(), reason=reason or f"kill {level}")
    if level is not KillLevel.ENTRIES:
        _cancel_entries(desk=desk)
    if level is KillLevel.FLATTEN:
        for trade in list_open():
            if trade.state != TradeState.OPENING.value:
                exit_trade(trade.id, ExitReason.FLATTEN, desk=desk)
    return what_is_left()


def what_is_left() -> Left:
    """Count what is still open, working or unknown."""
    control = TradingControl.objects.filter(pk=1).first()
    trades = Trade.objects.filter(state__in=OPEN_STATE_NAMES)
    working = Order.objects.filter(
        role=OrderRole.ENTRY.value, status__in=[status.value for status in UNRESOLVED]
    )
    return Left(
        trading_state=control.state if control else TradingState.ACTIVE.value,
        open_trades=trades.count(),
        protected_trades=trades.filter(is_protected=True).count(),
        working_entries=working.count(),
        unknown_orders=Order.objects.filter(status="SUBMITTED").count(),
        symbols=sorted(trades.values_list("symbol", flat=True)),
    )


def _cancel_entries(*, desk: Desk) -> None:
    entries = Order.objects.filter(
        role=OrderRole.ENTRY.value, status__in=[status.value for status in UNRESOLVED]
    ).select_related("order_list")
    for order in entries:
        try:
            apply_reports(cancel(order, desk.venue), now=desk.clock(), market=desk.market)
        except (OrderNotFound, VenueError) as error:
            # Its end is asked for next; what stays unknown is counted in what is left.
            log.info("order.cancel_failed: %s", error, extra={"client_order_id": order.client_order_id})
        resolve_order(order, desk=desk)
