"""Does a model still see what it learned from? Recent signals against its examples, feature by feature.

Called by intelligence.model_watch and `manage.py train`. Pure. A feature's distribution is cut into BINS
parts of equal size where the model was trained; the population stability index says how much they moved:

    sum over the bins of (recent share - trained share) x ln(recent share / trained share)

By a common rule of thumb 0.1 is a slight and 0.25 a large shift. That holds for many signals; of few, chance
moves as much. So a shift counts where it is large *and* beyond chance: where nothing moved, the index times
n m / (n + m) is chi-squared with BINS - 1 degrees of freedom. Signals come in bunches, so n and m are hours
with any.

Sources: B. Yurdakul, Statistical properties of population stability index (2018), Western Michigan
University; E. Wilson, M. Hilferty, The distribution of chi-square (1931), PNAS 17.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from trading.domain.signals import FloatArray, IntArray

BINS = 5
LARGE = 0.25
ALPHA = 0.01  # chance that any feature is said to have drifted although none has
LEAST_HOURS = 20  # with a signal; fewer say nothing
HOUR_S = 3_600
SPREAD = 0.5  # added to each count, so that an empty bin is not infinitely far away


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one feature moved."""

    feature: str
    index: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What was seen: signals, hours with any, the limit of a shift, and each feature's, the largest first."""

    signals: int
    hours: int
    limit: float
    shifts: tuple[Shift, ...]

    @property
    def is_known(self) -> bool:
        """Say whether there is enough to judge by."""
        return self.hours >= LEAST_HOURS

    @property
    def drifted(self) -> tuple[Shift, ...]:
        """The features that moved too far; none where that is not known."""
        return tuple(each for each in self.shifts if each.index > self.limit) if self.is_known else ()

    def __str__(self) -> str:
        seen = f"{self.signals} signals in {self.hours} hours since"
        if not self.is_known:
            return f"unknown: {seen}, {LEAST_HOURS} hours are needed"
        worst = self.shifts[0]
        moved = ", ".join(f"{each.feature} {each.index:.2f}" for each in self.drifted)
        return f"{seen}; " + (
            f"drifted beyond {self.limit:.2f}: {moved}"
            if moved
            else f"no drift: {worst.feature} moved most, {worst.index:.2f} of {self.limit:.2f}"
        )


def reference_of(names: Sequence[str], features: FloatArray, begin_s: IntArray) -> dict[str, Any]:
    """Give what a model's training data looked like, as JSON.

    Args:
        features: (signal, feature), in the order of `names`.
        begin_s: When each signal was entered (signal,).
    """
    inner = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    edges = np.quantile(features, inner, axis=0).T
    return {
        "signals": len(features),
        "hours": _hours(begin_s),
        "until_s": int(begin_s.max()),
        "edges": {name: row.tolist() for name, row in zip(names, edges, strict=True)},
        "shares": {
            name: _shares(column, row).tolist()
            for name, column, row in zip(names, features.T, edges, strict=True)
        },
    }


def compare(
    reference: Mapping[str, Any], names: Sequence[str], features: FloatArray, begin_s: IntArray
) -> Drift:
    """Hold recent signals against a reference; see reference_of for the arguments."""
    hours = _hours(begin_s)
    shifts = [
        Shift(name, _index(_shares(column, reference["edges"][name]), reference["shares"][name]))
        for name, column in zip(names, features.T, strict=True)
    ]
    shifts.sort(key=lambda each: -each.index)
    return Drift(len(features), hours, _limit(hours, int(reference["hours"]), len(names)), tuple(shifts))


def _limit(hours: int, trained_hours: int, features: int) -> float:
    """Give the index beyond which a shift is large, and not chance in any of so many features."""
    if not hours:
        return LARGE
    freedom = BINS - 1
    bend = 2.0 / (9.0 * freedom)  # Wilson and Hilferty's quantile of chi-squared
    quantile = freedom * (1.0 - bend + NormalDist().inv_cdf(1.0 - ALPHA / features) * math.sqrt(bend)) ** 3
    return max(LARGE, quantile * (1.0 / hours + 1.0 / trained_hours))


def _hours(begin_s: IntArray) -> int:
    return len(np.unique(begin_s // HOUR_S))


def _shares(column: FloatArray, edges: Sequence[float]) -> FloatArray:
    counts = np.bincount(np.searchsorted(edges, column, side="right"), minlength=BINS) + SPREAD
    shares: FloatArray = counts / counts.sum()
    return shares


def _index(recent: FloatArray, trained: Sequence[float]) -> float:
    before = np.array(trained)
    return float(np.sum((recent - before) * np.log(recent / before)))
