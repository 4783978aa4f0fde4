"""Whether a series grows: a robust slope with its confidence interval, for figures that creep.

Pure functions over (seconds, value) samples; called by the memory bench.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

CONFIDENCE = 0.95
FEWEST_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Slope:
    """A change in units an hour with its interval at CONFIDENCE."""

    per_hour: float
    low: float
    high: float

    @property
    def contains_zero(self) -> bool:
        """Say whether no growth at all is a fair reading of the samples."""
        return self.low <= 0 <= self.high


def slope(samples: Sequence[tuple[float, float]]) -> Slope | None:
    """Give the Theil-Sen slope of samples (seconds, value), oldest first; None below FEWEST_SAMPLES.

    A single outlier (a page cache that is dropped, a process that starts anew) hardly moves it, and
    equal values count as ties. The interval widens where neighbours resemble each other, because then
    there are fewer independent samples than it seems.

    Source: Sen (1968), Estimates of the regression coefficient based on Kendall's tau; the correction
    for serial dependence: Hamed and Rao (1998), A modified Mann-Kendall trend test, first lag only.
    """
    count = len(samples)
    if count < FEWEST_SAMPLES:
        return None
    slopes = sorted(
        (later[1] - sooner[1]) / (later[0] - sooner[0]) * 3600
        for index, sooner in enumerate(samples)
        for later in samples[index + 1 :]
    )
    middle = median(slopes)
    variance = _kendall_variance([value for _, value in samples]) * _dependence(samples, middle / 3600)
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance)
    low = math.floor((len(slopes) - reach) / 2)
    high = math.ceil((len(slopes) + reach) / 2)
    return Slope(middle, slopes[max(low, 0)], slopes[min(high, len(slopes) - 1)])


def _kendall_variance(values: Sequence[float]) -> float:
    count = len(values)
    ties = [values.count(value) for value in set(values)]
    tied = sum(each * (each - 1) * (2 * each + 5) for each in ties)
    return (count * (count - 1) * (2 * count + 5) - tied) / 18


def _dependence(samples: Sequence[tuple[float, float]], per_s: float) -> float:
    """Give the factor by which samples that follow their neighbours inflate the variance; at least 1."""
    rest = [value - per_s * at_s for at_s, value in samples]
    middle = sum(rest) / len(rest)
    spread = sum((each - middle) ** 2 for each in rest)
    if spread == 0:
        return 1.0
    together = sum((a - middle) * (b - middle) for a, b in pairwise(rest))
    likeness = min(max(together / spread, 0.0), 0.95)
    return (1 + likeness) / (1 - likeness)
