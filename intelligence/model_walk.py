"""The model of a walk over history: trained, judged, asked and left as a worker's reviews do it live.

Called by intelligence.evaluation; live the same steps are taken by intelligence.model_versions and
intelligence.model_watch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from intelligence.backtest import Market, Plan
from intelligence.meta_model import Judgement
from intelligence.model_training import (
    RECENT_DAYS,
    TRAIN_DAYS,
    Trained,
    look_for_drift,
    signals_of,
    train,
    warm_rows,
)
from intelligence.walk_forward import DAY_S, NEEDED_DAYS, window
from trading.domain.signal_model import SignalModel


@dataclass(frozen=True, slots=True)
class ModelStep:
    """What became of the model at a review: `judgement` where one was trained; whether one is asked since."""

    at: datetime
    note: str
    is_asked: bool
    judgement: Judgement | None = None


class ModelWalker:
    """Keeps the newest proven model, and says at each review whether it is asked."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._trainings = 0
        self._trained_s = 0
        self._signals = ""
        self._proven: Trained | None = None
        self._was_asked = False
        self.steps: list[ModelStep] = []

    def review(self, plan: Plan, now_s: int) -> SignalModel | None:
        """Give the model that is asked from now on, for a plan without one."""
        signals = signals_of(plan, self._market.histories[0].interval)
        if signals != self._signals:  # other parameters: what was learned is of other signals
            self._signals, self._proven, self._trained_s = signals, None, 0
        judgement = self._train(plan, now_s) if now_s - self._trained_s >= TRAIN_DAYS * DAY_S else None
        drifted = self._proven is not None and self._has_drifted(plan, self._proven, now_s)
        asked = None if self._proven is None or drifted else self._proven.model
        if judgement is not None or (asked is not None) != self._was_asked:
            self._was_asked = asked is not None
            note = _tell(drifted=drifted, is_trained=judgement is not None, is_asked=self._was_asked)
            self.steps.append(
                ModelStep(datetime.fromtimestamp(now_s, tz=UTC), note, self._was_asked, judgement)
            )
        return asked

    def _train(self, plan: Plan, now_s: int) -> Judgement | None:
        past = window(self._market, now_s - NEEDED_DAYS * DAY_S, now_s)
        trained = train(plan, past, number=self._trainings + 1) if past is not None else 0
        if isinstance(trained, int):
            return None
        self._trainings += 1
        self._trained_s = now_s
        if trained.judgement.is_proven:
            self._proven = trained
        return trained.judgement

    def _has_drifted(self, plan: Plan, proven: Trained, now_s: int) -> bool:
        since_s = max(now_s - RECENT_DAYS * DAY_S, int(proven.reference["until_s"]) + 1)
        recent = window(self._market, since_s - self._market.interval_s * warm_rows(plan), now_s)
        return recent is not None and bool(
            look_for_drift(plan, recent, proven.reference, since_s=since_s).drifted
        )


def _tell(*, drifted: bool, is_trained: bool, is_asked: bool) -> str:
    if drifted:
        return "has drifted"
    if is_trained:
        return "trained"
    return "stands again" if is_asked else "learned from other parameters"
