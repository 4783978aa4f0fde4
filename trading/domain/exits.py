"""When to leave a position: one step function for live, paper and back-test alike.

`exit_step` is plain scalar Python over named tuples of floats, so that the back-tester can compile it as it
stands and the live path call it as it stands. It reads no clock and knows no venue.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

BPS = 10_000.0

NONE, TAKE_PROFIT, STOP_LOSS, TRAILING, MAX_HOLD = 0, 1, 2, 3, 4


class ExitCode(Enum):
    """Why a position was left; the values are what exit_step returns."""

    NONE = NONE
    TAKE_PROFIT = TAKE_PROFIT
    STOP_LOSS = STOP_LOSS
    TRAILING = TRAILING
    MAX_HOLD = MAX_HOLD


class ExitTerms(NamedTuple):
    """An exit policy in floats, as exit_step takes it; 0 switches all but the stop off."""

    take_profit_bps: float
    stop_loss_bps: float
    trailing_bps: float
    max_hold_s: float


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


def exit_step(
    terms: ExitTerms, entry_price: float, highest_price: float, prices: PriceRange, held_s: float
) -> ExitStep:
    """Say whether a long position ends in this step, and at what price.

    Inside one candle the worst order is assumed: the stop before the target. A stop that the open has already
    passed is filled at the open; a target at the target, as a resting order would be.

    Args:
        terms: The policy.
        entry_price: Average price paid.
        highest_price: Highest price since the entry and before this step, at least entry_price.
        prices: The step.
        held_s: Seconds from the entry to the end of the step.
    """
    stop_price = entry_price * (1.0 - terms.stop_loss_bps / BPS)
    code = STOP_LOSS
    if terms.trailing_bps > 0.0:
        trail_price = highest_price * (1.0 - terms.trailing_bps / BPS)
        if trail_price > stop_price:
            stop_price = trail_price
            code = TRAILING
    highest = max(highest_price, prices.high)
    if prices.low <= stop_price:
        return ExitStep(code, min(stop_price, prices.open), highest)
    if terms.take_profit_bps > 0.0:
        target_price = entry_price * (1.0 + terms.take_profit_bps / BPS)
        if prices.high >= target_price:
            return ExitStep(TAKE_PROFIT, target_price, highest)
    if terms.trailing_bps > 0.0:
        trail_price = highest * (1.0 - terms.trailing_bps / BPS)
        if trail_price > stop_price and prices.close <= trail_price:
            # the close is below the trail of this step's own high, so the price has crossed it since
            return ExitStep(TRAILING, trail_price, highest)
    if 0.0 < terms.max_hold_s <= held_s:
        return ExitStep(MAX_HOLD, prices.close, highest)
    return ExitStep(NONE, 0.0, highest)


@dataclass(frozen=True, slots=True)
class ExitPolicy:
    """How a worker leaves its positions; distances in bps of the entry price.

    Args:
        take_profit_bps: Distance of the target, 0 for none.
        stop_loss_bps: Distance of the stop; always there, since every position is protected.
        trailing_bps: Distance of a stop that follows the highest price, 0 for none.
        max_hold_s: Seconds after which the position is sold at the market, 0 for no limit.

    Raises:
        ValueError: A distance is out of range; the line names it and what is allowed.
    """

    take_profit_bps: Decimal
    stop_loss_bps: Decimal
    trailing_bps: Decimal = Decimal(0)
    max_hold_s: int = 0

    def __post_init__(self) -> None:
        _check("take_profit_bps", self.take_profit_bps, low=Decimal(0), high=Decimal(50_000))
        _check("stop_loss_bps", self.stop_loss_bps, low=Decimal(1), high=Decimal(9_000))
        _check("trailing_bps", self.trailing_bps, low=Decimal(0), high=Decimal(9_000))
        _check("max_hold_s", Decimal(self.max_hold_s), low=Decimal(0), high=Decimal(31_536_000))
        if not (self.take_profit_bps or self.trailing_bps or self.max_hold_s):
            raise ValueError("an exit policy needs take_profit_bps, trailing_bps or max_hold_s above 0")

    def terms(self) -> ExitTerms:
        """Give the policy as exit_step takes it."""
        return ExitTerms(
            float(self.take_profit_bps),
            float(self.stop_loss_bps),
            float(self.trailing_bps),
            float(self.max_hold_s),
        )

    def take_profit_price(self, entry_price: Decimal) -> Decimal | None:
        """Give the exact target, not yet on the symbol's tick; None without a target."""
        if not self.take_profit_bps:
            return None
        return entry_price * (1 + self.take_profit_bps / 10_000)

    def stop_price(self, entry_price: Decimal) -> Decimal:
        """Give the exact stop, not yet on the symbol's tick."""
        return entry_price * (1 - self.stop_loss_bps / 10_000)


def _check(name: str, value: Decimal, *, low: Decimal, high: Decimal) -> None:
    if not value.is_finite() or not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")
