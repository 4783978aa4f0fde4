"""Each way in which a call can fail is judged by its consequence, for orders and for queries apart."""

import json
import socket
from types import SimpleNamespace

import pytest
import requests
import urllib3
from binance.client import Client
from binance.exceptions import BinanceAPIException, BinanceRequestException

from trading.domain.ports import OrderNotFound, VenueRefused, VenueUnavailable, VenueUncertain
from trading.exchange import faults
from trading.exchange.fields import MalformedMessage

HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
POOL = urllib3.HTTPConnectionPool("venue.test")
CONNECTION = urllib3.connection.HTTPConnection("venue.test")


def answered(status: int, code: int | None, message: str = "words") -> BinanceAPIException:
    body = HTML if code is None else json.dumps({"code": code, "msg": message})
    return BinanceAPIException(SimpleNamespace(text=body, request=None), status, body)


@pytest.mark.parametrize(
    ("status", "code", "of_order", "of_query"),
    [
        (400, -2010, VenueRefused, VenueRefused),
        (400, -1013, VenueRefused, VenueRefused),
        (400, -1111, VenueRefused, VenueRefused),
        (401, -2015, VenueRefused, VenueRefused),
        (400, -2039, VenueRefused, VenueRefused),
        (400, -2011, OrderNotFound, OrderNotFound),
        (400, -2013, OrderNotFound, OrderNotFound),
        (400, -2026, OrderNotFound, OrderNotFound),
        (504, -1007, VenueUncertain, VenueUnavailable),
        (400, -1006, VenueUncertain, VenueUnavailable),
        (500, -1000, VenueUncertain, VenueUnavailable),
        (400, -1001, VenueUncertain, VenueUnavailable),
        (503, -1016, VenueUnavailable, VenueUnavailable),
        (502, None, VenueUncertain, VenueUnavailable),
        (404, None, VenueUncertain, VenueUnavailable),
        (503, -1008, VenueUnavailable, VenueUnavailable),
        (429, -1003, VenueUnavailable, VenueUnavailable),
        (429, -1015, VenueUnavailable, VenueUnavailable),
        (418, -1003, VenueUnavailable, VenueUnavailable),
        (418, None, VenueUnavailable, VenueUnavailable),
        (400, -1021, VenueUnavailable, VenueUnavailable),
        (400, -1022, VenueUnavailable, VenueUnavailable),
        (403, None, VenueUnavailable, VenueUnavailable),
    ],
)
def test_an_answer_is_judged_by_status_and_code(
    status: int, code: int | None, *, of_order: type[Exception], of_query: type[Exception]
) -> None:
    error = answered(status, code)

    assert type(faults.order_fault(error)) is of_order
    assert type(faults.query_fault(error)) is of_query


def test_a_cancel_that_was_restricted_is_a_refusal() -> None:
    error = answered(400, -2011, "Order was not canceled due to cancel restrictions.")

    assert type(faults.order_fault(error)) is VenueRefused


def test_an_id_that_is_taken_already_leaves_the_order_in_doubt() -> None:
    error = answered(400, -2010, "Duplicate order sent.")

    assert type(faults.order_fault(error)) is VenueUncertain


def _connection_error(cause: Exception) -> Exception:
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(POOL, "/api/v3/order", cause))


NEVER_SENT = [
    urllib3.exceptions.NewConnectionError(CONNECTION, "refused"),
    urllib3.exceptions.NameResolutionError("venue.test", CONNECTION, socket.gaierror()),
    urllib3.exceptions.ConnectTimeoutError(POOL, "slow"),
    requests.ConnectTimeout("slow"),
    ConnectionRefusedError(111, "refused"),
    _connection_error(urllib3.exceptions.NewConnectionError(CONNECTION, "refused")),
]
MAYBE_SENT = [
    urllib3.exceptions.ReadTimeoutError(POOL, "/api/v3/order", "slow"),
    urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")),
    requests.ReadTimeout("slow"),
    requests.ConnectionError("Connection aborted."),
    requests.exceptions.ChunkedEncodingError("cut"),
    _connection_error(urllib3.exceptions.ProtocolError("cut")),
    ConnectionResetError(104, "reset"),
    BinanceRequestException("Invalid Response: <html>"),
    MalformedMessage("orderReports is missing"),
]


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda error: type(error).__name__)
def test_what_never_left_is_unavailable(error: Exception) -> None:
    assert isinstance(error, faults.CALL_ERRORS)
    assert type(faults.order_fault(error)) is VenueUnavailable


@pytest.mark.parametrize("error", MAYBE_SENT, ids=lambda error: type(error).__name__)
def test_what_may_have_arrived_is_uncertain_and_a_query_merely_unanswered(error: Exception) -> None:
    assert isinstance(error, faults.CALL_ERRORS)
    assert type(faults.order_fault(error)) is VenueUncertain
    assert type(faults.query_fault(error)) is VenueUnavailable


@pytest.mark.parametrize("body", ['[{"code": -1}]', '"words"', "null", "7"])
def test_an_error_body_that_is_no_object_is_uncertain(body: str) -> None:
    response = SimpleNamespace(status_code=400, text=body, request=None)

    with pytest.raises(faults.CALL_ERRORS) as raised:
        Client._handle_response(response)

    assert type(faults.order_fault(raised.value)) is VenueUncertain


@pytest.mark.parametrize(
    "words",
    [
        "https://api.venue.test/api/v3/order?symbol=A&signature=abc123secret",
        "Max retries exceeded with url: /api/v3/order?timestamp=1&signature=abc123secret (Caused by)",
        "{'X-MBX-APIKEY': 'abc123secret'}",
        'apiKey="abc123secret" was wrong',
        "signature=abc123secret",
    ],
)
def test_no_secret_survives_the_scrubbing(words: str) -> None:
    assert "abc123secret" not in faults.scrub(words)


def test_markup_is_taken_out_and_the_text_is_short() -> None:
    assert faults.scrub(HTML) == "502 Bad Gateway   nginx"
    assert len(faults.scrub("x" * 5000)) == faults.MAX_TEXT
