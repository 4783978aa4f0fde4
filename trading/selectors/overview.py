"""Reads for the dashboard and for status: control, journal, newest orders, figures of closed trades.

Called by monitoring, which may not see the models. Reads only; each function is one or two queries.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from django.db import connection
from django.db.models import Count, Q, Sum

from trading.domain.risk import TradingState
from trading.domain.trades import TradeState
from trading.domain.values import to_text
from trading.models import InstrumentRow, JournalEntry, Order, Trade, TradingControl

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


def closed_figures(*, now: datetime) -> list[ClosedFigures]:
    """Give the figures of all closed trades, a row for each quote asset; amounts are never mixed."""
    recent = Q(closed_at__gte=now - RECENT)
    rows = (
        Trade.objects.filter(state=TradeState.CLOSED.value)
        .values("quote_asset")
        .annotate(
            number=Count("id"),
            wins=Count("id", filter=Q(realised_pnl__gt=0)),
            unknown=Count("id", filter=Q(realised_pnl__isnull=True)),
            pnl=Sum("realised_pnl"),
            paid=Sum("fees"),
            gains=Sum("realised_pnl", filter=Q(realised_pnl__gt=0)),
            losses=Sum("realised_pnl", filter=Q(realised_pnl__lt=0)),
            number_24h=Count("id", filter=recent),
            pnl_24h=Sum("realised_pnl", filter=recent),
        )
        .order_by("quote_asset")
    )
    return [
        ClosedFigures(
            quote_asset=row["quote_asset"],
            trades=row["number"],
            wins=row["wins"],
            unknown=row["unknown"],
            pnl=_text(row["pnl"]),
            fees=_text(row["paid"]),
            gains=_text(row["gains"]),
            losses=_text(row["losses"]),
            trades_24h=row["number_24h"],
            pnl_24h=_text(row["pnl_24h"]),
        )
        for row in rows
    ]


def database_answers() -> bool:
    """Ask the database the smallest question. Raises django.db.Error when it does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _text(number: Decimal | None) -> str:
    # A sum of SQLite carries the dust of its floats; what was summed has eight places.
    return to_text(number.quantize(PLACES)) if number is not None else "0"
