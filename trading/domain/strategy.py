"""The register of strategies and the check of their parameters.

Workers, the back-tester and the admin ask here; to add a strategy, write its module and list it below.
Nothing here may know where candles come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trading.domain.signals import (
    Candles,
    FloatArray,
    Parameter,
    ParameterValues,
    Signals,
    StrategySpec,
)
from trading.domain.strategies.capitulation import CAPITULATION
from trading.domain.strategies.dip_reversion import DIP_REVERSION
from trading.domain.strategies.relative_strength import RELATIVE_STRENGTH
from trading.domain.strategies.squeeze_release import SQUEEZE_RELEASE
from trading.domain.strategies.trend_breakout import TREND_BREAKOUT
from trading.domain.strategies.trend_pullback import TREND_PULLBACK

__all__ = [
    "DEFAULT_STRATEGY",
    "STRATEGIES",
    "Candles",
    "FloatArray",
    "Parameter",
    "ParameterValues",
    "Signals",
    "StrategySpec",
    "clean_parameters",
    "get_strategy",
]

STRATEGIES: Mapping[str, StrategySpec] = {
    spec.name: spec
    for spec in (
        DIP_REVERSION,
        TREND_BREAKOUT,
        TREND_PULLBACK,
        SQUEEZE_RELEASE,
        RELATIVE_STRENGTH,
        CAPITULATION,
    )
}

# What is traded and judged where nothing else is asked for; docs/strategies.md says why.
DEFAULT_STRATEGY = CAPITULATION.name


def get_strategy(name: str) -> StrategySpec:
    """Give a strategy by its code.

    Raises:
        ValueError: There is none of that name; the line lists those there are.
    """
    found = STRATEGIES.get(name)
    if found is None:
        raise ValueError(f"no strategy {name!r}; there are {', '.join(STRATEGIES)}")
    return found


def clean_parameters(spec: StrategySpec, raw: Mapping[str, object]) -> dict[str, float]:
    """Give every parameter of the strategy: as given where given, else its default.

    Whole-number parameters come back as int. Numbers may be texts, as forms and files deliver them.

    Raises:
        ValueError: An unknown name, not a number, or out of range; one line naming parameter and range.
    """
    known = {parameter.name: parameter for parameter in spec.parameters}
    unknown = [name for name in raw if name not in known]
    if unknown:
        raise ValueError(f"{spec.name} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    return {
        name: _clean(spec.name, parameter, raw.get(name, parameter.default))
        for name, parameter in known.items()
    }


def _clean(strategy: str, parameter: Parameter, raw: Any) -> float:
    whole = parameter.kind == "int"
    allowed = (
        f"{strategy}.{parameter.name} must be a {'whole ' if whole else ''}number "
        f"from {parameter.minimum:g} to {parameter.maximum:g} ({parameter.unit}), not {raw!r}"
    )
    if isinstance(raw, bool) or raw is None:
        raise ValueError(allowed)
    try:
        value = float(raw)
    except (TypeError, ValueError):
        raise ValueError(allowed) from None
    if not math.isfinite(value) or not parameter.minimum <= value <= parameter.maximum:
        raise ValueError(allowed)
    if not whole:
        return value
    if value != int(value):
        raise ValueError(allowed)
    return int(value)
