"""The whole learning loop walked over history as it would have run live: parameters, model, blacklist.

Called by `manage.py evaluate` and the benchmarks. At each review of intelligence.walk_forward parameters may
move, and a model may be trained (see model_walk); between two reviews signals are taken day by day, those of
barred symbols left out (see bar_walk). Nothing looks beyond the moment at which it decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from intelligence.backtest import Market, Outcome, Plan, find_signals, play
from intelligence.bar_walk import Bar, Barrier
from intelligence.model_walk import ModelStep, ModelWalker
from intelligence.walk_forward import DAY_S, REVIEW_DAYS, Change, Step, Walker
from trading.domain.signals import IntArray

BLACKLISTED = "BLACKLISTED"


@dataclass(frozen=True, slots=True)
class Walk:
    """What the walk traded, every step of a review, what became of models, and which symbols were barred."""

    outcome: Outcome
    steps: tuple[Change, ...]
    reviews: int
    models: tuple[ModelStep, ...]
    bars: tuple[Bar, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The steps that changed what was traded."""
        return tuple(each for each in self.steps if each.step in (Step.PROMOTED, Step.RETURNED))


class _Taken:
    """Signals that were taken so far, and what they made."""

    def __init__(self, plan: Plan, market: Market) -> None:
        self._plan, self._market = plan, market
        self._parts: list[tuple[IntArray, IntArray]] = []
        self._played: Outcome | None = None

    def add(self, symbols: IntArray, rows: IntArray) -> None:
        """Take signals that are later than all before."""
        if len(rows):
            self._parts.append((symbols, rows))
            self._played = None

    def play(self) -> Outcome:
        """Give the round trips of all that was taken; later signals change none of them."""
        if self._played is None:
            empty = np.empty(0, dtype=np.int64)
            symbols, rows = (
                np.concatenate([empty, *(part[place] for part in self._parts)]) for place in (0, 1)
            )
            self._played = play(self._plan, self._market, symbols, rows)
        return self._played


def walk(plan: Plan, market: Market) -> Walk:
    """Walk the plan's strategy forward over the market, from the plan's parameters on."""
    plan = replace(plan, model=None)
    walker, models, barrier = Walker(plan, market), ModelWalker(market), Barrier(market)
    taken, moments, left_out = _Taken(plan, market), list(_review_moments(market)), 0
    for begin_s, end_s in moments:
        walker.review(begin_s)
        champion = replace(plan, parameters=walker.champion)
        asked = replace(champion, model=models.review(champion, begin_s))
        symbols, rows = find_signals(asked, market)
        close_s = market.arrays.open_s[rows] + market.interval_s
        for day_s in range(begin_s, end_s, DAY_S):
            today = (close_s >= day_s) & (close_s < min(day_s + DAY_S, end_s))
            if not today.any():
                continue
            barrier.look(taken.play().trips, day_s)
            free = barrier.is_free(symbols[today], close_s[today])
            taken.add(symbols[today][free], rows[today][free])
            left_out += int(np.count_nonzero(~free))
    outcome = taken.play()
    outcome = replace(
        outcome, signals=outcome.signals + left_out, denied={**outcome.denied, BLACKLISTED: left_out}
    )
    return Walk(outcome, tuple(walker.steps), len(moments), tuple(models.steps), tuple(barrier.bars))


def _review_moments(market: Market) -> Iterator[tuple[int, int]]:
    """Give begin and end of each stretch between two reviews that has candles."""
    opens = market.arrays.open_s
    first, last = int(opens.min()), int(opens.max()) + market.interval_s
    length = REVIEW_DAYS * DAY_S
    for number in np.unique((opens - first) // length).tolist():
        yield first + number * length, min(first + (number + 1) * length, last + 1)
