"""The steps by which parameters change on what lies behind: propose, shadow, replace, return.

Called by intelligence.evaluation and intelligence.tuning. At each review

    propose   a neighbour of the champion, one bounded step away, whose daily gain over it on LOOKBACK_DAYS
              behind (less an embargo as long as a trade may last) is too steady for the best of all tries so
              far to be luck (deflated Sharpe ratio)
    shadow    the challenger is played beside the champion on what came since; it takes over once a sequential
              test says both that it gains more and that it gains anything at all after costs
    return    what took over is played against what it replaced, and goes when that one is better

No evidence, no change. On candles that lie behind, the shadow is the back-tester, which trades as live does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from intelligence.backtest import BPS, Market, Plan, join, run
from intelligence.candle_files import between
from intelligence.sequential import GAP_ROOM, evidence, needed_evidence
from intelligence.sweep import sweep
from trading.domain.exits import DATA_END
from trading.domain.performance import deflated_sharpe
from trading.domain.signals import FloatArray, IntArray, ParameterValues, StrategySpec

DAY_S = 86_400
REVIEW_DAYS = 14
LOOKBACK_DAYS = 60
LEAST_TRADES = 30  # of a neighbour, on the days behind
CONFIDENCE = 0.8  # of a proposal; what it is worth is then shown on days that nobody has seen
STEP = 1.25  # a review moves one limit by this factor at most
REACH = 2.0  # and never further from the default than this factor
RETURN_ALPHA = 0.1  # going back needs less
SHADOW_DAYS = 180  # then a challenger that proved nothing is dropped
NEEDED_DAYS = LOOKBACK_DAYS + SHADOW_DAYS  # of candles that a review looks at


class Step(StrEnum):
    """What a review did."""

    PROPOSED = "PROPOSED"
    PROMOTED = "PROMOTED"
    DROPPED = "DROPPED"
    RETURNED = "RETURNED"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sequential test has seen: evidence for more than the champion, and for any gain at all."""

    days: int
    trades: int
    better: float
    gaining: float

    def is_enough(self, challenger: int) -> bool:
        """Tell whether the n-th challenger may take over: later ones need more, so that all share ALPHA."""
        return min(self.better, self.gaining) >= needed_evidence(challenger)


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter that is to move, or moved: when, on which evidence."""

    at: datetime
    parameter: str
    before: float
    after: float
    tried: int
    confidence: float
    step: Step = Step.PROPOSED
    proof: Proof | None = None


@dataclass(slots=True)
class _Contest:
    """Two parameter sets played side by side from a moment on."""

    change: Change
    other: Mapping[str, float]
    begin_s: int


class Walker:
    """Champion, challenger and what was replaced; asked review after review."""

    def __init__(self, plan: Plan, market: Market) -> None:
        self._market = market
        self._plan = plan
        self._tried = self._challengers = 0
        self._shadow: _Contest | None = None
        self._replaced: _Contest | None = None
        self.champion: dict[str, float] = dict(plan.parameters)
        self.steps: list[Change] = []

    def review(self, now_s: int) -> None:
        """Look at what lies before a moment and take the steps that it speaks for."""
        if self._replaced is not None:
            self._watch_replaced(self._replaced, now_s)
        if self._shadow is not None:
            self._watch_shadow(self._shadow, now_s)
        if self._shadow is None:
            self._propose(now_s)

    def _propose(self, now_s: int) -> None:
        plan = replace(self._plan, parameters=self.champion)
        self._tried += len(list(neighbours(plan.spec, self.champion)))
        change = propose(plan, self._market, now_s, tried_so_far=self._tried)
        if change is not None:
            self._shadow = _Contest(change, {**self.champion, change.parameter: change.after}, now_s)
            self._challengers += 1
            self.steps.append(change)

    def _watch_shadow(self, contest: _Contest, now_s: int) -> None:
        proof = prove(self._plan, self._market, contest.other, self.champion, contest.begin_s, now_s)
        if proof.is_enough(self._challengers):
            former, self.champion = self.champion, dict(contest.other)
            self._replaced, self._shadow = _Contest(contest.change, former, now_s), None
            self._note(contest.change, Step.PROMOTED, now_s, proof)
        elif now_s - contest.begin_s >= SHADOW_DAYS * DAY_S:
            self._shadow = None
            self._note(contest.change, Step.DROPPED, now_s, proof)

    def _watch_replaced(self, contest: _Contest, now_s: int) -> None:
        proof = prove(self._plan, self._market, contest.other, self.champion, contest.begin_s, now_s)
        if proof.better < 1.0 / RETURN_ALPHA:
            return
        self.champion, self._replaced, self._shadow = dict(contest.other), None, None
        change = contest.change
        back = replace(change, before=change.after, after=change.before)
        self._note(back, Step.RETURNED, now_s, proof)

    def _note(self, change: Change, step: Step, now_s: int, proof: Proof) -> None:
        at = datetime.fromtimestamp(now_s, tz=UTC)
        self.steps.append(replace(change, at=at, step=step, proof=proof))


def prove(
    plan: Plan,
    market: Market,
    challenger: ParameterValues,
    champion: ParameterValues,
    begin_s: int,
    end_s: int,
) -> Proof:
    """Play both from a moment to another and give what their trades prove; trades still open do not count."""
    warm_s = begin_s - market.interval_s * max(plan.spec.warmup(each) for each in (challenger, champion))
    part = window(market, warm_s, end_s)
    days = max((end_s - begin_s) // DAY_S, 1)
    if part is None:
        return Proof(days, 0, 1.0, 1.0)
    gains, trades = [], 0
    for parameters in (challenger, champion):
        trips = run(replace(plan, parameters=parameters), part).trips
        trips = trips[
            (trips["entry_s"] >= begin_s) & (trips["exit_s"] <= end_s) & (trips["code"] != DATA_END)
        ]
        by_day = np.zeros(days + 1)
        np.add.at(by_day, (trips["exit_s"] - begin_s) // DAY_S, trips["pnl"])
        gains.append(by_day)
        trades = len(trips) if parameters is challenger else trades
    bound = largest_loss(plan)
    better, gaining = gains[0] - gains[1], gains[0]
    return Proof(days, trades, evidence(better, bound=bound), evidence(gaining, bound=bound))


def largest_loss(plan: Plan) -> float:
    """Give what a trade may lose before it is cut off in a test, in the quote asset."""
    costs = 2 * (plan.costs.fee_bps + plan.costs.slippage_bps) + plan.costs.spread_bps
    return plan.wallet.trade_notional * (GAP_ROOM * plan.terms.stop_loss_bps + costs) / BPS


def neighbours(spec: StrategySpec, champion: ParameterValues) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Give the parameter sets one bounded step away: each limit of a condition up and down, alone."""
    limits = {each.limit for each in spec.conditions}
    for parameter in spec.parameters:
        default = parameter.default
        if parameter.name not in limits or default <= 0.0:
            continue
        low, high = max(parameter.minimum, default / REACH), min(parameter.maximum, default * REACH)
        for factor in (1.0 / STEP, STEP):
            value = min(max(champion[parameter.name] * factor, low), high)
            if value != champion[parameter.name]:
                yield parameter.name, {**champion, parameter.name: value}


