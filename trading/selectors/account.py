"""What the account is worth, what this day brought, and how each worker did: reads for the dashboard.

Called by monitoring. Amounts are exact text by quote asset and are never mixed; what is not known is null or
named, never 0. A day begins at 00:00 UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from django.db.models import Count, Q, Sum

from trading.domain.trades import TradeState
from trading.domain.values import ZERO, to_text
from trading.models import Balance, InstrumentRow, Trade, Worker
from trading.selectors.trades import OPEN_STATE_NAMES

PLACES = Decimal("1e-8")
# Long enough to judge a worker by, short enough to be added up for every page that is opened.
SCORED = timedelta(days=7)


class Holdings(TypedDict):
    """What is held of one quote asset and of all that is priced in it.

    `priced` are (asset, symbol that prices it, quantity); `unpriced` are assets that no symbol of this quote
    asset prices, so that equity is not known to that extent.
    """

    quote_asset: str
    cash: str
    priced: list[tuple[str, str, str]]
    unpriced: list[str]


class DayFigures(TypedDict):
    """Trades of one quote asset closed since 00:00 UTC; `unprotected_s` counts open ones too."""

    quote_asset: str
    trades: int
    unknown: int
    pnl: str
    fees: str
    unprotected_s: float


class WorkerFigures(TypedDict):
    """Trades that one worker closed in the last SCORED, in one quote asset."""

    worker_id: int
    quote_asset: str
    trades: int
    wins: int
    unknown: int
    pnl: str
    fees: str


def list_holdings() -> list[Holdings]:
    """Give what the account holds, a row for each quote asset that workers trade in.

    The ledger's totals count, since they move with every fill. An asset is counted in the first quote asset
    that prices it.
    """
    quotes = _quote_assets()
    totals = {row.asset: row.ledger for row in Balance.objects.order_by("asset") if row.ledger > ZERO}
    others = [asset for asset in totals if asset not in quotes]
    rows = InstrumentRow.objects.filter(base_asset__in=others, quote_asset__in=quotes)
    symbols: dict[str, tuple[str, str]] = {}
    for base, quote, symbol in rows.order_by("quote_asset").values_list(
        "base_asset", "quote_asset", "symbol"
    ):
        symbols.setdefault(base, (quote, symbol))
    unpriced = [asset for asset in others if asset not in symbols]
    return [
        Holdings(
            quote_asset=quote,
            cash=to_text(totals.get(quote, ZERO)),
            priced=[
                (asset, symbol, to_text(totals[asset]))
                for asset, (priced_in, symbol) in symbols.items()
                if priced_in == quote
            ],
            unpriced=unpriced,
        )
        for quote in quotes
    ]


def _quote_assets() -> list[str]:
    traded = set(Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("quote_asset", flat=True))
    symbols: set[str] = set()
    for worker in Worker.objects.filter(is_deleted=False).select_related("version"):
        universe = worker.version.universe if worker.version else {}
        traded |= {universe["quote_asset"]} if universe.get("quote_asset") else set()
        symbols.update(universe.get("symbols", ()))
    listed = InstrumentRow.objects.filter(symbol__in=symbols).values_list("quote_asset", flat=True)
    return sorted(traded.union(listed))


def day_figures(*, now: datetime) -> list[DayFigures]:
    """Give what the trades closed since 00:00 UTC brought, and how long today's trades were unprotected."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    closed = Trade.objects.filter(closed_at__gte=midnight)
    sums = closed.values("quote_asset").annotate(
        number=Count("id", filter=Q(state=TradeState.CLOSED.value)),
        unknown=Count("id", filter=Q(state=TradeState.CLOSED.value, realised_pnl__isnull=True)),
        pnl=Sum("realised_pnl"),
        paid=Sum("fees"),
        bare=Sum("unprotected_s"),
    )
    return [
        DayFigures(
            quote_asset=row["quote_asset"],
            trades=row["number"],
            unknown=row["unknown"],
            pnl=_text(row["pnl"]),
            fees=_text(row["paid"]),
            unprotected_s=round(row["bare"] or 0.0, 3),
        )
        for row in sums.order_by("quote_asset")
    ]


def worker_figures(*, now: datetime) -> list[WorkerFigures]:
    """Give how the trades that each worker closed in the last SCORED went, one query for all of them."""
    closed = Q(state=TradeState.CLOSED.value)
    rows = (
        # By the moment alone, so that its index is used: the state's would lead through all trades.
        Trade.objects.filter(closed_at__gte=now - SCORED)
        .values("worker_id", "quote_asset")
        .annotate(
            number=Count("id", filter=closed),
            wins=Count("id", filter=Q(realised_pnl__gt=0)),
            unknown=Count("id", filter=closed & Q(realised_pnl__isnull=True)),
            pnl=Sum("realised_pnl"),
            paid=Sum("fees"),
        )
        .order_by("worker_id", "quote_asset")
    )
    return [
        WorkerFigures(
            worker_id=row["worker_id"],
            quote_asset=row["quote_asset"],
            trades=row["number"],
            wins=row["wins"],
            unknown=row["unknown"],
            pnl=_text(row["pnl"]),
            fees=_text(row["paid"]),
        )
        for row in rows
        if row["number"]
    ]


def _text(number: Decimal | None) -> str:
    # A sum of SQLite carries the dust of its floats; what was summed has eight places.
    return to_text(number.quantize(PLACES)) if number is not None else "0"
