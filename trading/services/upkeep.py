"""The watchdog: a short round over open trades and drains, every second or two.

Called by the upkeep task. It is the backstop of everything that should have happened already: time
exits, lost protection, exits that were begun, workers that have drained. Rounds may overlap; each
step is a compare-and-set of its own.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from trading import events
from trading.domain.instrument import ProtectionMode
from trading.domain.market import Quote
from trading.domain.trades import ExitReason, TradeState
from trading.domain.workers import WorkerState
from trading.models import Trade, Worker
from trading.selectors.trades import OPEN_STATE_NAMES, list_open
from trading.services import journal
from trading.services.context import Desk
from trading.services.exits import exit_trade
from trading.services.protection import protect_trade, supervise_trade

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Round:
    """What one round did; counts of trades and workers."""

    looked_at: int = 0
    left: int = 0
    protected: int = 0
    stopped: int = 0


def run(*, desk: Desk) -> Round:
    """Make one round over all open trades and draining workers."""
    desk.roster.refresh(desk.clock())
    trades = [trade for trade in list_open() if trade.state != TradeState.OPENING.value]
    quotes = desk.market.quotes([trade.symbol for trade in trades])
    result = Round(looked_at=len(trades))
    for trade in trades:
        try:
            _look_after(trade, quotes.get(trade.symbol), result, desk=desk)
        except Exception:  # rim of the loop: one trade's trouble must not keep the others unprotected
            log.exception("upkeep.failed", extra={"trade_id": trade.id})
    result.stopped = stop_drained(now=desk.clock())
    return result


def run_triggers(symbols: list[str], *, desk: Desk) -> Round:
    """Look after the open trades of symbols whose watched price was crossed."""
    wanted = set(symbols)
    trades = [trade for trade in list_open() if trade.symbol in wanted]
    quotes = desk.market.quotes(symbols)
    result = Round(looked_at=len(trades))
    for trade in trades:
        _look_after(trade, quotes.get(trade.symbol), result, desk=desk)
    return result


def _look_after(trade: Trade, quote: Quote | None, result: Round, *, desk: Desk) -> None:
    if trade.state == TradeState.CLOSING.value:
        result.left += exit_trade(trade.id, ExitReason(trade.exit_reason), desk=desk)
    elif trade.expires_at is not None and trade.expires_at <= desk.clock():
        result.left += exit_trade(trade.id, ExitReason.MAX_HOLD, desk=desk)
    elif trade.protection == ProtectionMode.SUPERVISED.value and supervise_trade(trade, quote, desk=desk):
        result.left += 1
    elif trade.state == TradeState.OPEN.value and not trade.is_protected:
        result.protected += protect_trade(trade.id, desk=desk)


def stop_drained(*, now: datetime) -> int:
    """Stop the draining workers whose last trade is closed. Gives how many."""
    stopped = 0
    for worker in Worker.objects.filter(state=WorkerState.DRAINING.value):
        with transaction.atomic():
            if Trade.objects.filter(worker=worker, state__in=OPEN_STATE_NAMES).exists():
                continue
            # Compare-and-set: an operator who starts the worker again meanwhile wins.
            changed = Worker.objects.filter(pk=worker.pk, state=WorkerState.DRAINING.value).update(
                state=WorkerState.STOPPED.value, state_changed_at=now
            )
            if changed:
                worker.state, worker.state_changed_at = WorkerState.STOPPED.value, now
                journal.write("worker.drained", f"worker:{worker.pk}", actor="upkeep", now=now)
                events.worker_changed(worker)
                stopped += 1
    return stopped
