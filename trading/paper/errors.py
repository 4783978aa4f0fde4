"""The refusals of the venue: one exception with the venue's code and text, and a maker for each usual one.

Everything in this package that refuses a request raises VenueError; the server turns it into
`{"code":…,"msg":…}` with the HTTP status, or into the error object of the WS API.
Nothing here may invent a text: a bot reads these words to decide what happened to its money.
"""

from __future__ import annotations

from typing import Any

QTY_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID_RANGE = r"^[a-zA-Z0-9-_]{1,36}$"
INTEGER_RANGE = r"^[0-9]{1,20}$"

INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
DUPLICATE_ORDER = "Duplicate order sent."
UNKNOWN_ORDER = "Unknown order sent."
WOULD_TRIGGER = "Order would trigger immediately."
WOULD_TAKE = "Order would immediately match and take."
BAD_PRICES = "The relationship of the prices for the orders is not correct."
MARKET_CLOSED = "Market is closed."
WRONG_PHASE = "This order type is not possible in this trading phase."
CANCEL_RESTRICTED = "Order was not canceled due to cancel restrictions."
AMEND_INCREASE = "Order amend (quantity increase) is not supported."
AMEND_NO_CHANGE = "The requested action would change no state; rejecting."
AMEND_PENDING_OPO = "Order amend (pending OPO order) is not supported."


class VenueError(Exception):
    """A refusal in the venue's own terms.

    Args:
        status: HTTP status (the WS API uses the same number).
        code: The venue's negative code.
        message: The venue's `msg`, word for word.
        data: Extra object beside code and msg (cancelReplace, retryAfter).
        headers: HTTP headers that must go with it (Retry-After).
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.data = data
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """Give the JSON body of the refusal."""
        body: dict[str, Any] = {"code": self.code, "msg": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


def bad_request(code: int, message: str) -> VenueError:
    """Refuse with HTTP 400, the status of nearly every refusal."""
    return VenueError(400, code, message)


def illegal_characters(parameter: str, legal: str = QTY_RANGE) -> VenueError:
    """Refuse a text that does not match its legal range (-1100)."""
    return bad_request(
        -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal}'."
    )


def duplicate_parameter() -> VenueError:
    """Refuse a parameter that was sent twice (-1101)."""
    return bad_request(-1101, "Duplicate values for a parameter detected.")


def mandatory(parameter: str) -> VenueError:
    """Refuse for want of a parameter (-1102)."""
    return bad_request(
        -1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."
    )


def either_mandatory(first: str, second: str) -> VenueError:
    """Refuse when neither of two parameters was sent (-1102)."""
    return bad_request(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def unread(*, read: int, sent: int) -> VenueError:
    """Refuse parameters nobody asked for (-1104); the numbers include timestamp and signature as sent."""
    return bad_request(
        -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    )


def empty(parameter: str) -> VenueError:
    """Refuse an empty value (-1105)."""
    return bad_request(-1105, f"Parameter '{parameter}' was empty.")


def not_required(parameter: str) -> VenueError:
    """Refuse a parameter that this order type has no use for (-1106)."""
    return bad_request(-1106, f"Parameter '{parameter}' sent when not required.")


def overflow(parameter: str) -> VenueError:
    """Refuse a number that is too large (-1108)."""
    return bad_request(-1108, f"Parameter '{parameter}' overflowed.")


def too_precise(parameter: str) -> VenueError:
    """Refuse more decimals than the asset has (-1111)."""
    return bad_request(-1111, f"Parameter '{parameter}' has too much precision.")


def invalid_symbol() -> VenueError:
    """Refuse an unknown symbol (-1121)."""
    return bad_request(-1121, "Invalid symbol.")


def bad_combination() -> VenueError:
    """Refuse optional parameters that do not go together (-1128)."""
    return bad_request(-1128, "Combination of optional parameters invalid.")


def invalid_data(parameter: str) -> VenueError:
    """Refuse a value outside its enumeration (-1130)."""
    return bad_request(-1130, f"Data sent for parameter '{parameter}' is not valid.")


def interval_too_long(hours: int = 24) -> VenueError:
    """Refuse a time window above the limit (-1127)."""
    return bad_request(-1127, f"More than {hours} hours between startTime and endTime.")


def filter_failure(filter_type: str) -> VenueError:
    """Refuse by a filter of the symbol (-1013)."""
    return bad_request(-1013, f"Filter failure: {filter_type}")


def order_rejected(text: str) -> VenueError:
    """Refuse in the matching engine (-2010)."""
    return bad_request(-2010, text)


def cancel_rejected(text: str = UNKNOWN_ORDER) -> VenueError:
    """Refuse a cancel (-2011)."""
    return bad_request(-2011, text)


def amend_rejected(text: str) -> VenueError:
    """Refuse an amendment (-2038)."""
    return bad_request(-2038, text)


def no_such_order() -> VenueError:
    """Answer a query for an order the venue does not have (-2013)."""
    return bad_request(-2013, "Order does not exist.")


def client_id_mismatch() -> VenueError:
    """Answer a query whose order id and client order id name different orders (-2039)."""
    return bad_request(-2039, "Client order ID is not correct for this order ID.")
