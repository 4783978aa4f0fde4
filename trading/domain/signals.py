"""The words strategies are written in: candles as arrays, parameters with ranges, signals with reasons.

Strategies build a StrategySpec from these; `trading.domain.strategy` lists them. Pure: no clock, no database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

    def tail(self, rows: int) -> Candles:
        """Give the newest rows."""
        start = max(0, len(self) - rows)
        return Candles(
            self.open_ms[start:],
            self.open[start:],
            self.high[start:],
            self.low[start:],
            self.close[start:],
            self.volume[start:],
            self.interval_s,
        )


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
class Signals:
    """What a strategy says about every row.

    Arrays have the shape of the candles'. `reasons` indexes StrategySpec.reasons: why it would enter, or the
    first condition that failed.
    `values` holds each condition's figure per row, NaN while warming up.
    """

    entries: BoolArray
    reasons: CodeArray
    values: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """One strategy: its idea, its numbers, and its one vectorised signal function.

    `signals` looks at no later row, and a row's answer needs no more than `warmup(parameters)` rows, itself
    included; so a live window of that many rows gives the same answer as all of history. It
    takes candles of one symbol or of several side by side, and answers each symbol as if it were alone.
    """

    name: str
    title: str
    idea: str
    parameters: tuple[Parameter, ...]
    warmup: Callable[[ParameterValues], int]
    signals: Callable[[Candles, ParameterValues], Signals]
    reasons: tuple[str, ...]

    def defaults(self) -> dict[str, float]:
        """Give every parameter's default."""
        return {parameter.name: parameter.default for parameter in self.parameters}


def judge(
    conditions: Sequence[BoolArray], values: Mapping[str, FloatArray], *, reasons: Sequence[str]
) -> Signals:
    """Join conditions into signals; the first that fails names the reason.

    Args:
        conditions: One truth array per reason after the first two, in the order they are asked.
        values: Figures to show; a row is warm when none of them is NaN.
        reasons: WARMING_UP, ENTRY, then one code per condition.
    """
    warm = ~np.isnan(np.sum(list(values.values()), axis=0))
    codes = np.ones(warm.shape, dtype=np.int16)
    for code in range(len(conditions) + 1, 1, -1):
        codes[~conditions[code - 2]] = code
    codes[~warm] = 0
    if len(reasons) != len(conditions) + 2:
        raise ValueError(f"{len(conditions)} conditions need {len(conditions) + 2} reasons")
    return Signals(entries=codes == 1, reasons=codes, values=values)
