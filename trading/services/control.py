"""The account's trading state and the kill switch.

Called by dashboard, admin and command. Every turn reads the state under a lock before it records an
entry, so a change holds from the next turn on, in every process.
"""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from trading import events
from trading.domain.ports import Clock
from trading.domain.risk import TradingState
from trading.models import TradingControl
from trading.selectors.leftovers import Left, what_is_left
from trading.services import journal
from trading.services.account_lock import lock_account
from trading.services.context import Desk
from trading.services.flatten import end_entries, flatten, open_trade_ids

__all__ = ["KillLevel", "Left", "kill", "set_trading_state", "what_is_left"]


class KillLevel(StrEnum):
    """How much is stopped."""

    ENTRIES = "entries"  # no new entries
    CANCEL = "cancel"  # and working entries are cancelled
    FLATTEN = "flatten"  # and everything held is sold at market


def set_trading_state(state: TradingState, *, actor: str, now: datetime, reason: str = "") -> TradingControl:
    """Set what the account may do; the same state again changes nothing."""
    with transaction.atomic():
        control = lock_account(now=now)
        before = control.state
        if before == state.value:
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
    stop(level, actor=actor, clock=desk.clock, reason=reason)
    return clear(level, actor=actor, desk=desk)


def clear(level: KillLevel, *, actor: str, desk: Desk) -> Left:
    """Take down what the level is to end, after `stop`, and tell what is left."""
    if level is KillLevel.CANCEL:
        end_entries(open_trade_ids(), desk=desk)
    elif level is KillLevel.FLATTEN:
        flatten(open_trade_ids(), desk=desk)
    left = what_is_left()
    journal.write("account.left", "account", actor=actor, now=desk.clock(), after=asdict(left), reason=level)
    return left


def stop(level: KillLevel, *, actor: str, clock: Clock, reason: str = "") -> datetime:
    """Stop entries, which needs nothing but the database.

    Once it is committed no process records an entry; one that was recorded before is in a sender's hands. A
    lower level never loosens what a higher one has stopped.

    Returns:
        The moment from which it holds: behind the lock, which a turn that still enters may have held.
    """
    reason = reason or f"kill {level}"
    with transaction.atomic():
        control = lock_account(now=clock())
        now = clock()  # the lock may have been waited for
        journal.write("account.kill", "account", actor=actor, now=now, after={"level": level}, reason=reason)
        if level is not KillLevel.ENTRIES:
            set_trading_state(TradingState.HALTED, actor=actor, now=now, reason=reason)
        elif control.state != TradingState.HALTED.value:
            set_trading_state(TradingState.REDUCING, actor=actor, now=now, reason=reason)
    return now
