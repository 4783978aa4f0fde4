"""Reads about trades, orders and fills, as rows for pages and as domain objects for rules."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max

from trading.domain.executions import Fill
from trading.domain.instrument import ProtectionMode
from trading.domain.orders import OrderStatus, Side
from trading.domain.positions import Position, fold
from trading.domain.trades import OPEN_STATES, TradeState
from trading.models import FillRow, Order, Trade
from trading.selectors.overview import sum_ended
from trading.selectors.prepared import Prepared

CHUNK = 200  # rows that are in memory at once where many are read
OPEN_STATE_NAMES = [state.value for state in OPEN_STATES]


def list_open() -> list[Trade]:
    """Give the open trades with worker and version, oldest first."""
    return list(
        Trade.objects.filter(state__in=OPEN_STATE_NAMES)
        .select_related("worker", "version")
        .order_by("decided_at")
    )


def busy_symbols() -> set[str]:
    """Give the symbols of open trades."""
    return set(_BUSY.rows())


_BUSY: Prepared[str] = Prepared(
    lambda: Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("symbol"), str
)


def list_unprotected() -> list[str]:
    """Give the symbols of open trades that hold something without protection and wait for no order."""
    under_way = [OrderStatus.INITIALIZED.value, OrderStatus.SUBMITTED.value, OrderStatus.PENDING.value]
    trades = Trade.objects.filter(state=TradeState.OPEN.value, is_protected=False)
    return list(trades.exclude(orders__status__in=under_way).values_list("symbol", flat=True))


def list_triggers() -> dict[str, str]:
    """Give the prices of the bid that supervised trades wait for: symbol -> "stop|target".

    The stop is left out where it rests at the venue.
    """
    trades = Trade.objects.filter(
        state=TradeState.OPEN.value, protection=ProtectionMode.SUPERVISED.value
    ).values_list("symbol", "is_protected", "stop_price", "take_profit_price")
    return {
        symbol: f"{'' if is_protected else stop}|{target}" for symbol, is_protected, stop, target in trades
    }


def list_closed(limit: int) -> list[Trade]:
    """Give the newest closed trades."""
    # By what it is not, so that the index of the moment is used: the state's leads through all of them.
    closed = Trade.objects.filter(closed_at__isnull=False).exclude(state=TradeState.ABORTED.value)
    return list(closed.select_related("worker", "version").order_by("-closed_at")[:limit])


def order_counts() -> dict[str, int]:
    """Give how many orders stand in each status."""
    rows = Order.objects.values("status").annotate(number=Count("id")).order_by()
    return {row["status"]: row["number"] for row in rows}


def unprotected_s_total(*, now: datetime) -> float:
    """Give the seconds without protection of all trades so far, running ones included."""
    open_trades = Trade.objects.filter(state__in=OPEN_STATE_NAMES)
    total = sum(each.unprotected_s for each in sum_ended(now=now))
    for before_s, since in open_trades.values_list("unprotected_s", "unprotected_since"):
        total += before_s + (max((now - since).total_seconds(), 0.0) if since is not None else 0.0)
    return float(total)


def to_fill(row: FillRow, venue_order_id: int = 0) -> Fill:
    """Give a stored fill as the domain knows it."""
    return Fill(
        symbol=row.symbol,
        venue_fill_id=row.venue_fill_id,
        venue_order_id=venue_order_id,
        side=Side(row.side),
        price=row.price,
        qty=row.qty,
        fee=row.fee,
        fee_asset=row.fee_asset,
        is_maker=row.is_maker,
        filled_at=row.filled_at,
    )


def fold_trade(trade: Trade, rows: Iterable[FillRow]) -> Position:
    """Fold stored fills into the position of their trade."""
    return fold((to_fill(row) for row in rows), base_asset=trade.base_asset, quote_asset=trade.quote_asset)


def last_closed_at(
    worker_ids: Collection[int], symbols: Collection[str], *, since: datetime
) -> dict[tuple[int, str], datetime]:
    """Give when each of the workers last closed a trade on each of the symbols, if not before `since`."""
    # With that moment in the question, what was closed long ago is not looked at, however much it is.
    rows = (
        Trade.objects.filter(worker_id__in=worker_ids, symbol__in=symbols, closed_at__gte=since)
        .values("worker_id", "symbol")
        .annotate(last=Max("closed_at"))
        .order_by()
    )
    return {(row["worker_id"], row["symbol"]): row["last"] for row in rows}


def iter_returns(*, since: datetime) -> Iterator[tuple[str, datetime, Decimal, Decimal]]:
    """Give symbol, end, PnL and cost of the trades that closed since a moment and whose PnL is known.

    They are read piece by piece: months of them are too many to hold at once.
    """
    closed = Trade.objects.filter(closed_at__gte=since, state=TradeState.CLOSED.value, entry_notional__gt=0)
    columns = closed.values_list("symbol", "closed_at", "realised_pnl", "entry_notional")
    for symbol, closed_at, pnl, cost in columns.iterator(chunk_size=CHUNK):
        if closed_at is not None and pnl is not None:
            yield symbol, closed_at, pnl, cost
