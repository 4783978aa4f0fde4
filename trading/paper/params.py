"""Reading of request parameters: presence, spelling, precision, enumerations; unread ones are refused.

Every method of the engine reads its parameters through `Params` and ends with `done()`. The order of
checks is the venue's: text and precision of a number before anything that it means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from trading.paper import errors

NUMBER = re.compile(errors.QTY_RANGE)
INTEGER = re.compile(errors.INTEGER_RANGE)
CLIENT_ID = re.compile(errors.CLIENT_ID_RANGE)
MAX_DECIMALS = 8
MAX_NUMBER = Decimal("92233720368.54775807")
MAX_INTEGER = 2**63 - 1
TRANSPORT = ("timestamp", "signature", "recvWindow", "apiKey")  # read by the server, not by us
SIDES = ("BUY", "SELL")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
RESPONSE_TYPES = ("ACK", "RESULT", "FULL")
MAX_LIMIT = 1000
DEFAULT_LIMIT = 500


class Params:
    """The parameters of one request and which of them have been read."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        self._sent = {name: _spell(value) for name, value in sent.items()}
        self._read = {name for name in TRANSPORT if name in self._sent}

    def has(self, name: str) -> bool:
        """Say whether a parameter was sent; this alone does not count as reading it."""
        return name in self._sent

    def sent(self, names: Sequence[str]) -> list[str]:
        """Give those of the names that were sent."""
        return [name for name in names if name in self._sent]

    def optional(self, name: str) -> str | None:
        """Give a text, None if it was not sent; -1105 if it is empty."""
        value = self._sent.get(name)
        if value is None:
            return None
        self._read.add(name)
        if value == "":
            raise errors.empty(name)
        return value

    def required(self, name: str) -> str:
        """Give a text, or refuse with -1102."""
        value = self._sent.get(name)
        if not value:
            raise errors.mandatory(name)
        self._read.add(name)
        return value

    def number(self, name: str) -> Decimal | None:
        """Give an exact number, None if it was not sent; -1100, -1111, -1108."""
        value = self.optional(name)
        return None if value is None else parse_number(name, value)

    def required_number(self, name: str) -> Decimal:
        """Give an exact number, or refuse with -1102."""
        return parse_number(name, self.required(name))

    def integer(self, name: str) -> int | None:
        """Give a whole number, None if it was not sent; -1100, -1108."""
        value = self.optional(name)
        if value is None:
            return None
        if not INTEGER.match(value):
            raise errors.illegal_characters(name, errors.INTEGER_RANGE)
        if int(value) > MAX_INTEGER:
            raise errors.overflow(name)
        return int(value)

    def required_integer(self, name: str) -> int:
        """Give a whole number, or refuse with -1102."""
        self.required(name)
        return self.integer(name) or 0

    def flag(self, name: str) -> bool:
        """Give a truth value, False if it was not sent."""
        value = self.optional(name)
        if value is None:
            return False
        if value not in ("true", "false", "TRUE", "FALSE"):
            raise errors.invalid_data(name)
        return value.lower() == "true"

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Give one of the allowed words, None if it was not sent; -1130 for any other."""
        value = self.optional(name)
        if value is not None and value not in allowed:
            raise errors.invalid_data(name)
        return value

    def side(self, name: str = "side") -> str:
        """Give BUY or SELL, or refuse with -1102 or -1117."""
        value = self.required(name)
        if value not in SIDES:
            raise errors.bad_request(-1117, "Invalid side.")
        return value

    def time_in_force(self, name: str = "timeInForce") -> str | None:
        """Give GTC, IOC or FOK, or refuse with -1115."""
        value = self.optional(name)
        if value is not None and value not in TIMES_IN_FORCE:
            raise errors.bad_request(-1115, "Invalid timeInForce.")
        return value

    def client_id(self, name: str) -> str | None:
        """Give a client order id, None if it was not sent; -1100 for illegal letters."""
        value = self.optional(name)
        if value is not None and not CLIENT_ID.match(value):
            raise errors.illegal_characters(name, errors.CLIENT_ID_RANGE)
        return value

    def limit(self, *, default: int = DEFAULT_LIMIT, maximum: int = MAX_LIMIT) -> int:
        """Give the page length, cut to the maximum."""
        value = self.integer("limit")
        if value is None:
            return default
        if value == 0:
            raise errors.illegal_characters("limit", f"[1, {maximum}]")
        return min(value, maximum)

    def done(self) -> None:
        """Refuse what nobody has read, with -1104."""
        if len(self._read) < len(self._sent):
            raise errors.unread(read=len(self._read), sent=len(self._sent))


def _spell(value: Any) -> str:
    """Spell a JSON value as the form would: the WS API sends numbers and truth values as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def parse_number(name: str, value: str) -> Decimal:
    """Read an exact number; -1100 for illegal text, -1111 for too many decimals, -1108 for overflow."""
    if not NUMBER.match(value):
        raise errors.illegal_characters(name)
    _, _, decimals = value.partition(".")
    if len(decimals) > MAX_DECIMALS:
        raise errors.too_precise(name)
    number = Decimal(value)
    if number > MAX_NUMBER:
        raise errors.overflow(name)
    return number
