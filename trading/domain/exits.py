"""When a position is left, in floats: what the venue does with the exits that it holds for us.

Live, target and stop rest at the venue (`trading.domain.entries` prices them in Decimal) and the holding
time is watched by upkeep; the back-tester plays the same rules over candles. `exit_levels` and `exit_step`
are plain scalar Python that calls no other function, so that it can compile them as they stand. No clock,
no venue.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

BPS = 10_000.0
# A price that floats put this part of a tick beside a tick is on it.
TICK_NOISE = 1e-6

NONE, TAKE_PROFIT, STOP_LOSS, TRAILING, MAX_HOLD, DATA_END = 0, 1, 2, 3, 4, 5


class ExitCode(Enum):
    """Why a position was left; all but the last are what exit_step returns."""

    NONE = NONE
    TAKE_PROFIT = TAKE_PROFIT
    STOP_LOSS = STOP_LOSS
    TRAILING = TRAILING
    MAX_HOLD = MAX_HOLD
    DATA_END = DATA_END  # the candles ended while the position was open


class ExitTerms(NamedTuple):
    """An exit policy in floats; distances in bps of the decision's price.

    `trailing_bps` replaces the fixed stop by one that follows the highest price; 0 for none.
    """

    take_profit_bps: float
    stop_loss_bps: float
    trailing_bps: float
    max_hold_s: float


class ExitLevels(NamedTuple):
    """The exits of one position: prices on the tick, the trail in bps, the holding time in seconds."""

    take_profit: float
    stop: float
    trailing_bps: float
    max_hold_s: float
    ticks_per_unit: float


class PriceRange(NamedTuple):
    """What the price did in one step: a closed candle, or one last price four times."""

    open: float
    high: float
    low: float
    close: float


class ExitStep(NamedTuple):
    """The answer to one step: code, price (0 where nothing ends), and the highest price from now on."""

    code: int
    price: float
    highest_price: float


def tick_up(price: float, ticks_per_unit: float) -> float:
    """Give the lowest price on the tick that is not below `price` (see TICK_NOISE)."""
    return math.ceil(price * ticks_per_unit - TICK_NOISE) / ticks_per_unit


def tick_down(price: float, ticks_per_unit: float) -> float:
    """Give the highest price on the tick that is not above `price` (see TICK_NOISE)."""
    return math.floor(price * ticks_per_unit + TICK_NOISE) / ticks_per_unit


def exit_levels(terms: ExitTerms, reference_price: float, ticks_per_unit: float) -> ExitLevels:
    """Give the exits of a position decided at `reference_price`, as entries.exit_prices prices them.

    Args:
        terms: The policy.
        reference_price: The ask that the entry was decided at.
        ticks_per_unit: 1 / tick size.
    """
    stop_bps = terms.trailing_bps if terms.trailing_bps > 0.0 else terms.stop_loss_bps
    target = reference_price * (1.0 + terms.take_profit_bps / BPS)
    stop = reference_price * (1.0 - stop_bps / BPS)
    return ExitLevels(
        math.ceil(target * ticks_per_unit - TICK_NOISE) / ticks_per_unit,
        math.floor(stop * ticks_per_unit + TICK_NOISE) / ticks_per_unit,
        terms.trailing_bps,
        terms.max_hold_s,
        ticks_per_unit,
    )


def exit_step(levels: ExitLevels, highest_price: float, prices: PriceRange, held_s: float) -> ExitStep:
    """Say whether a long position ends in this step, and at what price.

    Inside one candle the worst order is assumed: the stop before the target. A stop that the open has already
    passed is filled at the open; a target at the target, as a resting order would be.

    Args:
        levels: The position's exits.
        highest_price: Highest price since the entry and before this step, at least the entry's.
        prices: The step.
        held_s: Seconds from the entry to the end of the step.
    """
    stop_price, ticks = levels.stop, levels.ticks_per_unit
    keep = (1.0 - levels.trailing_bps / BPS) * ticks
    highest = max(highest_price, prices.open)
    if levels.trailing_bps > 0.0:
        # what is traded lies on the tick, so the first price that reaches the trail does
        stop_price = math.floor(highest * keep + TICK_NOISE) / ticks
    if prices.low <= stop_price:
        code = TRAILING if levels.trailing_bps > 0.0 else STOP_LOSS
        return ExitStep(code, min(stop_price, prices.open), max(highest, prices.high))
    highest = max(highest, prices.high)
    if prices.high >= levels.take_profit:
        return ExitStep(TAKE_PROFIT, levels.take_profit, highest)
    if levels.trailing_bps > 0.0:
        stop_price = math.floor(highest * keep + TICK_NOISE) / ticks
        if prices.close <= stop_price:
            # the close is below the trail of this step's own high, so the price has crossed it since
            return ExitStep(TRAILING, stop_price, highest)
    if 0.0 < levels.max_hold_s <= held_s:
        return ExitStep(MAX_HOLD, prices.close, highest)
    return ExitStep(NONE, 0.0, highest)
