"""Sells one trade because the operator says so. Called by the dashboard's views."""

from trading.domain.trades import ExitReason
from trading.models import Trade
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.services import journal
from trading.services.context import Desk
from trading.services.flatten import flatten


class TradeNotFound(LookupError):
    """There is no such trade."""


def sell_trade(trade_id: int, *, actor: str, desk: Desk, reason: str = "") -> bool:
    """Sell what an open trade holds at market, and end its entry where that still works.

    Tells whether the trade is flat afterwards; if not, the watchdog goes on with it. A trade that its own
    exits ended before the finger did is flat, and nothing is done.

    Raises:
        TradeNotFound
    """
    trade = Trade.objects.filter(pk=trade_id).first()
    if trade is None:
        raise TradeNotFound(f"there is no trade {trade_id}")
    if trade.state not in OPEN_STATE_NAMES:
        return True
    journal.write("trade.sold_by_hand", f"trade:{trade_id}", actor=actor, now=desk.clock(), reason=reason)
    flatten({trade_id}, desk=desk, reason=ExitReason.MANUAL)
    return not Trade.objects.filter(pk=trade_id, state__in=OPEN_STATE_NAMES).exists()
