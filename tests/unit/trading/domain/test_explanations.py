"""What the page says about a decision is what the strategy decided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw

from tests.support.builders import a_config
from trading.domain.explanations import FIGURES, explain
from trading.domain.signals import ENTRY, WARMING_UP, Candles
from trading.domain.strategy import STRATEGIES

ROWS = 420
LOOSE = {
    "DIP_REVERSION": {"z_entry": 1.0, "rsi_entry": 45, "reward_bps": 2, "trend_fall_bps": 100},
    "TREND_BREAKOUT": {"channel_length": 20, "trend_rise_bps": 0, "atr_min_bps": 1, "volume_ratio": 0.5},
}


def drawn(seed: int) -> Candles:
    """Candles of a restless market, some of them without volume."""
    random = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0, 2e-3, ROWS)))
    volume = random.lognormal(2, 0.6, ROWS) * (random.random(ROWS) > 0.05)
    return Candles(
        np.arange(ROWS, dtype=np.int64) * 60_000, closes, closes * 1.001, closes * 0.999, closes, volume, 60
    )


@pytest.mark.parametrize("name", STRATEGIES)
@given(seed=draw.integers(0, 2**32 - 1), is_loose=draw.booleans())
def test_the_first_condition_that_fails_is_the_reason(name: str, seed: int, is_loose: bool) -> None:
    spec = STRATEGIES[name]
    parameters = {**spec.defaults(), **(LOOSE.get(name, {}) if is_loose else {})}
    found = spec.signals(drawn(seed), parameters)

    for row in range(ROWS - 40, ROWS):
        reason = spec.reasons[int(found.reasons[row])]
        values = {figure: float(column[row]) for figure, column in found.values.items()}
        checks = list(explain(a_config(strategy=name, parameters=parameters), values))
        failed = [check.reason for check in checks if check.holds is False]
        assert reason == WARMING_UP or (failed[0] if failed else ENTRY) == reason
        assert set(FIGURES) >= set(values)


def test_an_unknown_figure_is_neither_held_nor_failed() -> None:
    spec = STRATEGIES["DIP_REVERSION"]

    checks = list(explain(a_config(strategy=spec.name, parameters=spec.defaults()), {"rsi": None}))

    assert {(check.value, check.holds) for check in checks} == {(None, None)}
