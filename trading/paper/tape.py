"""The public tape of one symbol: recent trades and aggregate trades with their ids.

MarketData owns one Tape a symbol. Rows are kept as small tuples of ready texts, since they leave as texts.
Ids go up by one and are never reused; memory is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

KEPT = 1_000


def text8(value: Decimal) -> str:
    """Write a Decimal with the venue's eight decimals."""
    return f"{value:.8f}"


class TapeTrade(NamedTuple):
    """One public trade."""

    trade_id: int
    price: Decimal
    qty: Decimal
    at_ms: int
    buyer_is_maker: bool


class Aggregate(NamedTuple):
    """Trades of one moment, price and side, reported as one."""

    aggregate_id: int
    price: Decimal
    qty: Decimal
    first_id: int
    last_id: int
    at_ms: int
    buyer_is_maker: bool


class Tape:
    """Recent trades of one symbol."""

    def __init__(self, *, last_id: int = 0) -> None:
        self.last_id = last_id
        self.trades: deque[TapeTrade] = deque(maxlen=KEPT)
        self.aggregates: deque[Aggregate] = deque(maxlen=KEPT)
        self._pending: Aggregate | None = None
        self._last_aggregate_id = last_id

    def add(self, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int) -> TapeTrade:
        """Record a trade under the next id."""
        self.last_id += 1
        trade = TapeTrade(self.last_id, price, qty, at_ms, buyer_is_maker)
        self.trades.append(trade)
        return trade

    def aggregate(self, trade: TapeTrade) -> Aggregate | None:
        """Join the trade to the pending aggregate; give the one that it completes, if any."""
        pending = self._pending
        if pending is not None and (pending.price, pending.at_ms, pending.buyer_is_maker) == (
            trade.price,
            trade.at_ms,
            trade.buyer_is_maker,
        ):
            self._pending = pending._replace(qty=pending.qty + trade.qty, last_id=trade.trade_id)
            return None
        done = self.flush()
        self._last_aggregate_id += 1
        self._pending = Aggregate(
            self._last_aggregate_id,
            trade.price,
            trade.qty,
            trade.trade_id,
            trade.trade_id,
            trade.at_ms,
            trade.buyer_is_maker,
        )
        return done

    def flush(self) -> Aggregate | None:
        """Complete the pending aggregate."""
        done, self._pending = self._pending, None
        if done is not None:
            self.aggregates.append(done)
        return done

    def recent(self, limit: int, *, from_id: int | None = None) -> list[dict[str, Any]]:
        """Give trades as GET /trades does: the newest, or those from an id on."""
        rows: Iterable[TapeTrade] = self.trades
        if from_id is None:
            rows = list(self.trades)[-limit:]
        else:
            rows = [trade for trade in self.trades if trade.trade_id >= from_id][:limit]
        return [
            {
                "id": trade.trade_id,
                "price": text8(trade.price),
                "qty": text8(trade.qty),
                "quoteQty": text8(trade.price * trade.qty),
                "time": trade.at_ms,
                "isBuyerMaker": trade.buyer_is_maker,
                "isBestMatch": True,
            }
            for trade in rows
        ]

    def recent_aggregates(
        self,
        limit: int,
        *,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[dict[str, Any]]:
        """Give aggregates as GET /aggTrades does; the newest unless an id or a start is given."""
        rows = [
            row
            for row in self.aggregates
            if (from_id is None or row.aggregate_id >= from_id)
            and (start_ms is None or row.at_ms >= start_ms)
            and (end_ms is None or row.at_ms <= end_ms)
        ]
        picked = rows[-limit:] if from_id is None and start_ms is None else rows[:limit]
        return [
            {
                "a": row.aggregate_id,
                "p": text8(row.price),
                "q": text8(row.qty),
                "f": row.first_id,
                "l": row.last_id,
                "T": row.at_ms,
                "m": row.buyer_is_maker,
                "M": True,
            }
            for row in picked
        ]
