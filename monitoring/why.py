"""The page that answers "why did it (not) trade?": decisions, the funnel, a trade's story.

Everything is read when the page is asked for. It only looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import live
from monitoring.gate import viewers_only
from trading.domain.explanations import Check, explain
from trading.domain.risk_score import tell_risk
from trading.domain.words import EXIT_WORDS, STAGE_WORDS, Stage, decision_words, stage_of
from trading.selectors import overview, stories, workers
from trading.selectors.live import WhyNot

SYMBOLS_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Told:
    """One decision as a person reads it."""

    symbol: str
    at: datetime | None
    code: str
    words: str
    detail: str
    stage: str
    trade_id: int | None
    checks: tuple[Check, ...]

    @property
    def is_entry(self) -> bool:
        """Tell whether it opened a trade."""
        return self.trade_id is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the funnel: how many decisions ended there, why, and how many went on."""

    name: str
    stopped: int
    passed: int
    codes: tuple[tuple[str, int], ...]


@require_safe
@never_cache
@viewers_only
def page(request: HttpRequest) -> HttpResponse:
    """Explain a trade (`trade`), or the newest decisions of a worker (`worker`, else the first)."""
    trade_id, worker_id = _number(request, "trade"), _number(request, "worker")
    if trade_id is not None:
        return render(request, "monitoring/why_trade.html", _trade_context(trade_id))
    rows = workers.list_workers()
    chosen = next((row for row in rows if worker_id in (None, row.pk)), None)
    if worker_id is not None and chosen is None:
        raise Http404(f"worker {worker_id} does not exist")
    context: dict[str, Any] = {"workers": rows, "chosen": chosen}
    if chosen is not None:
        why = live.read_why_not([chosen.pk], shown=SYMBOLS_SHOWN).get(chosen.pk)
        context |= {
            "is_known": why is not None,
            "control": overview.get_trading_state(),
            "universe": stories.count_universe(chosen, now=live.utc_now()),
            "funnel": list(funnel(why["counts"])) if why else [],
            "decisions": tell(why, chosen.version) if why else [],
        }
    return render(request, "monitoring/why.html", context)


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404(f"{name} must be a whole number")
    return int(text) if text else None


def funnel(counts: Mapping[str, int]) -> Iterable[Step]:
    """Give the stages in their order: of all decisions, how many ended at each, most frequent code first."""
    left = sum(counts.values())
    for stage in Stage:
        here = {code: number for code, number in counts.items() if number and stage_of(code) is stage}
        stopped = sum(here.values()) if stage is not Stage.ORDER else 0
        left -= stopped
        codes = sorted(here.items(), key=lambda item: -item[1])
        words = tuple((decision_words(code), number) for code, number in codes)
        yield Step(STAGE_WORDS[stage], stopped, left, words)


def tell(why: WhyNot, version: Any) -> list[Told]:
    """Give the newest decision on each symbol, those that the strategy was asked for first."""
    newest: dict[str, Mapping[str, Any]] = {}
    for decision in why["decisions"]:
        newest.setdefault(decision["symbol"], decision)
    told = [_told(decision, version) for decision in newest.values()]
    return sorted(told, key=lambda each: not each.checks)  # what has conditions to show comes first


def _told(decision: Mapping[str, Any], version: Any) -> Told:
    code = str(decision["code"])
    detail = str(decision.get("detail") or "")
    values = decision.get("values") or {}
    return Told(
        symbol=str(decision["symbol"]),
        at=_moment(decision.get("arrived_ms")),
        code=code,
        words=decision_words(code),
        detail=detail.removeprefix(code).removeprefix(" (").removesuffix(")"),
        stage=STAGE_WORDS[stage_of(code)],
        trade_id=decision.get("trade_id"),
        checks=tuple(explain(workers.get_config(version), values)) if version and values else (),
    )


def _moment(ms: int | None) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, tz=UTC) if ms else None


def _trade_context(trade_id: int) -> dict[str, Any]:
    trade = stories.find_trade(trade_id)
    if trade is None:
        raise Http404(f"trade {trade_id} does not exist")
    why = live.read_why_not([trade.worker_id], shown=SYMBOLS_SHOWN).get(trade.worker_id)
    kept = why["decisions"] if why else []
    decision = next((each for each in kept if each.get("trade_id") == trade_id), None)
    values = decision["values"] if decision else {}
    arrived = trade.signal_arrived_at
    return {
        "trade": trade,
        "risk": tell_risk(trade.risk_score, trade.risk_points, trade.size_percent),
        "entry_words": decision_words(trade.decision_reason),
        "exit_words": EXIT_WORDS.get(trade.exit_reason, ""),
        "checks": list(explain(workers.get_config(trade.version), values)),
        "has_values": bool(values),
        "took_ms": round((trade.decided_at - arrived).total_seconds() * 1000, 1) if arrived else None,
        "orders": stories.list_orders_of(trade),
    }
