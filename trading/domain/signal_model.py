"""A model's say in an entry: the chance that a signal pays after costs, one more condition of its strategy.

A worker's version may hold a model (`trading.domain.workers`); `intelligence` trains and judges them. Because
`with_model` gives a strategy like any other, it is asked the same way live, in the back-test, in the preview
and on the page that explains a decision. Pure arithmetic: no analysis library is needed to ask it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from trading.domain.indicators import atr, change_bps, ratio_to_mean, wilder_warmup
from trading.domain.signals import Candles, Condition, FloatArray, ParameterValues, StrategySpec

CHANCE = "chance"
CHANCE_TOO_LOW = "CHANCE_TOO_LOW"
RETURNS = (1, 6, 24)  # candles behind
RANGE_LENGTH, VOLUME_LENGTH = 14, 48
WARMUP = max(*RETURNS, wilder_warmup(RANGE_LENGTH), VOLUME_LENGTH) + 1
MARKET_FEATURES = (
    *(f"return_{length}_bps" for length in RETURNS),
    "usual_range_bps",
    "volume_against_usual",
    "hour_sine",
    "hour_cosine",
)
DAY_MS = 86_400_000
_COLUMNS = ("names", "means", "scales", "weights")


@dataclass(frozen=True, slots=True)
class SignalModel:
    """A fitted model as numbers: log-odds are the intercept plus the sum of weight × (x − mean) / scale.

    Args:
        threshold: Least chance that is let through.
        digest: Names the examples it was trained on.
        signals: Names whose signals they were, see name_signals.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float
    digest: str
    signals: str

    def __str__(self) -> str:
        return f"model {self.digest[:8]}, lets through from {self.threshold:.0%}"

    def chance(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Give the chance that a signal pays, in the features' shape.

        NaN, which lets nothing through, where a feature is not known; so it is everywhere for a model of
        features that are no more.
        """
        pushes = self._pushes(features)
        missing = 0.0 if len(pushes) == len(self.names) else np.nan
        odds = self.intercept + np.sum(list(pushes.values()), axis=0) + missing
        chances: FloatArray = 1.0 / (1.0 + np.exp(-odds))
        return chances

    def pushes(self, values: Mapping[str, float | None]) -> list[tuple[str, float]]:
        """Give how far each known feature of one signal pushes its log-odds, the largest first."""
        known = {
            name: np.array(values[name], dtype=float) for name in self.names if values.get(name) is not None
        }
        found = [(name, float(push)) for name, push in self._pushes(known).items()]
        return sorted(found, key=lambda each: -abs(each[1]))

    def importances(self) -> list[tuple[str, float]]:
        """Give each feature's share of all weight, the largest first."""
        total = max(sum(abs(weight) for weight in self.weights), 1e-12)
        shares = [(name, abs(weight) / total) for name, weight in zip(self.names, self.weights, strict=True)]
        return sorted(shares, key=lambda each: -each[1])

    def _pushes(self, features: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        columns = zip(self.names, self.means, self.scales, self.weights, strict=True)
        return {
            name: (features[name] - mean) / scale * weight
            for name, mean, scale, weight in columns
            if name in features
        }


def feature_names(spec: StrategySpec) -> tuple[str, ...]:
    """Name what a model of the strategy looks at: the figures of its conditions, and facts of the market."""
    return tuple(dict.fromkeys((*(condition.figure for condition in spec.conditions), *MARKET_FEATURES)))


def market_features(candles: Candles) -> dict[str, FloatArray]:
    """Give one array per fact of the market, as named in MARKET_FEATURES.

    NaN while warming up; no row looks at a later one, and none further back than WARMUP.
    """
    hour = candles.open_ms % DAY_MS / DAY_MS * 2.0 * np.pi
    return {
        **{f"return_{length}_bps": change_bps(candles.close, length) for length in RETURNS},
        "usual_range_bps": atr(candles.high, candles.low, candles.close, RANGE_LENGTH) / candles.close * 1e4,
        "volume_against_usual": np.log1p(ratio_to_mean(candles.volume, VOLUME_LENGTH)),
        "hour_sine": np.sin(hour),
        "hour_cosine": np.cos(hour),
    }


def with_features(spec: StrategySpec) -> StrategySpec:
    """Give the strategy with everything that a model looks at among its figures."""

    def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
        return {**spec.figures(candles, shape), **market_features(candles)}

    def warmup(parameters: ParameterValues) -> int:
        return max(spec.warmup(parameters), WARMUP)

    return replace(spec, figures=figures, warmup=warmup)


def with_model(spec: StrategySpec, model: SignalModel) -> StrategySpec:
    """Give the strategy with the model's chance as its last condition."""
    told = with_features(spec)

    def figures(candles: Candles, shape: ParameterValues) -> Mapping[str, FloatArray]:
        known = told.figures(candles, shape)
        return {**known, CHANCE: model.chance(known)}

    asked = Condition(CHANCE_TOO_LOW, CHANCE, "at least", model.threshold)
    return replace(told, figures=figures, conditions=(*spec.conditions, asked))


def name_signals(strategy: str, interval: str, parameters: ParameterValues, exits: Sequence[float]) -> str:
    """Name the trades that a model learns from: equal signals with equal exits have an equal name."""
    numbers = {name: float(value) for name, value in parameters.items()}
    told = json.dumps([strategy, interval, numbers, [float(each) for each in exits]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def model_to_json(model: SignalModel) -> dict[str, Any]:
    """Give the model as JSON, the inverse of parse_model."""
    return {name: list(value) if name in _COLUMNS else value for name, value in asdict(model).items()}


def parse_model(raw: object) -> SignalModel:
    """Read and check a model.

    Raises:
        ValueError: One line that names what is wrong.
    """
    names = [field.name for field in fields(SignalModel)]
    if not isinstance(raw, Mapping) or set(raw) != set(names):
        raise ValueError(f"an object with exactly {', '.join(names)}")
    columns = {name: raw[name] for name in _COLUMNS}
    lengths = {len(each) if isinstance(each, list | tuple) else 0 for each in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"{', '.join(_COLUMNS)} must be lists of equal length")
    if not all(isinstance(name, str) for name in columns["names"]):
        raise ValueError("names must be texts")
    numbers = [*columns["means"], *columns["scales"], *columns["weights"], raw["intercept"], raw["threshold"]]
    if not all(_is_finite(each) for each in numbers):
        raise ValueError("means, scales, weights, intercept and threshold must be finite numbers")
    if not all(scale > 0.0 for scale in columns["scales"]) or not 0.0 <= raw["threshold"] <= 1.0:
        raise ValueError("scales must be above 0, and threshold from 0 to 1")
    if not (isinstance(raw["digest"], str) and isinstance(raw["signals"], str)):
        raise ValueError("digest and signals must be texts")
    return SignalModel(
        names=tuple(columns["names"]),
        **{name: tuple(float(each) for each in columns[name]) for name in _COLUMNS[1:]},
        intercept=float(raw["intercept"]),
        threshold=float(raw["threshold"]),
        digest=raw["digest"],
        signals=raw["signals"],
    )


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
