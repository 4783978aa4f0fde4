"""Opens the books of trades: locked rows with their orders, fills and symbol rules, in four queries.

Used by everything that books (services.executions, services.exits), inside its transaction. Trades are locked
in the order of their ids, so that two processes that book the same trades wait for each other instead of
locking crosswise.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from trading import events
from trading.domain.instrument import Instrument
from trading.domain.trades import TradeState
from trading.models import FillRow, Order, Trade
from trading.selectors.instruments import get_instruments
from trading.selectors.trades import busy_symbols
from trading.services.conclusions import conclude
from trading.services.figures import correct


@dataclass(slots=True)
class TradeBook:
    """One locked trade with everything that its row is concluded from."""

    trade: Trade
    instrument: Instrument
    orders: list[Order] = field(default_factory=list)
    fills: list[FillRow] = field(default_factory=list)
    symbol_is_held: bool = False  # by another open trade; asked for a trade whose entry was given up
    ended_at: datetime | None = None  # as it was stored
    concluded_at: datetime | None = None

    def conclude(self, *, at: datetime, now: datetime, price: Decimal | None = None) -> None:
        """Bring the trade's row in line with its orders and fills; nothing is saved yet.

        Args:
            at: The venue's moment of what was booked; seconds without protection are counted in it.
            price: What a sale would bring now, where leftovers shall be judged by it and not by their cost.
        """
        self.concluded_at = now
        self.fills.sort(key=lambda fill: (fill.filled_at, fill.venue_fill_id))
        conclude(
            self.trade,
            self.orders,
            self.fills,
            instrument=self.instrument,
            at=at,
            now=now,
            price=price,
            symbol_is_held=self.symbol_is_held,
        )

    def save(self) -> None:
        """Save the trade's row and tell the dashboard after commit."""
        self.trade.save()
        if self.concluded_at is not None:
            correct((self.ended_at, self.trade.closed_at), now=self.concluded_at)
            self.ended_at = self.trade.closed_at
        events.trade_changed(self.trade)


def open_books(trade_ids: Collection[int]) -> dict[int, TradeBook]:
    """Lock these trades and read what they are concluded from. Call inside a transaction."""
    trades = list(
        Trade.objects.select_for_update(of=("self",))
        .filter(pk__in=trade_ids)
        .select_related("version")
        .order_by("pk")
    )
    instruments = get_instruments({trade.symbol for trade in trades})
    orders: dict[int, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(trade_id__in=trade_ids).order_by("pk"):
        orders[order.trade_id].append(order)
    fills: dict[int, list[FillRow]] = defaultdict(list)
    for fill in FillRow.objects.filter(trade_id__in=trade_ids):
        fills[fill.trade_id].append(fill)
    given_up = {trade.symbol for trade in trades if trade.state == TradeState.ABORTED.value}
    held = given_up & busy_symbols() if given_up else set()
    return {
        trade.pk: TradeBook(
            trade,
            instruments[trade.symbol],
            orders[trade.pk],
            fills[trade.pk],
            symbol_is_held=trade.symbol in held,
            ended_at=trade.closed_at,
        )
        for trade in trades
    }
