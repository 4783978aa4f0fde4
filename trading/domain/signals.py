"""The words strategies are written in: candles as arrays, parameters with ranges, conditions, signals.

A strategy is figures (one array each) and conditions on them; from the two follow its signals, its reason
codes, and what a sweep over parameters may share. `trading.domain.strategy` lists the strategies. Pure: no
clock, no database.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.int16]
ParameterValues = Mapping[str, float]

WARMING_UP = "WARMING_UP"
ENTRY = "ENTRY"
Side = Literal["above", "at least", "below", "at most"]
_HOLDS: Mapping[Side, Callable[[FloatArray, float], BoolArray]] = {
    "above": operator.gt,
    "at least": operator.ge,
    "below": operator.lt,
    "at most": operator.le,
}


@dataclass(frozen=True, slots=True)
class Candles:
    """Closed candles as arrays, oldest first, all of one interval.

    Of one symbol: (time,). Of several symbols side by side, as the live path asks: (time, symbols).
    """

    open_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    interval_s: int

    def __len__(self) -> int:
        return len(self.close)

    def part(self, start: int, end: int) -> Candles:
        """Give the rows from start to before end, without copying."""
        rows = slice(start, end)
        return Candles(
            self.open_ms[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
            self.interval_s,
        )

    def tail(self, rows: int) -> Candles:
        """Give the newest rows."""
        return self.part(max(0, len(self) - rows), len(self))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number a strategy can be set by, with the range it may take (both ends included)."""

    name: str
    default: float
    minimum: float
    maximum: float
    unit: str
    help: str
    kind: Literal["int", "float"] = "float"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold for an entry: a figure on the right side of a limit.

    Args:
        reason: Code that the operator reads where this is the first condition that fails.
        figure: Name of the figure.
        side: Where the figure has to be.
        limit: A number, or the name of the parameter that sets it.
    """

    reason: str
    figure: str
    side: Side
    limit: float | str

    def limit_value(self, parameters: ParameterValues) -> float:
        """Give the limit as a number."""
        return parameters[self.limit] if isinstance(self.limit, str) else self.limit

    def holds(self, values: FloatArray, parameters: ParameterValues) -> BoolArray:
        """Say for every row whether the condition holds; it never does while a figure warms up."""
        return _HOLDS[self.side](values, self.limit_value(parameters))


@dataclass(frozen=True, slots=True)
class Signals:
    """What a strategy says about every row.

    Arrays have the shape of the candles'. `reasons` indexes StrategySpec.reasons: why it would enter, or the
    first condition that failed.
    `values` holds each figure per row, NaN while warming up.
    """

    entries: BoolArray
    reasons: CodeArray
    values: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class SuggestedExits:
    """The exit policy a strategy was made for, where a worker does not set its own; distances in bps."""

    take_profit_bps: int
    stop_loss_bps: int
    trailing_bps: int
    max_hold_candles: int


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """One strategy: its idea, its numbers, its figures, and the conditions of an entry.

    `figures` looks at no later row, and a row needs no more than `warmup(parameters)` rows, itself included;
    so a live window of that many rows gives the same answer as all of history. It takes candles of one symbol
    or of several side by side, and answers each symbol as if it were alone. It is given the parameters that
    are no limit of a condition: points of a sweep that differ only in limits share their figures.
    """

    name: str
    title: str
    idea: str
    loses: str
    parameters: tuple[Parameter, ...]
    warmup: Callable[[ParameterValues], int]
    figures: Callable[[Candles, ParameterValues], Mapping[str, FloatArray]]
    conditions: tuple[Condition, ...]
    exits: SuggestedExits

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes that Signals.reasons indexes."""
        return (WARMING_UP, ENTRY, *dict.fromkeys(condition.reason for condition in self.conditions))

    def defaults(self) -> dict[str, float]:
        """Give every parameter's default."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def shape(self, parameters: ParameterValues) -> dict[str, float]:
        """Give the parameters that the figures depend on."""
        limits = {condition.limit for condition in self.conditions}
        return {name: value for name, value in parameters.items() if name not in limits}

    def signals(self, candles: Candles, parameters: ParameterValues) -> Signals:
        """Say for every row whether to buy at its close, and if not, what stands against it."""
        values = self.figures(candles, self.shape(parameters))
        is_warm = ~np.isnan(np.sum(list(values.values()), axis=0))
        reasons, codes = self.reasons, np.ones(is_warm.shape, dtype=np.int16)
        for condition in reversed(self.conditions):  # the first that fails is written last
            failed = ~condition.holds(values[condition.figure], parameters)
            codes[failed] = reasons.index(condition.reason)
        codes[~is_warm] = 0
        return Signals(entries=codes == 1, reasons=codes, values=values)
