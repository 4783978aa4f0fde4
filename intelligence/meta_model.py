"""Meta-labelling: how likely a strategy's signal pays after costs, and whether asking that question pays.

Called by `manage.py train`, in a process of its own. A logistic model, because the examples are few: it is
calibrated as it stands, and says why. It is judged on predictions for signals that it had not seen: the past
is cut into stretches, and what is trained on was over an embargo before the judged stretch begins. It is
proven where the signals that it lets through made more than all signals, and made anything at all, by the
same sequential test that a tuned parameter must pass; all trainings share its error, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from intelligence.backtest import Plan
from intelligence.meta_labels import Examples
from intelligence.sequential import GAP_ROOM, evidence, needed_evidence
from trading.domain.signal_model import SignalModel
from trading.domain.signals import BoolArray, FloatArray, IntArray

FOLDS = 12
LEAST_EXAMPLES = 150  # a training costs later ones evidence: not before it can show something
PENALTY = 0.1  # small weights: a feature must earn its say


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of predictions for unseen signals; bps are means of a trade after costs."""

    examples: int
    judged: int
    taken: int
    all_bps: float
    taken_bps: float
    brier: float
    base_brier: float
    better: float
    gaining: float
    needed: float

    @property
    def is_proven(self) -> bool:
        """Tell whether the model may be relied on."""
        return min(self.better, self.gaining) >= self.needed


def purged_folds(
    begin_s: IntArray, end_s: IntArray, *, embargo_s: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """Give training and judged rows, stretch after stretch: nothing is trained on that was not over before.

    Args:
        begin_s: When each example began (row,), ascending.
        end_s: When its outcome was known.
        embargo_s: Between the last known outcome and the first judged example.
    """
    for rows in np.array_split(np.arange(len(begin_s)), FOLDS)[1:]:
        known = np.flatnonzero(end_s <= begin_s[rows[0]] - embargo_s)
        if len(known) >= LEAST_EXAMPLES // 2 and len(rows):
            yield known, rows


def judge(
    examples: Examples, *, signals: str, embargo_s: int, bound_bps: float, number: int
) -> tuple[SignalModel, Judgement] | None:
    """Train on all, judged on what was unseen; None where there are too few examples or but one outcome.

    Args:
        signals: Names whose signals they are, see trading.domain.signal_model.name_signals.
        bound_bps: What a trade may lose at most, for the test.
        number: Of the training, from 1; later ones need more evidence.
    """
    if len(examples) < LEAST_EXAMPLES:
        return None
    chances = np.full(len(examples), np.nan)
    takes = np.zeros(len(examples), dtype=bool)
    for known, rows in purged_folds(examples.begin_s, examples.end_s, embargo_s=embargo_s):
        model = fit(examples, known, signals=signals)
        if model is None:
            continue
        chances[rows] = chances_of(model, examples, rows)
        takes[rows] = chances[rows] >= model.threshold
    judged = ~np.isnan(chances)
    final = fit(examples, np.arange(len(examples)), signals=signals)
    if final is None or not judged.any():
        return None
    judgement = _judgement(
        examples, chances, takes, judged, bound_bps=bound_bps, needed=needed_evidence(number)
    )
    return final, judgement


def chances_of(model: SignalModel, examples: Examples, rows: IntArray) -> FloatArray:
    """Give the chances (row,) that a model sees for some of the examples."""
    return model.chance(dict(zip(examples.names, examples.features[rows].T, strict=True)))


def fit(examples: Examples, rows: IntArray, *, signals: str) -> SignalModel | None:
    """Fit on some rows; None where all of them ended alike."""
    paid, features = examples.paid[rows], examples.features[rows]
    if paid.all() or not paid.any():
        return None
    pipeline: Pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=500))
    pipeline.fit(features, paid)
    scaler, logistic = pipeline[0], pipeline[1]
    return SignalModel(
        names=examples.names,
        means=tuple(scaler.mean_.tolist()),
        scales=tuple(scaler.scale_.tolist()),
        weights=tuple(logistic.coef_[0].tolist()),
        intercept=float(logistic.intercept_[0]),
        threshold=break_even(examples.bps[rows]),
        digest=examples.digest,
        signals=signals,
    )


def break_even(bps: FloatArray) -> float:
    """Give the chance of paying at which a trade is worth nothing: mean loss / (mean gain + mean loss)."""
    gain, loss = float(bps[bps > 0.0].mean()), float(-bps[bps <= 0.0].mean())
    return loss / (gain + loss) if gain + loss > 0.0 else 1.0


def _judgement(
    examples: Examples,
    chances: FloatArray,
    takes: BoolArray,
    judged: BoolArray,
    *,
    bound_bps: float,
    needed: float,
) -> Judgement:
    bps, paid, taken = examples.bps[judged], examples.paid[judged], takes[judged]
    # What the model leaves out it does not earn and does not lose: that is its gain over taking all.
    left_out = np.where(taken, 0.0, -bps)
    return Judgement(
        examples=len(examples),
        judged=int(judged.sum()),
        taken=int(taken.sum()),
        all_bps=float(bps.mean()),
        taken_bps=float(bps[taken].mean()) if taken.any() else 0.0,
        brier=float(np.mean((chances[judged] - paid) ** 2)),
        base_brier=float(np.mean((paid.mean() - paid) ** 2)),
        better=evidence(left_out, bound=bound_bps),
        gaining=evidence(np.where(taken, bps, 0.0), bound=bound_bps),
        needed=needed,
    )


def largest_move_bps(plan: Plan) -> float:
    """Give what a trade of a plan moves at most before the test cuts it off, in bps."""
    costs = 2 * (plan.costs.fee_bps + plan.costs.slippage_bps) + plan.costs.spread_bps
    return GAP_ROOM * max(plan.terms.stop_loss_bps, plan.terms.take_profit_bps) + costs
