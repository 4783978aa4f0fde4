"""Exact numbers of the paper venue: texts with eight decimals, steps, notionals.

Used by every room of the engine. All money is Decimal; nothing here reads floats or rounds up in the
account's favour.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
UNIT = Decimal("0.00000001")
BIPS = Decimal(10_000)
ZERO_TEXT = "0.00000000"


def text(number: Decimal) -> str:
    """Write a number as the wire does: plain, eight decimals."""
    return f"{number:.8f}" if number else ZERO_TEXT


def cut(number: Decimal) -> Decimal:
    """Cut a number to eight decimals, towards zero."""
    return number.quantize(UNIT, rounding=ROUND_DOWN)


def notional(price: Decimal, qty: Decimal) -> Decimal:
    """Give what a quantity is worth at a price, in quote asset, cut to eight decimals."""
    return (price * qty).quantize(UNIT, rounding=ROUND_DOWN)


def reserve(price: Decimal, qty: Decimal) -> Decimal:
    """Give what must be locked to buy a quantity at a price: never less than the fills can cost."""
    return (price * qty).quantize(UNIT, rounding=ROUND_UP)


def floor_step(number: Decimal, step: Decimal) -> Decimal:
    """Give the largest multiple of `step` not above `number`; step 0 means no steps."""
    if step == ZERO:
        return number
    return number - number % step


def is_multiple(number: Decimal, step: Decimal) -> bool:
    """Say whether a number lies on the grid of `step`; step 0 means no grid."""
    return step == ZERO or number % step == ZERO
