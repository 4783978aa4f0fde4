"""Reads for the analysis pages: closed trades of a period, cut in every way, and the curve of their PnL.

Called by monitoring. What it costs grows with the days of the period and with the trades of the last two
days, not with all trades: past days are summed up by services.figures. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from trading.domain.slices import Cut, Ended, Key, Tally, cut
from trading.domain.trades import TradeState
from trading.domain.values import PLACES, ZERO
from trading.models import SliceFigures, Trade, Worker, WorkerVersion
from trading.selectors.overview import day_range, newest_day
from trading.selectors.trades import CHUNK

_COLUMNS = (
    "worker_id", "version_id", "symbol", "quote_asset", "opened_at", "closed_at", "exit_reason",
    "entry_notional", "exit_notional", "fees", "realised_pnl", "entry_slippage_bps", "exit_slippage_bps",
)  # fmt: skip
_SUMS = tuple(each.name for each in fields(Tally))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which closed trades are looked at: by UTC day (`since` to `until`, both included), worker, version."""

    quote_asset: str
    since: date | None = None
    until: date | None = None
    worker_id: int | None = None
    version_id: int | None = None

    def has(self, trade: Ended) -> bool:
        """Tell whether a trade belongs to it."""
        day = trade.closed_at.astimezone(UTC).date()
        return (
            trade.quote_asset == self.quote_asset
            and (self.since is None or day >= self.since)
            and (self.until is None or day <= self.until)
            and self.worker_id in (None, trade.worker_id)
            and self.version_id in (None, trade.version_id)
        )


@dataclass(slots=True)
class Point:
    """The trades that closed up to a moment and since the point before: their number and PnL."""

    at: datetime
    trades: int
    pnl: Decimal


@dataclass(slots=True)
class Figures:
    """What the trades of a scope come to. `slices` by cut and key; the curve is oldest first."""

    slices: dict[tuple[Cut, str], Tally] = field(default_factory=dict)
    workers: dict[int, Tally] = field(default_factory=dict)
    versions: dict[int, Tally] = field(default_factory=dict)
    curve: list[Point] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """All of them."""
        return self.slices.get((Cut.ALL, ""), Tally())


@dataclass(frozen=True, slots=True)
class Recent:
    """Trades of the days that are not summed up yet, and the first moment of those days."""

    begin: datetime | None
    trades: list[Ended]


def iter_ended(begin: datetime | None, end: datetime | None = None) -> Iterator[Ended]:
    """Give the closed trades from a moment on (inclusive) to another (exclusive), in the order of closing.

    They are read piece by piece: those of a day may be too many to hold at once.
    """
    rows = Trade.objects.filter(closed_at__isnull=False)
    if begin is not None:
        rows = Trade.objects.filter(closed_at__gte=begin)
    if end is not None:
        rows = rows.filter(closed_at__lt=end)
    # By the moment alone, so that its index is used; the state's would lead through all trades.
    found = rows.order_by("closed_at", "id").values_list("state", *_COLUMNS)
    for state, *values in found.iterator(chunk_size=CHUNK):
        if state == TradeState.CLOSED.value:
            yield Ended(*values)


def read_recent() -> Recent:
    """Give the trades since the newest day that is summed up; two queries."""
    newest = newest_day()
    begin = day_range(newest)[1] if newest is not None else None
    return Recent(begin, list(iter_ended(begin)))


def read_totals(scope: Scope, recent: Recent) -> Figures:
    """Give the total of a scope's trades and the curve of their PnL; two queries."""
    figures, total = Figures(), Tally()
    by = Cut.ALL if scope.version_id is None else Cut.VERSION
    key = "" if scope.version_id is None else str(scope.version_id)
    rows = _past(scope).filter(cut=by.value, key=key)
    if scope.version_id is None:
        rows = rows.filter(worker=scope.worker_id)
    for row in _summed(rows.values("quote_asset")):
        total.add(_tally(row))
    for day, trades, pnl in rows.order_by("day").values_list("day", "trades", "pnl"):
        figures.curve.append(Point(day_range(day)[1], trades, pnl))
    for trade in recent.trades:
        if scope.has(trade):
            total.count(trade)
            figures.curve.append(Point(trade.closed_at, 1, trade.pnl or ZERO))
    figures.slices[Cut.ALL, ""] = total
    return figures


def read_cuts(scope: Scope, recent: Recent) -> Figures:
    """Give what the trades of a scope come to in every cut, and beside it those of every worker; two queries.

    A scope of a version has totals only: its trades are not cut any further.
    """
    figures = Figures()
    own = _past(scope).filter(worker=scope.worker_id).exclude(cut=Cut.ALL.value)
    for row in _summed(own.values("cut", "key")):
        figures.slices[Cut(row["cut"]), row["key"]] = _tally(row)
    everyone = replace(scope, worker_id=None)
    named = _past(everyone).filter(cut__in=[Cut.ALL.value, Cut.VERSION.value], worker__isnull=False)
    for row in _summed(named.values("worker_id", "cut", "key")):
        is_worker = row["cut"] == Cut.ALL.value
        kept, key = (figures.workers, row["worker_id"]) if is_worker else (figures.versions, int(row["key"]))
        kept[key] = _tally(row)

    def is_shown(key: Key) -> bool:
        _, worker_id, by, _ = key
        return worker_id == scope.worker_id or by in (Cut.ALL, Cut.VERSION)

    newer = cut((trade for trade in recent.trades if everyone.has(trade)), wanted=is_shown)
    for (_, worker_id, by, key), tally in newer.items():
        if worker_id == scope.worker_id and by is not Cut.ALL:
            figures.slices.setdefault((by, key), Tally()).add(tally)
        if worker_id is not None and by is Cut.ALL:
            figures.workers.setdefault(worker_id, Tally()).add(tally)
        if by is Cut.VERSION:
            figures.versions.setdefault(int(key), Tally()).add(tally)
    return figures


def _past(scope: Scope) -> QuerySet[SliceFigures]:
    rows = SliceFigures.objects.filter(quote_asset=scope.quote_asset)
    if scope.since is not None:
        rows = rows.filter(day__gte=scope.since)
    return rows.filter(day__lte=scope.until) if scope.until is not None else rows


def _summed(rows: Any) -> Any:
    return rows.annotate(**{f"sum_{name}": Sum(name) for name in _SUMS}).order_by()


def _tally(row: Mapping[str, Any]) -> Tally:
    """Read sums from a group of rows."""
    values: dict[str, Any] = {name: row[f"sum_{name}"] for name in _SUMS}
    for name, value in values.items():
        if isinstance(value, Decimal):  # a sum of SQLite carries the dust of its floats
            values[name] = value.quantize(PLACES)
    return Tally(**values)


def list_quote_assets() -> list[str]:
    """Give the quote assets of closed trades, the one with most trades first."""
    rows = SliceFigures.objects.filter(cut=Cut.ALL.value, worker=None).values("quote_asset")
    return [row["quote_asset"] for row in rows.annotate(number=Sum("trades")).order_by("-number")]


def name_versions(ids: Collection[int]) -> dict[int, WorkerVersion]:
    """Give versions with their workers, by id."""
    return {row.pk: row for row in WorkerVersion.objects.filter(pk__in=ids).select_related("worker")}


def list_traders() -> list[Worker]:
    """Give all workers, deleted ones last: their trades stay."""
    return list(Worker.objects.select_related("version").order_by("is_deleted", "name"))


def list_all_versions() -> list[WorkerVersion]:
    """Give the versions of all workers, newest first."""
    return list(WorkerVersion.objects.only("worker_id", "number").order_by("-number"))
