"""Reads about the ledger: the newest reconcile, and whom a change of a balance concerns."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypedDict

from trading.domain.values import ZERO
from trading.models import ReconcileRun, Trade
from trading.selectors.trades import OPEN_STATE_NAMES


class ReconcileFigures(TypedDict):
    """The newest reconcile; `differences` and `foreign` carry the figures as text."""

    at: str
    age_s: float
    reason: str
    clean: bool
    unknown_orders: int
    foreign_orders: int
    foreign: list[dict[str, Any]]
    differences: list[dict[str, str]]


def newest_run() -> ReconcileRun | None:
    """Give the newest reconcile, or None where none has ended yet."""
    return ReconcileRun.objects.order_by("-at", "-pk").first()


def reconcile_figures(*, now: datetime) -> ReconcileFigures | None:
    """Give the newest reconcile as scripts outside know it; None where none has ended yet."""
    run = newest_run()
    if run is None:
        return None
    return ReconcileFigures(
        at=run.at.isoformat(),
        age_s=round(max((now - run.at).total_seconds(), 0.0), 3),
        reason=run.reason,
        clean=not run.differences and not run.unknown_orders,
        unknown_orders=run.unknown_orders,
        foreign_orders=len(run.foreign_orders),
        foreign=run.foreign_orders,
        differences=run.differences,
    )


def list_lacking() -> tuple[str, ...]:
    """Give the symbols of open trades of which others took a part from the account."""
    rows = Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("symbol", "missing_qty")
    return tuple(sorted(symbol for symbol, missing in rows if missing > ZERO))


def is_held(assets: Collection[str]) -> bool:
    """Tell whether an open trade holds one of the assets."""
    return Trade.objects.filter(state__in=OPEN_STATE_NAMES, base_asset__in=assets).exists()
