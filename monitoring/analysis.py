"""The analysis page: what the closed trades of a period came to, and their curve, each plot with its table.

It only looks. The number of queries is the same for ten trades and for a million. The cuts, which take longer
than all this, are a page of their own (`cuts`), which this one takes in when it is on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import live, plots
from monitoring.gate import viewers_only
from trading.domain.slices import falls, mean_return
from trading.domain.values import ZERO
from trading.selectors import account, analysis
from trading.selectors.analysis import Figures, Point, Recent, Scope

DEFAULT_PERIOD = "30"
PERIODS = {"1": "Today", "7": "7 days", "30": "30 days", "90": "90 days", "365": "A year", "all": "All time"}
DEFAULT_ASSET = "USDT"
# A longer curve has a row a week in its table.
MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the curve's table: trades and PnL since the row before, the sum so far, and its fall."""

    at: datetime
    trades: int
    pnl: Decimal
    total: Decimal
    fall: Decimal


@require_safe
@never_cache
@viewers_only
def page(request: HttpRequest) -> HttpResponse:
    """Show the trades of a period (`period`, or `since` and `until`), of one worker or of all."""
    now = live.utc_now()
    recent = analysis.read_recent()
    assets = assets_of(recent)
    scope = read_scope(request, assets, now=now)
    traders = traders_of(scope)
    figures = analysis.read_totals(scope, recent)
    context = {
        "scope": scope,
        "period": request.GET.get("period", "" if scope_is_dated(request) else DEFAULT_PERIOD),
        "periods": PERIODS,
        "assets": assets,
        "traders": traders,
        "total": figures.total,
        "estimate": mean_return(figures.total),
        "curve": curve_of(figures.curve, scope, now=now),
        "equity": _equity(figures, scope, now=now),
    }
    return render(request, "monitoring/analysis.html", context)


# ---- what is asked for


def assets_of(recent: Recent) -> list[str]:
    """Give the quote assets that trades were closed in, the most used first."""
    known = analysis.list_quote_assets()
    newer = sorted({each.quote_asset for each in recent.trades} - set(known))
    return [*known, *newer] or [DEFAULT_ASSET]


def scope_is_dated(request: HttpRequest) -> bool:
    """Tell whether days are given instead of a period."""
    return bool(request.GET.get("since") or request.GET.get("until"))


def read_scope(request: HttpRequest, assets: Sequence[str], *, now: datetime, prefix: str = "") -> Scope:
    """Read which trades are asked for. Raises Http404 with the field and what is allowed."""
    since, until = read_day(request, f"{prefix}since"), read_day(request, f"{prefix}until")
    if since is None and until is None:
        since = _begin(request.GET.get(f"{prefix}period", DEFAULT_PERIOD), now=now)
    if since and until and since > until:
        raise Http404(f"{prefix}since must not be after {prefix}until")
    return Scope(
        quote_asset=read_asset(request, assets),
        since=since,
        until=until,
        worker_id=read_number(request, f"{prefix}worker"),
        version_id=read_number(request, f"{prefix}version"),
    )


def traders_of(scope: Scope) -> Sequence[Any]:
    """Give all workers. Raises Http404 where the one that is asked for is not among them."""
    traders = analysis.list_traders()
    if scope.worker_id is not None and scope.worker_id not in {each.pk for each in traders}:
        raise Http404(f"worker {scope.worker_id} does not exist")
    return traders


def _begin(period: str, *, now: datetime) -> date | None:
    if period not in PERIODS:
        raise Http404(f"period must be one of {', '.join(PERIODS)}")
    return None if period == "all" else now.astimezone(UTC).date() - timedelta(days=int(period) - 1)


def read_asset(request: HttpRequest, assets: Sequence[str]) -> str:
    """Read a quote asset. Raises Http404."""
    asset = request.GET.get("asset", assets[0])
    if asset not in assets:
        raise Http404(f"asset must be one of {', '.join(assets)}")
    return asset


def read_day(request: HttpRequest, name: str) -> date | None:
    """Read a day. Raises Http404."""
    text = request.GET.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Http404(f"{name} must be a day such as 2024-03-01") from None


def read_number(request: HttpRequest, name: str) -> int | None:
    """Read an id. Raises Http404."""
    text = request.GET.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404(f"{name} must be a whole number")
    return int(text) if text else None


# ---- the curve


def curve_of(points: Sequence[Point], scope: Scope, *, now: datetime) -> Mapping[str, Any]:
    """Give the curve, the fall below its highest point, and the table behind both."""
    levels, total = [], ZERO
    for point in points:
        total += point.pnl
        levels.append(total)
    depths = falls(levels)
    begin, end = _edges(points, scope, now=now)
    moments = [point.at for point in points]
    steps = _steps(points, levels, depths)
    return {
        "line": plots.line(list(zip(moments, levels, strict=True)), begin=begin, end=end),
        "fall": plots.line(list(zip(moments, depths, strict=True)), begin=begin, end=end),
        "deepest": min(depths, default=ZERO),
        "steps": steps,
    }


def _edges(points: Sequence[Point], scope: Scope, *, now: datetime) -> tuple[datetime, datetime]:
    end = now if scope.until is None else _midnight(scope.until + timedelta(days=1))
    first = points[0].at if points else now
    if scope.since is None:
        return min(first, end - timedelta(hours=1)), min(end, now)
    # A period in which trading began starts a little before, or the curve is a corner of its picture.
    end = min(end, now)
    return max(_midnight(scope.since), first - max((end - first) / 20, timedelta(minutes=1))), end


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _steps(points: Sequence[Point], levels: Sequence[Decimal], depths: Sequence[Decimal]) -> list[Step]:
    """Put the points of a day together, or of seven days where there are many; newest first."""
    days = (points[-1].at - points[0].at).days if points else 0
    length = timedelta(days=7 if days > MOST_DAYS else 1)
    found: dict[datetime, Step] = {}
    for point, level, depth in zip(points, levels, depths, strict=True):
        # A day that is summed up has the first moment of the next one: it belongs to the day before.
        begin = _midnight((point.at - timedelta(microseconds=1)).astimezone(UTC).date())
        if length.days > 1:
            begin -= timedelta(days=begin.weekday())
        known = found.get(begin, Step(begin, 0, ZERO, ZERO, ZERO))
        found[begin] = Step(
            begin, known.trades + point.trades, known.pnl + point.pnl, level, min(known.fall, depth)
        )
    return sorted(found.values(), key=lambda each: each.at, reverse=True)


def _equity(figures: Figures, scope: Scope, *, now: datetime) -> Mapping[str, Any] | None:
    """Give what the account is worth now, and its deepest fall as a share of what it was worth before.

    Walked back by the PnL of all trades in the asset: money that was put in or taken out is not seen. None
    where a price is not known, or where only a part of the trades is looked at.
    """
    if scope.worker_id is not None or scope.until is not None:
        return None
    held = next((each for each in account.list_holdings() if each["quote_asset"] == scope.quote_asset), None)
    reading = live.read(now=now)
    if held is None or reading is None or held["unpriced"]:
        return None
    worth = Decimal(held["cash"])
    for _, symbol, qty in held["priced"]:
        quote = reading.quotes.get(symbol)
        if quote is None:
            return None
        worth += Decimal(qty) * (Decimal(quote["bid"]) + Decimal(quote["ask"])) / 2
    level = peak = worth - figures.total.pnl
    deepest = ZERO
    for point in figures.curve:
        level += point.pnl
        peak = max(peak, level)
        deepest = max(deepest, (peak - level) / peak if peak > 0 else ZERO)
    return {"now": worth, "fall": float(deepest)}
