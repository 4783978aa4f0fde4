"""Reads for the dashboard and for status: control, journal, newest orders, figures of closed trades.

Called by monitoring, which may not see the models. Reads only; each function is three queries at most.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypedDict

from django.db import connection
from django.db.models import Count, Max, Q, QuerySet, Sum

from trading.domain.risk import TradingState
from trading.domain.trades import TradeState
from trading.domain.values import ZERO, to_text
from trading.models import DayFigures, InstrumentRow, JournalEntry, Order, Trade, TradingControl

RECENT = timedelta(hours=24)


PLACES = Decimal("1e-8")


class ClosedFigures(TypedDict):
    """Closed trades of one quote asset, amounts as exact text; trades of unknown PnL are counted apart."""

    quote_asset: str
    trades: int
    wins: int
    unknown: int
    pnl: str
    fees: str
    gains: str
    losses: str
    trades_24h: int
    pnl_24h: str


def get_control() -> TradingControl | None:
    """Give the trading state's row, or None where nobody ever set it (which means ACTIVE)."""
    return TradingControl.objects.first()


def get_trading_state() -> str:
    """Give what the account may do."""
    control = get_control()
    return control.state if control else TradingState.ACTIVE.value


def list_journal(limit: int) -> list[JournalEntry]:
    """Give the newest journal rows."""
    return list(JournalEntry.objects.order_by("-at", "-id")[:limit])


def list_orders(limit: int) -> list[Order]:
    """Give the newest orders."""
    return list(Order.objects.order_by("-created_at", "-id")[:limit])


def tick_sizes(symbols: Collection[str]) -> dict[str, str]:
    """Give the price step of each known symbol, as plain text."""
    rows = InstrumentRow.objects.filter(symbol__in=symbols).values_list("symbol", "tick_size")
    return {symbol: to_text(tick_size) for symbol, tick_size in rows}


@dataclass(slots=True)
class Sums:
    """What the trades of one quote asset come to; `trades` are closed ones, `recent` those of 24 hours."""

    quote_asset: str
    trades: int = 0
    wins: int = 0
    unknown: int = 0
    pnl: Decimal = ZERO
    fees: Decimal = ZERO
    gains: Decimal = ZERO
    losses: Decimal = ZERO
    unprotected_s: float = 0.0
    recent: int = 0
    recent_pnl: Decimal = ZERO

    def add(self, other: Sums) -> None:
        """Take in what other trades of the same quote asset come to."""
        for each in fields(self)[1:]:
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def day_range(day: date) -> tuple[datetime, datetime]:
    """Give the first moment of a UTC day and that of the next."""
    begin = datetime.combine(day, time(), tzinfo=UTC)
    return begin, begin + timedelta(days=1)


def newest_day() -> date | None:
    """Give the last day whose trades are summed up (see DayFigures), or None before the first."""
    newest: date | None = DayFigures.objects.aggregate(newest=Max("day"))["newest"]
    return newest


def sum_trades(trades: QuerySet[Trade], *, recent_from: datetime | None = None) -> list[Sums]:
    """Add up these trades, a row for each quote asset.

    The state is asked for in the sums and not in the condition: SQLite would take its index then, which
    leads to every closed trade there is.
    """
    closed = Q(state=TradeState.CLOSED.value)
    recent = closed & (Q(closed_at__gte=recent_from) if recent_from else Q(pk__in=[]))
    rows = (
        trades.values("quote_asset")
        .annotate(
            number=Count("id", filter=closed),
            wins=Count("id", filter=closed & Q(realised_pnl__gt=0)),
            unknown=Count("id", filter=closed & Q(realised_pnl__isnull=True)),
            pnl=Sum("realised_pnl", filter=closed),
            paid=Sum("fees", filter=closed),
            gains=Sum("realised_pnl", filter=closed & Q(realised_pnl__gt=0)),
            losses=Sum("realised_pnl", filter=closed & Q(realised_pnl__lt=0)),
            naked_s=Sum("unprotected_s"),
            recent=Count("id", filter=recent),
            recent_pnl=Sum("realised_pnl", filter=recent),
        )
        .order_by("quote_asset")
    )
    return [
        Sums(
            quote_asset=row["quote_asset"],
            trades=row["number"],
            wins=row["wins"],
            unknown=row["unknown"],
            pnl=_exact(row["pnl"]),
            fees=_exact(row["paid"]),
            gains=_exact(row["gains"]),
            losses=_exact(row["losses"]),
            unprotected_s=row["naked_s"] or 0.0,
            recent=row["recent"],
            recent_pnl=_exact(row["recent_pnl"]),
        )
        for row in rows
    ]


def sum_ended(*, now: datetime) -> list[Sums]:
    """Add up all trades that ended: the sums of past days, and the trades since.

    What it costs grows with the trades of two days and with the number of days, not with all trades.
    """
    newest = newest_day()
    ended = Trade.objects.filter(closed_at__isnull=False)
    if newest is not None:
        ended = Trade.objects.filter(closed_at__gte=day_range(newest)[1])
    found = {each.quote_asset: each for each in sum_trades(ended, recent_from=now - RECENT)}
    for past in _sum_days():
        found.setdefault(past.quote_asset, Sums(past.quote_asset)).add(past)
    return [found[name] for name in sorted(found)]


def _sum_days() -> list[Sums]:
    rows = (
        DayFigures.objects.values("quote_asset")
        .annotate(
            number=Sum("trades"),
            won=Sum("wins"),
            not_known=Sum("unknown"),
            earned=Sum("pnl"),
            paid=Sum("fees"),
            gained=Sum("gains"),
            lost=Sum("losses"),
            naked_s=Sum("unprotected_s"),
        )
        .order_by()
    )
    return [
        Sums(
            quote_asset=row["quote_asset"],
            trades=row["number"],
            wins=row["won"],
            unknown=row["not_known"],
            pnl=_exact(row["earned"]),
            fees=_exact(row["paid"]),
            gains=_exact(row["gained"]),
            losses=_exact(row["lost"]),
            unprotected_s=row["naked_s"],
        )
        for row in rows
    ]


def closed_figures(*, now: datetime) -> list[ClosedFigures]:
    """Give the figures of all closed trades, a row for each quote asset; amounts are never mixed."""
    return [
        ClosedFigures(
            quote_asset=each.quote_asset,
            trades=each.trades,
            wins=each.wins,
            unknown=each.unknown,
            pnl=to_text(each.pnl),
            fees=to_text(each.fees),
            gains=to_text(each.gains),
            losses=to_text(each.losses),
            trades_24h=each.recent,
            pnl_24h=to_text(each.recent_pnl),
        )
        for each in sum_ended(now=now)
        if each.trades
    ]


def database_answers() -> bool:
    """Ask the database the smallest question. Raises django.db.Error when it does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _exact(number: Decimal | None) -> Decimal:
    # A sum of SQLite carries the dust of its floats; what was summed has eight places.
    return number.quantize(PLACES) if number is not None else ZERO
