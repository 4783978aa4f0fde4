"""Worker states, the changes that are permitted, and the configuration of one version.

Called by services.workers (writing), services.cycle (reading) and the admin form (validation).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trading.domain.market import INTERVAL_S
from trading.domain.risk_score import NO_RISK_LIMIT
from trading.domain.signal_model import SignalModel, feature_names, name_signals, with_model
from trading.domain.signals import StrategySpec
from trading.domain.strategy import clean_parameters, get_strategy
from trading.domain.universe import Universe

# Turns step round by this part of a circle.
GOLDEN = (5**0.5 - 1) / 2


class WorkerState(StrEnum):
    """What a worker may do."""

    STOPPED = "STOPPED"  # no entries; open trades keep their protection and time exits
    ACTIVE = "ACTIVE"  # entries and exits
    DRAINING = "DRAINING"  # no entries; becomes STOPPED when its last trade is closed


WORKER_TRANSITIONS: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.STOPPED: frozenset({WorkerState.ACTIVE}),
    WorkerState.ACTIVE: frozenset({WorkerState.STOPPED, WorkerState.DRAINING}),
    WorkerState.DRAINING: frozenset({WorkerState.ACTIVE, WorkerState.STOPPED}),
}


class InvalidConfiguration(ValueError):
    """A field of a worker's configuration is wrong; the text names it and what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Everything one version of a worker fixes. Amounts in the quote asset, bps = 1/10,000."""

    strategy: str
    parameters: Mapping[str, float]
    interval: str
    universe: Universe
    trade_notional: Decimal
    budget: Decimal
    max_open_trades: int
    take_profit_bps: int
    stop_loss_bps: int
    trailing_bps: int
    max_hold_s: int
    cooldown_s: int
    max_spread_bps: int
    max_slippage_bps: int
    full_size_risk: int = NO_RISK_LIMIT  # up to this risk score a trade has its whole size
    max_risk: int = NO_RISK_LIMIT  # beyond this one there is none
    model: SignalModel | None = None  # asked at every signal; none = all are taken

    @property
    def spec(self) -> StrategySpec:
        """The strategy as this worker asks it. Raises ValueError where there is none of that name."""
        spec = get_strategy(self.strategy)
        return spec if self.model is None else with_model(spec, self.model)

    @property
    def signals(self) -> str:
        """Name of the trades that a model for this worker has to have learned from."""
        exits = (self.take_profit_bps, self.stop_loss_bps, self.trailing_bps, self.max_hold_s)
        return name_signals(self.strategy, self.interval, self.parameters, exits)


# field -> (smallest, largest); all inclusive.
LIMITS: dict[str, tuple[int, int]] = {
    "max_open_trades": (1, 200),
    "take_profit_bps": (5, 5_000),
    "stop_loss_bps": (5, 5_000),
    "trailing_bps": (0, 2_000),
    "max_hold_s": (5, 30 * 86_400),
    "cooldown_s": (0, 7 * 86_400),
    "max_spread_bps": (1, 200),
    "max_slippage_bps": (1, 200),
    "full_size_risk": (0, NO_RISK_LIMIT),
    "max_risk": (0, NO_RISK_LIMIT),
}
MAX_NOTIONAL = Decimal(1_000_000_000)
_NAME = re.compile(r"[\w .\-]{1,60}")


def check_name(name: str) -> str:
    """Give the name stripped. Raises InvalidConfiguration."""
    stripped = name.strip()
    if not _NAME.fullmatch(stripped):
        raise InvalidConfiguration("name", "1 to 60 letters, digits, spaces, dots or hyphens")
    return stripped


def check_config(config: WorkerConfig) -> WorkerConfig:
    """Give the configuration with cleaned parameters.

    Raises:
        InvalidConfiguration: Names the first wrong field and what is allowed.
    """
    parameters = _check_strategy(config)
    if config.interval not in INTERVAL_S:
        raise InvalidConfiguration("interval", f"one of {', '.join(INTERVAL_S)}")
    for field, (smallest, largest) in LIMITS.items():
        if not smallest <= getattr(config, field) <= largest:
            raise InvalidConfiguration(field, f"a whole number from {smallest} to {largest}")
    if config.trailing_bps and not 10 <= config.trailing_bps <= config.stop_loss_bps:
        raise InvalidConfiguration("trailing_bps", "0 (off), or from 10 to stop_loss_bps")
    if config.full_size_risk > config.max_risk:
        raise InvalidConfiguration("full_size_risk", "at most max_risk")
    if not 0 < config.trade_notional <= MAX_NOTIONAL:
        raise InvalidConfiguration("trade_notional", f"more than 0, at most {MAX_NOTIONAL:,}")
    if not config.trade_notional <= config.budget <= MAX_NOTIONAL:
        raise InvalidConfiguration("budget", f"at least trade_notional, at most {MAX_NOTIONAL:,}")
    checked = replace(config, parameters=parameters)
    if checked.model is not None:
        _check_model(checked, checked.model)
    return checked


def _check_model(config: WorkerConfig, model: SignalModel) -> None:
    if model.signals != config.signals:
        raise InvalidConfiguration(
            "model", "one that learned from this strategy, interval, parameters and exits, or none"
        )
    names = feature_names(get_strategy(config.strategy))
    if model.names != names:
        raise InvalidConfiguration("model", f"names must be {', '.join(names)}")


def _check_strategy(config: WorkerConfig) -> dict[str, float]:
    try:
        spec = get_strategy(config.strategy)
    except ValueError as error:
        raise InvalidConfiguration("strategy", str(error)) from None
    try:
        return clean_parameters(spec, dict(config.parameters))
    except ValueError as error:
        raise InvalidConfiguration("parameters", str(error)) from None


def whose_turn(step: int, count: int) -> int:
    """Give whose turn it is among `count` (0 to count - 1) at a step of time.

    Turns keep in step with nothing: who comes every fifth step only must not find the same turn each time.
    """
    return int(step * GOLDEN % 1.0 * count)


def rank_workers(worker_ids: Collection[int], opened: datetime, interval: str) -> dict[int, int]:
    """Give who goes first (0) where several workers want one symbol in one batch of candles.

    By age, from the one on whose turn it is at this candle: of two workers with equal settings the younger
    would never trade otherwise.
    """
    ordered = sorted(worker_ids)
    first = whose_turn(int(opened.timestamp()) // INTERVAL_S[interval], len(ordered))
    return {worker_id: (place - first) % len(ordered) for place, worker_id in enumerate(ordered)}
