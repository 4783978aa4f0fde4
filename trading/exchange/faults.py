"""HTTP status, venue code and transport error into the one question that matters: was it executed?

Called by the REST client for every failed call, for order entry and for queries separately, because an
unanswered query can be asked again while an unanswered order cannot. Never retries anything and never lets
a URL, a key or a signature into an error's text.

Sources: binance-spot-api-docs errors.md and rest-api.md ("General information on error codes"), read 2026-07.
"""

import re
import socket
import ssl

import requests
import urllib3
from binance.exceptions import BinanceAPIException, BinanceRequestException

from trading.domain.ports import OrderNotFound, VenueError, VenueRefused, VenueUnavailable, VenueUncertain
from trading.exchange.fields import UnknownMessage

Fault = VenueError | OrderNotFound

# The venue's gateway could not tell what the matching engine did.
CODES_UNCERTAIN = frozenset({-1000, -1001, -1006, -1007})
# Turned away before the matching engine: limits, overload, service shut, clock, signature.
CODES_UNAVAILABLE = frozenset({-1003, -1008, -1015, -1016, -1021, -1022})
# -2011 Unknown order sent (cancel), -2013 Order does not exist (query), -2026 archived without a fill.
CODES_NOT_FOUND = frozenset({-2011, -2013, -2026})
CANCEL_RESTRICTED = "not canceled due to cancel restrictions"
# We send an id once: where it is taken, something on the way sent the request twice, and the first may be in.
DUPLICATE = "Duplicate order sent"
# 403 is the firewall, 418 a ban, 429 a spent budget: none of them lets a request through.
STATUSES_UNAVAILABLE = frozenset({403, 418, 429})

# -2021 one half of a cancel-replace was done, -2022 none: the answer says which.
CODES_HALF_REPLACED = frozenset({-2021, -2022})

CODE_CLOCK = -1021
CODE_ORDER_LIMIT = -1015
CODE_NO_SUCH_SYMBOL = -1121

_SECRET = re.compile(
    r"(?i)(signature|api-?key|x-mbx-apikey|listenkey|secret)([\"']?\s*[=:]\s*[\"']?)[^\s&\"',}<>]+"
)
_URL = re.compile(r"(?i)\b(?:https?|wss?)://\S+|/(?:s?api)/v\d\S*\?\S+")
_MARKUP = re.compile(r"<[^>]*>")
MAX_TEXT = 200


def scrub(words: str) -> str:
    """Give a text safe to log: no address with its query, no signature, no key, no markup, not long."""
    return _SECRET.sub(r"\1\2***", _URL.sub("<address>", _MARKUP.sub(" ", words))).strip()[:MAX_TEXT]


def order_fault(error: Exception) -> Fault:
    """Judge an error of a call that changes something: new order, order list, cancel."""
    if isinstance(error, BinanceAPIException):
        return _answered(error, is_order_entry=True)
    if never_left(error):
        return VenueUnavailable(f"no connection: {scrub(str(error))}")
    return VenueUncertain(f"no usable answer: {type(error).__name__}: {scrub(str(error))}")


def query_fault(error: Exception) -> Fault:
    """Judge an error of a call that only asks: it changed nothing, so asking again is safe."""
    if isinstance(error, BinanceAPIException):
        return _answered(error, is_order_entry=False)
    return VenueUnavailable(f"no usable answer: {type(error).__name__}: {scrub(str(error))}")


# Everything that a call may raise; what is not here is a defect of ours and travels on.
CALL_ERRORS: tuple[type[Exception], ...] = (
    BinanceAPIException,
    BinanceRequestException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    UnknownMessage,
    AttributeError,  # python-binance cannot build its exception from an error body that is no object
    OSError,
)


def never_left(error: BaseException) -> bool:
    """Tell whether the error proves that no byte of the request was sent."""
    return any(isinstance(link, _CONNECT_ERRORS) for link in _chain(error))


def was_cut(error: BaseException) -> bool:
    """Tell whether the connection ended before an answer: the other end may close a kept one."""
    return any(isinstance(link, ConnectionResetError | BrokenPipeError) for link in _chain(error))


_CONNECT_ERRORS = (
    requests.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ConnectionRefusedError,
    socket.gaierror,
    ssl.SSLCertVerificationError,
)


def _answered(error: BinanceAPIException, *, is_order_entry: bool) -> Fault:
    status = int(error.status_code)
    code = error.code if isinstance(error.code, int) else 0
    words = f"HTTP {status}, code {code}: {scrub(str(error.message))}"
    if code in CODES_NOT_FOUND and CANCEL_RESTRICTED not in words:
        return OrderNotFound(words)
    if code in CODES_UNAVAILABLE or status in STATUSES_UNAVAILABLE:
        return VenueUnavailable(words, code=code)
    if code in CODES_UNCERTAIN or status >= 500 or code == 0 or DUPLICATE in words:
        return (VenueUncertain if is_order_entry else VenueUnavailable)(words, code=code)
    return VenueRefused(words, code=code)


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        link = pending.pop()
        if isinstance(link, BaseException) and link not in links:
            links.append(link)
            # requests hands urllib3's error on as an argument, urllib3 keeps the cause as `reason`.
            pending += [link.__cause__, getattr(link, "reason", None), *link.args]
    return links
