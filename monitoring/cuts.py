"""The cuts of the analysis page: closed trades by worker, version, symbol, hour, time held, return and exit.

That page takes them in from here once it is on the screen; without scripts they are a page. It only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import live, plots
from monitoring.analysis import assets_of, read_scope, traders_of
from monitoring.gate import viewers_only
from trading.domain.slices import HOLD_BOUNDS_S, RETURN_STEP_BPS, RETURN_STEPS, Cut, Tally
from trading.domain.words import EXIT_WORDS
from trading.selectors import analysis
from trading.selectors.analysis import Figures, Scope

BARS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One slice: its name, what it comes to, its bar, and where to read more."""

    name: str
    tally: Tally
    bar: plots.Bar
    href: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One cut. `is_columns`: side by side in a natural order, else one below the other by PnL."""

    id: str
    title: str
    first: str
    rows: Sequence[Row]
    note: str = ""
    is_columns: bool = False
    counts: bool = False

    @property
    def shown(self) -> Sequence[Row]:
        """The rows that are drawn: the largest gains and losses."""
        if self.is_columns or len(self.rows) <= BARS_SHOWN:
            return self.rows
        return [*self.rows[: BARS_SHOWN // 2], *self.rows[-BARS_SHOWN // 2 :]]


@require_safe
@never_cache
@viewers_only
def page(request: HttpRequest) -> HttpResponse:
    """Show the trades that the analysis page with the same question is about, in every cut."""
    recent = analysis.read_recent()
    scope = read_scope(request, assets_of(recent), now=live.utc_now())
    names = {each.pk: each.name for each in traders_of(scope)}
    figures = analysis.read_cuts(scope, recent)
    context = {"cards": _cards(figures, scope, names, link=_linker(request))}
    return render(request, "monitoring/cuts.html", context)


def _linker(request: HttpRequest) -> Callable[[int], str]:
    """Give what links to the page that shows them about one worker."""

    def link(worker_id: int) -> str:
        query = request.GET.copy()
        query["worker"] = str(worker_id)
        return f"?{query.urlencode()}"

    return link


def _cards(
    figures: Figures, scope: Scope, names: Mapping[int, str], *, link: Callable[[int], str]
) -> list[Card]:
    """Give every cut that has something to say."""
    versions = analysis.name_versions(_of_worker(figures, scope))
    by_version = {
        f"{each.worker.name}, version {each.number} ({each.strategy})": figures.versions[each.pk]
        for each in versions.values()
    }
    hrefs = {names.get(pk, f"worker {pk}"): link(pk) for pk in figures.workers}
    workers = {names.get(pk, f"worker {pk}"): tally for pk, tally in figures.workers.items()}
    cards = [
        _ranked("workers", "PnL by worker", "Worker", workers, hrefs=hrefs),
        _ranked("versions", "PnL by strategy version", "Version", by_version),
        _ranked("symbols", "PnL by symbol", "Symbol", _sliced(figures, Cut.SYMBOL)),
        _columns("hours", "PnL by hour of the entry (UTC)", "Hour (UTC)", _hours(figures)),
        _columns("holding", "PnL by holding time", "Held for", _holds(figures)),
        _columns("returns", "How returns are spread", "Return after fees", _returns(figures), counts=True),
        _ranked("exits", "PnL by exit", "Exit", _exits(figures)),
    ]
    return [card for card in cards if card.rows]


def _of_worker(figures: Figures, scope: Scope) -> list[int]:
    if scope.worker_id is None:
        return list(figures.versions)
    return [int(key) for (by, key) in figures.slices if by is Cut.VERSION]


def _sliced(figures: Figures, by: Cut, name: Callable[[str], str] = str) -> dict[str, Tally]:
    return {name(key): tally for (kind, key), tally in figures.slices.items() if kind is by}


def _exits(figures: Figures) -> dict[str, Tally]:
    return _sliced(figures, Cut.EXIT, lambda key: EXIT_WORDS.get(key, key).rstrip("."))


def _hours(figures: Figures) -> dict[str, Tally]:
    found = _sliced(figures, Cut.HOUR)
    return {f"{hour:02d}:00": found.get(str(hour), Tally()) for hour in range(24)} if found else {}


def _holds(figures: Figures) -> dict[str, Tally]:
    found = _sliced(figures, Cut.HOLD)
    bounds = [_duration(each) for each in HOLD_BOUNDS_S]
    names = [
        f"under {bounds[0]}",
        *(f"{low} to {high}" for low, high in pairwise(bounds)),
    ]
    names.append(f"over {bounds[-1]}")
    return {name: found.get(str(place), Tally()) for place, name in enumerate(names)} if found else {}


def _duration(seconds: int) -> str:
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _returns(figures: Figures) -> dict[str, Tally]:
    found = _sliced(figures, Cut.RETURN)
    edge = RETURN_STEP_BPS * RETURN_STEPS
    names = {-RETURN_STEPS - 1: f"under −{edge} bps", RETURN_STEPS: f"{edge} bps and more"}
    for step in range(-RETURN_STEPS, RETURN_STEPS):
        low = step * RETURN_STEP_BPS
        names[step] = f"{low} to {low + RETURN_STEP_BPS} bps".replace("-", "−")
    return {names[step]: found.get(str(step), Tally()) for step in sorted(names)} if found else {}


def _ranked(
    id_: str, title: str, first: str, tallies: Mapping[str, Tally], *, hrefs: Mapping[str, str] | None = None
) -> Card:
    ordered = sorted(tallies.items(), key=lambda item: -item[1].pnl)
    drawn = plots.bars([tally.pnl for _, tally in ordered])
    rows = [
        Row(name, tally, bar, (hrefs or {}).get(name, ""))
        for (name, tally), bar in zip(ordered, drawn, strict=True)
    ]
    return Card(id_, title, first, rows)


def _columns(id_: str, title: str, first: str, tallies: Mapping[str, Tally], *, counts: bool = False) -> Card:
    drawn = plots.bars([tally.trades if counts else tally.pnl for tally in tallies.values()])
    rows = [Row(name, tally, bar) for (name, tally), bar in zip(tallies.items(), drawn, strict=True)]
    return Card(id_, title, first, rows, is_columns=True, counts=counts)
