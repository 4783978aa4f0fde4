"""The page that puts two groups of closed trades side by side: two periods, two workers or two versions, or
what a worker made here beside a run: its back-test, or its trades in another installation.

It only looks. Whether a difference is more than chance is said by Welch's interval, not by the eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from intelligence import runs
from intelligence.models import Run
from monitoring import live, plots
from monitoring.analysis import assets_of, read_asset, read_day
from monitoring.gate import viewers_only
from monitoring.templatetags import humanfigures as written
from trading.domain.slices import Cut, Tally, difference, falls
from trading.domain.values import ZERO
from trading.selectors import analysis
from trading.selectors.analysis import Figures, Point, Recent, Scope
from trading.selectors.overview import day_range

# Compared where nothing else is asked for: this many days, with as many before them.
SPAN = timedelta(days=7)
SIDES = ("a", "b")


@dataclass(frozen=True, slots=True)
class Side:
    """One group: what was asked for, what it is called, and what its trades come to."""

    id: str
    scope: Scope
    whose: str
    name: str
    figures: Figures


@require_safe
@never_cache
@viewers_only
def page(request: HttpRequest) -> HttpResponse:
    """Compare side `a` with `b`, each by `_whose` (empty, worker:ID, version:ID, run:ID), `_since`, `_until`.

    Where a run is compared and no days are given, they are the run's, on both sides.
    """
    now = live.utc_now()
    recent = analysis.read_recent()
    assets = assets_of(recent)
    asset = read_asset(request, assets)
    kept = {f"run:{run.pk}": run for run in runs.list_kept()}
    choices = _choices(analysis.list_traders(), analysis.list_all_versions()) | {
        whose: f"{run.worker.name}, {run.label} of {run.made_at:%Y-%m-%d}" for whose, run in kept.items()
    }
    asked = [request.GET.get(f"{name}_whose", "") for name in SIDES]
    tested = next((kept[whose] for whose in asked if whose in kept), None)
    sides = []
    for name, whose in zip(SIDES, asked, strict=True):
        if whose not in choices:
            raise Http404(f"{name}_whose must be empty, worker:ID, version:ID or run:ID of a known one")
        scope = _scope(request, name, whose, asset=asset, now=now, tested=tested)
        sides.append(Side(name, scope, whose, choices[whose], _figures(whose, scope, recent)))
    first, second = (side.figures.total for side in sides)
    context = {
        "sides": sides,
        "choices": choices,
        "assets": assets,
        "asset": asset,
        "rows": _rows(first, second),
        "difference": difference(first, second),
        "lines": _lines(sides, now=now),
        "may_run": request.user.has_perm("intelligence.add_run"),
    }
    return render(request, "monitoring/compare.html", context)


def _choices(traders: Sequence[Any], versions: Sequence[Any]) -> dict[str, str]:
    found = {"": "All workers"}
    for worker in traders:
        found[f"worker:{worker.pk}"] = worker.name
        for version in versions:
            if version.worker_id == worker.pk:
                found[f"version:{version.pk}"] = f"{worker.name}, version {version.number}"
    return found


def _figures(whose: str, scope: Scope, recent: Recent) -> Figures:
    kind, _, number = whose.partition(":")
    if kind != "run":
        return analysis.read_totals(scope, recent)
    figures, total = Figures(), Tally()
    for day, tally in runs.read_days(int(number), scope.quote_asset, since=scope.since, until=scope.until):
        total.add(tally)
        figures.curve.append(Point(day_range(day)[1], tally.trades, tally.pnl))
    figures.slices[Cut.ALL, ""] = total
    return figures


def _scope(
    request: HttpRequest, side: str, whose: str, *, asset: str, now: datetime, tested: Run | None
) -> Scope:
    since, until = read_day(request, f"{side}_since"), read_day(request, f"{side}_until")
    if f"{side}_since" not in request.GET and tested is not None:
        since, until = tested.begins_on, tested.ends_on
    elif f"{side}_since" not in request.GET and "version" not in whose:
        today = now.date()
        since = today - SPAN + timedelta(days=1) if side == "b" else today - 2 * SPAN + timedelta(days=1)
        until = today if side == "b" else today - SPAN
    if since and until and since > until:
        raise Http404(f"{side}_since must not be after {side}_until")
    kind, _, number = whose.partition(":")
    scope = Scope(asset, since, until)
    if kind in ("", "run"):
        return scope
    if kind == "worker":
        return replace(scope, worker_id=int(number))
    return replace(scope, version_id=int(number))


def _rows(first: Tally, second: Tally) -> list[tuple[str, str, str, str]]:
    """Give a row a figure: its name, both values, and what is more on the second side."""
    amounts: Sequence[tuple[str, Decimal, Decimal, Any]] = (
        ("PnL after fees", first.pnl, second.pnl, written.gain),
        ("PnL a trade", _each(first), _each(second), written.gain),
        ("Fees", first.fees, second.fees, written.money),
        ("Slippage", first.slippage, second.slippage, written.money),
        ("Bought and sold", first.turnover, second.turnover, written.money),
    )
    rows = [("Trades", written.count(first.trades), written.count(second.trades), _more(first, second))]
    rows += [(name, write(a), write(b), written.gain(b - a)) for name, a, b, write in amounts]
    ratios: Sequence[tuple[str, float | None, float | None, Any]] = (
        ("Won", first.win_rate, second.win_rate, written.percent),
        ("Return of a trade", first.mean_return_bps, second.mean_return_bps, written.bps),
        ("Profit factor", first.profit_factor, second.profit_factor, written.figure),
        ("Held on average", first.mean_held_s, second.mean_held_s, written.duration),
    )
    for name, a, b, write in ratios:
        more = "not known" if a is None or b is None else _signed(write, b - a)
        rows.append((name, write(a), write(b), more))
    return rows


def _each(tally: Tally) -> Decimal:
    known = tally.trades - tally.unknown
    return tally.pnl / known if known else ZERO


def _more(first: Tally, second: Tally) -> str:
    more = second.trades - first.trades
    return f"{'+' if more > 0 else ''}{more:,}".replace("-", written.MINUS)


def _signed(write: Any, number: float) -> str:
    sign = written.MINUS if number < 0 else "+" if number > 0 else ""
    return f"{sign}{str(write(abs(number))).lstrip('+')}"


def _lines(sides: Sequence[Side], *, now: datetime) -> Mapping[str, Any]:
    """Give both curves on one scale, each from its own first day."""
    curves = []
    for side in sides:
        level, values = ZERO, []
        for point in side.figures.curve:
            level += point.pnl
            values.append((point.at, level))
        begin = values[0][0] - timedelta(days=1) if values else now - SPAN
        curves.append((begin, values))
    everything = [ZERO, *(level for _, values in curves for _, level in values)]
    longest = max([timedelta(hours=1), *(values[-1][0] - begin for begin, values in curves if values)])
    drawn = [
        plots.line(values, begin=begin, end=begin + longest, low=min(everything), high=max(everything))
        for begin, values in curves
    ]
    deepest = [min(falls([level for _, level in values]), default=ZERO) for _, values in curves]
    return {"both": drawn, "days": longest.days, "deepest": deepest}
