"""Decimal rules, steps and identifiers that every other part of the domain is built on.

Called by everybody; never reads a clock, a setting or a database. Money, prices and quantities
are Decimal built from text: a float or a not-a-number is refused here, so that it never travels.
"""

import base64
import hashlib
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from enum import StrEnum

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal(10_000)
PLACES = Decimal("1e-8")  # the eight places that conclusions are kept with


# Every id that we give to an order or a list begins so.
ID_PREFIX = "fc-"


class InvalidNumber(ValueError):
    """The text is not a finite decimal number."""


class OrderRole(StrEnum):
    """What an order does for its trade; part of its client order id."""

    ENTRY = "ENTRY"
    TAKE_PROFIT = "TAKE_PROFIT"
    STOP = "STOP"
    EXIT = "EXIT"


_ROLE_LETTER = {
    OrderRole.ENTRY: "E",
    OrderRole.TAKE_PROFIT: "T",
    OrderRole.STOP: "S",
    OrderRole.EXIT: "X",
}


def to_decimal(text: str | int | Decimal) -> Decimal:
    """Read a finite Decimal.

    Raises:
        InvalidNumber: Not a number, infinite, or not a number at all.
    """
    try:
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidNumber(f"{text!r} is not a decimal number") from None
    if not number.is_finite():
        raise InvalidNumber(f"{text!r} is not a finite number")
    return number


def to_text(number: Decimal) -> str:
    """Write a Decimal plainly: no exponent, no trailing zeros (the venue refuses `1E-5`)."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"


def floor_to_step(quantity: Decimal, step: Decimal) -> Decimal:
    """Give the largest multiple of `step` that is not above `quantity`; a step of 0 means any."""
    if step <= 0:
        return quantity
    return (quantity / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to_step(number: Decimal, step: Decimal) -> Decimal:
    """Give the smallest multiple of `step` that is not below `number`; a step of 0 means any."""
    if step <= 0:
        return number
    return (number / step).to_integral_value(ROUND_CEILING) * step


def add_bps(price: Decimal, bps: Decimal) -> Decimal:
    """Give the price moved by `bps` (1/10,000, may be negative), unrounded."""
    return price * (ONE + bps / BPS)


def trade_key(worker_id: int, symbol: str, candle_open_at: datetime) -> str:
    """Give the 16 letters that name one decision of one worker, the same at every delivery.

    A cycle that is delivered twice computes the same key, so its order ids collide in the
    database before anything is sent.
    """
    moment = int(candle_open_at.timestamp() * 1000)
    digest = hashlib.sha256(f"{worker_id}|{symbol}|{moment}".encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii")


def client_order_id(key: str, role: OrderRole, attempt: int) -> str:
    """Give our id of an order: at most 36 of the venue's letters, unique by role and attempt."""
    return f"{ID_PREFIX}{key}-{_ROLE_LETTER[role]}{attempt}"


def client_list_id(key: str, attempt: int) -> str:
    """Give our id of an order list."""
    return f"{ID_PREFIX}{key}-L{attempt}"


def from_ms(moment_ms: int) -> datetime:
    """Turn the venue's milliseconds since 1970 into an aware moment."""
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    """Turn an aware moment into milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
