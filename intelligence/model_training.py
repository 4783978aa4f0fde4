"""Trains a model of a plan's signals, and holds what it learned from against the signals since.

Called by `manage.py train`, the review of a worker, the watch for drift and the walk of `evaluate`, so that a
walk over history takes the steps that live takes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intelligence.backtest import Market, Plan, find_signals
from intelligence.drift import Drift, compare, reference_of
from intelligence.meta_labels import collect, features_at
from intelligence.meta_model import Judgement, chances_of, judge, largest_move_bps
from trading.domain.signal_model import SignalModel, name_signals, with_features
from trading.domain.signals import BoolArray, FloatArray

TRAIN_DAYS = 90  # a model is trained anew after so long
RECENT_DAYS = 90  # of signals that are held against those it learned from


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with what it was worth on unseen signals, and how its examples were distributed.

    `chances` are what it says of its own examples, `paid` is whether each made money.
    """

    model: SignalModel
    judgement: Judgement
    reference: Mapping[str, Any]
    chances: FloatArray
    paid: BoolArray


def signals_of(plan: Plan, interval: str) -> str:
    """Name the plan's signals and exits, as trading.domain.workers names a worker's."""
    return name_signals(plan.spec.name, interval, plan.parameters, plan.terms)


def warm_rows(plan: Plan) -> int:
    """Give how many candles before a moment are needed to know the features of a signal at it."""
    return with_features(plan.spec).warmup(plan.parameters) + 1


def train(plan: Plan, market: Market, *, number: int) -> Trained | int:
    """Train on every signal of a plan; how many there were, where they are too few or all ended alike.

    Args:
        number: Of the training, from 1; see meta_model.judge.
    """
    plain = replace(plan, model=None)
    examples = collect(plain, market)
    judged = judge(
        examples,
        signals=signals_of(plain, market.histories[0].interval),
        embargo_s=int(plain.terms.max_hold_s) + market.interval_s,
        bound_bps=largest_move_bps(plain),
        number=number,
    )
    if judged is None:
        return len(examples)
    model, judgement = judged
    return Trained(
        model,
        judgement,
        reference_of(examples.names, examples.features, examples.begin_s),
        chances_of(model, examples, np.arange(len(examples))),
        examples.paid,
    )


def look_for_drift(plan: Plan, market: Market, reference: Mapping[str, Any], *, since_s: float) -> Drift:
    """Hold the signals since a moment against those that a model learned from."""
    plain = replace(plan, model=None)
    numbers, rows = find_signals(plain, market)
    begin_s = market.arrays.open_s[rows] + market.interval_s
    names, table = features_at(plain, market, numbers, rows)
    known = ~np.isnan(table).any(axis=1) & (begin_s >= since_s)
    return compare(reference, names, table[known], begin_s[known])
