"""Rounds of the watch put together into samples, and samples into coarser ones. It asks no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitoring.models import HealthSample

SPAN_S = 10
# A round that comes later than this after the last one was not a watched stretch.
LONGEST_ROUND_S = 5.0


@dataclass(frozen=True, slots=True)
class Round:
    """One look at everything: the score, lost points by code, figures by name (None = not known)."""

    at: datetime
    score: int
    is_up: bool
    losses: Mapping[str, int]
    figures: Mapping[str, float | None]


@dataclass(slots=True)
class Sampler:
    """Collects rounds and gives a sample whenever a span of SPAN_S has ended."""

    _begin: datetime | None = None
    _last_at: datetime | None = None
    _rounds: list[tuple[Round, float]] = field(default_factory=list)

    def add(self, found: Round) -> HealthSample | None:
        """Take a round; give the sample of the span before, if this round begins another."""
        begin = span_begin(found.at, SPAN_S)
        done = self._make() if self._begin is not None and begin != self._begin else None
        if begin != self._begin:
            self._begin, self._rounds = begin, []
        passed_s = (found.at - self._last_at).total_seconds() if self._last_at else 0.0
        self._rounds.append((found, passed_s if 0 <= passed_s <= LONGEST_ROUND_S else 0.0))
        self._last_at = found.at
        return done

    def _make(self) -> HealthSample | None:
        if self._begin is None or not self._rounds:
            return None
        rounds = [found for found, _ in self._rounds]
        scores = [found.score for found in rounds]
        return HealthSample(
            at=self._begin,
            span_s=SPAN_S,
            rounds=len(rounds),
            seen_s=round(sum(passed_s for _, passed_s in self._rounds), 3),
            up_s=round(sum(passed_s for found, passed_s in self._rounds if found.is_up), 3),
            score_min=min(scores),
            score_mean=sum(scores) / len(scores),
            figures=_figures(rounds),
            losses=_most(found.losses for found in rounds),
        )


def span_begin(at: datetime, span_s: int) -> datetime:
    """Give the begin of the span in which a moment lies, aligned to the clock."""
    return at - timedelta(seconds=at.timestamp() % span_s)


def _figures(rounds: Iterable[Round]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for found in rounds:
        for name, value in found.figures.items():
            if value is not None:
                values.setdefault(name, []).append(float(value))
    return {
        name: [round(figure, 6) for figure in (min(each), sum(each) / len(each), max(each))]
        for name, each in values.items()
    }


def _most(losses: Iterable[Mapping[str, int]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for each in losses:
        for code, points in each.items():
            most[code] = max(points, most.get(code, 0))
    return most


def merge(samples: list[HealthSample], *, at: datetime, span_s: int) -> HealthSample:
    """Put samples of one span together; figures are weighed by the rounds behind them."""
    rounds = sum(each.rounds for each in samples)
    names = {name for each in samples for name in each.figures}
    figures = {}
    for name in names:
        rows = [(each.figures[name], each.rounds) for each in samples if name in each.figures]
        weight = sum(number for _, number in rows)
        mean = sum(figure[1] * number for figure, number in rows) / weight
        figures[name] = [min(row[0] for row, _ in rows), round(mean, 6), max(row[2] for row, _ in rows)]
    return HealthSample(
        at=at,
        span_s=span_s,
        rounds=rounds,
        seen_s=round(sum(each.seen_s for each in samples), 3),
        up_s=round(sum(each.up_s for each in samples), 3),
        score_min=min(each.score_min for each in samples),
        score_mean=sum(each.score_mean * each.rounds for each in samples) / rounds,
        figures=figures,
        losses=_most(each.losses for each in samples),
    )
