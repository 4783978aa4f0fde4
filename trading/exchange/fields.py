"""Typed readers of the venue's JSON fields, and the errors that name the field at fault.

Used by the decoders and the stream readers only. A field that is absent or malformed is never
guessed: it raises, and the error names it, so that one odd message cannot become a wrong number.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.domain.values import InvalidNumber, from_ms, to_decimal

Payload = Mapping[str, Any]


class UnknownMessage(ValueError):
    """The venue said something that this program does not know. Readers count it and go on."""


class MalformedMessage(UnknownMessage):
    """A known message with a missing or unusable field; the text names the field."""


def as_object(payload: object, what: str) -> Payload:
    """Give the payload as an object, or raise MalformedMessage naming what it should have been."""
    if not isinstance(payload, dict):
        raise MalformedMessage(f"{what} is {type(payload).__name__}, not an object")
    return payload


def as_list(payload: object, what: str) -> list[Any]:
    """Give the payload as a list, or raise MalformedMessage naming what it should have been."""
    if not isinstance(payload, list):
        raise MalformedMessage(f"{what} is {type(payload).__name__}, not a list")
    return payload


def text(payload: Payload, name: str) -> str:
    """Give a text that must be there; it may be empty."""
    value = _present(payload, name)
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    return value


def number(payload: Payload, name: str) -> Decimal:
    """Give an exact decimal from text or a whole number; a JSON fraction is refused as inexact."""
    return decimal_of(_present(payload, name), name)


def decimal_of(value: object, name: str) -> Decimal:
    """Give an exact decimal from a bare value, see `number`."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _wrong(name, value, "a decimal text")
    try:
        return to_decimal(value)
    except InvalidNumber as error:
        raise MalformedMessage(f"{name}: {error}") from None


def real(value: object, name: str) -> float:
    """Give a float for indicators, which work on those; it is checked as a finite decimal first."""
    return float(decimal_of(value, name))


def whole(payload: Payload, name: str) -> int:
    """Give a whole number, which the venue writes without quotes."""
    value = _present(payload, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, value, "a whole number")
    return value


def moment(payload: Payload, name: str) -> datetime:
    """Give an aware moment from milliseconds since 1970."""
    milliseconds = whole(payload, name)
    try:
        return from_ms(milliseconds)
    except (OverflowError, ValueError, OSError):
        raise MalformedMessage(f"{name}: {milliseconds} is not a moment in milliseconds") from None


def first_moment(payload: Payload, *names: str) -> datetime:
    """Give the first of several moments that the payload carries."""
    present = next((name for name in names if name in payload), names[0])
    return moment(payload, present)


def is_true(payload: Payload, name: str) -> bool:
    """Give a truth value that must be there."""
    value = _present(payload, name)
    if not isinstance(value, bool):
        raise _wrong(name, value, "a truth value")
    return value


def objects(payload: Payload, name: str) -> list[Payload]:
    """Give a list of objects that must be there; it may be empty."""
    return [as_object(item, name) for item in as_list(_present(payload, name), name)]


def _present(payload: Payload, name: str) -> object:
    if name not in payload:
        raise MalformedMessage(f"{name} is missing")
    return payload[name]


def _wrong(name: str, value: object, wanted: str) -> MalformedMessage:
    return MalformedMessage(f"{name}: {str(value)[:40]!r} is not {wanted}")
