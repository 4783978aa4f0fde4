"""One trade with all that belongs to its story, and a worker's universe. Called by monitoring; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trading.models import Order, Trade, Worker
from trading.selectors.instruments import list_barred
from trading.selectors.workers import get_config, resolve_universes


@dataclass(frozen=True, slots=True)
class UniverseCount:
    """How many symbols a worker's universe matches, and which of them are on the blacklist."""

    matched: int
    barred: tuple[str, ...]


def find_trade(trade_id: int) -> Trade | None:
    """Give a trade with its worker and the version that it was opened with."""
    return Trade.objects.select_related("worker", "version").filter(pk=trade_id).first()


def list_orders_of(trade: Trade) -> list[Order]:
    """Give the orders of a trade in the order in which they were made."""
    return list(Order.objects.filter(trade=trade).order_by("created_at", "id"))


def count_universe(worker: Worker, *, now: datetime) -> UniverseCount:
    """Count what the worker would trade without and with the blacklist."""
    if worker.version is None:
        return UniverseCount(0, ())
    config = get_config(worker.version)
    matched = resolve_universes({worker.pk: config}, now=now, barred=())[worker.pk]
    off = list_barred(now=now)
    return UniverseCount(len(matched), tuple(symbol for symbol in matched if symbol in off))