def propose(plan: Plan, market: Market, now_s: int, *, tried_so_far: int) -> Change | None:
    """Give the change that the days behind `now_s` speak for, if any; none before there are enough days."""
    embargo_s = int(plan.terms.max_hold_s) + market.interval_s
    begin_s = now_s - LOOKBACK_DAYS * DAY_S
    past = window(market, begin_s, now_s)
    if past is None or len(np.unique(past.arrays.open_s // DAY_S)) < LOOKBACK_DAYS:
        return None
    tried = list(neighbours(plan.spec, plan.parameters))
    points = [plan.parameters, *(each for _, each in tried)]
    gains = np.zeros((len(points), LOOKBACK_DAYS))
    counts = np.zeros(len(points), dtype=np.int64)
    for index, outcome in sweep(plan, past, points):
        trips = outcome.trips[outcome.trips["entry_s"] < now_s - embargo_s]
        counts[index] = len(trips)
        days = np.minimum((trips["exit_s"] - begin_s) // DAY_S, LOOKBACK_DAYS - 1)
        np.add.at(gains[index], days, trips["pnl"] / plan.wallet.balance)
    return best_change(plan, tried, gains, counts, now_s=now_s, tried_so_far=tried_so_far)


def best_change(
    plan: Plan,
    tried: Sequence[tuple[str, Mapping[str, float]]],
    gains: FloatArray,
    counts: IntArray,
    *,
    now_s: int,
    tried_so_far: int,
) -> Change | None:
    """Give the change to the steadiest neighbour, if it is steadier than luck.

    Args:
        tried: Neighbours of the plan's parameters.
        gains: Daily gain (point, day) of the plan's parameters, then of each neighbour.
        counts: Trades (point,).
        tried_so_far: Neighbours that were compared in this and all reviews before.
    """
    better = gains[1:] - gains[0]
    spread = better.std(axis=1)
    sharpes = np.divide(better.mean(axis=1), spread, out=np.zeros(len(tried)), where=spread > 0.0)
    sharpes[counts[1:] < LEAST_TRADES] = -np.inf
    if not len(tried) or not np.isfinite(sharpes.max()):
        return None
    best, usable = int(sharpes.argmax()), sharpes[np.isfinite(sharpes)]
    confidence = deflated_sharpe(
        better[best].tolist(), trials=tried_so_far, trial_sharpe_variance=float(usable.var())
    )
    if confidence is None or confidence < CONFIDENCE:
        return None
    name, parameters = tried[best]
    before, after = plan.parameters[name], parameters[name]
    at = datetime.fromtimestamp(now_s, tz=UTC)
    return Change(at, name, before, after, tried=tried_so_far, confidence=confidence)


def window(market: Market, begin_s: int, end_s: int) -> Market | None:
    """Give the candles of a stretch; None where no symbol has any."""
    since, until = (datetime.fromtimestamp(moment, tz=UTC) for moment in (begin_s, end_s))
    parts = [between(each, since=since, until=until) for each in market.histories]
    filled = [part for part in parts if len(part.candles)]
    return join(filled) if filled else None
