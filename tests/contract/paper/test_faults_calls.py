"""Faults 1 to 10: each is armed, acts on the wire, and leaves the books as it says."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.support.paper_venue import PaperServer

_ids = itertools.count(1)


def buy(client: Client) -> str:
    """Send a resting order and give its client order id, whatever comes of it."""
    client_id = f"fault-{next(_ids)}"
    client.order_limit_buy(symbol="BTCUSDT", quantity="0.001", price="20000", newClientOrderId=client_id)
    return client_id


def is_in_the_books(venue: PaperServer) -> bool:
    """Tell whether the order sent last is known to the venue."""
    last = f"fault-{next(_ids) - 1}"
    return any(order["clientOrderId"] == last for order in venue.paper("ledger")["orders"])


def test_fault_1_executes_and_resets_the_connection(venue: PaperServer, client: Client) -> None:
    venue.arm(1)

    with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        buy(client)

    assert is_in_the_books(venue)


@pytest.mark.parametrize("status", [502, 504])
def test_fault_2_executes_and_a_gateway_answers(venue: PaperServer, client: Client, status: int) -> None:
    venue.arm("post-executes-gateway-error", status=status)

    with pytest.raises(BinanceAPIException) as refusal:
        buy(client)

    assert (refusal.value.status_code, refusal.value.code) == (status, 0)
    assert refusal.value.response.headers["Content-Type"] == "text/html"
    assert is_in_the_books(venue)


@pytest.mark.parametrize(
    ("fault", "params", "outcome"),
    [
        (3, {"delay_s": 0.1}, (-1007, True)),
        (4, {}, (-1007, False)),
        (5, {}, (-1006, True)),
        (5, {"executes": False}, (-1006, False)),
        (6, {"code": -1000}, (-1000, False)),
        (6, {"code": -1001, "executes": True}, (-1001, True)),
        (7, {}, (-1008, False)),
    ],
)
def test_faults_3_to_7_answer_their_code(
    venue: PaperServer, client: Client, *, fault: int, params: dict[str, Any], outcome: tuple[int, bool]
) -> None:
    venue.arm(fault, **params)

    with pytest.raises(BinanceAPIException) as refusal:
        buy(client)

    assert (refusal.value.code, is_in_the_books(venue)) == outcome
    assert refusal.value.status_code >= 500


def test_fault_8_executes_and_answers_after_the_client_gave_up(venue: PaperServer) -> None:
    impatient = venue.client(requests_params={"timeout": 0.2})
    venue.arm("slow-reply", delay_s=0.5)

    with pytest.raises(requests.exceptions.ReadTimeout):
        buy(impatient)

    assert is_in_the_books(venue)


def test_fault_9_refuses_what_grew_too_old_and_counts_it(venue: PaperServer, client: Client) -> None:
    client.REQUEST_RECVWINDOW = 300
    venue.arm("late-to-engine")

    with pytest.raises(BinanceAPIException) as refusal:
        buy(client)

    assert refusal.value.code == -1021
    assert refusal.value.message == "Timestamp for this request is outside of the recvWindow."
    assert venue.paper("status")["orders_1d"] == 1
    assert not is_in_the_books(venue)


def test_fault_10_cannot_read_a_young_order(venue: PaperServer, client: Client) -> None:
    armed = venue.arm("read-lag", count=None, window_s=60)
    client_id = buy(client)

    with pytest.raises(BinanceAPIException) as refusal:
        client.get_order(symbol="BTCUSDT", origClientOrderId=client_id)

    assert (refusal.value.code, refusal.value.message) == (-2013, "Order does not exist.")
    requests.delete(f"{venue.url}/paper/faults?id={armed['id']}", timeout=20)
    assert client.get_order(symbol="BTCUSDT", origClientOrderId=client_id)["status"] == "NEW"


def test_a_fault_strikes_as_often_as_it_was_told(venue: PaperServer, client: Client) -> None:
    venue.arm("overload", count=2)

    for _ in range(2):
        with pytest.raises(BinanceAPIException, match="overloaded"):
            buy(client)
    buy(client)

    assert venue.paper("faults")["armed"] == []
    assert venue.paper("faults")["spent"][-1]["fired"] == 2


def test_a_fault_may_let_some_calls_pass_first(venue: PaperServer, client: Client) -> None:
    venue.arm("overload", skip=1)

    buy(client)
    with pytest.raises(BinanceAPIException, match="overloaded"):
        buy(client)


def test_a_fault_may_strike_one_method_or_symbol_only(venue: PaperServer, client: Client) -> None:
    venue.arm("overload", count=None, methods=["order.cancel"])
    venue.arm("overload", count=None, symbol="ETHUSDT")
    client_id = buy(client)

    with pytest.raises(BinanceAPIException, match="overloaded"):
        client.cancel_order(symbol="BTCUSDT", origClientOrderId=client_id)


def test_chances_repeat_with_the_seed(venue: PaperServer, client: Client) -> None:
    def outcomes() -> list[bool]:
        body = {"fault": 7, "count": None, "seed": 5, "params": {"chance": 0.5}}
        requests.post(f"{venue.url}/paper/faults", json=body, timeout=20)
        struck = []
        for _ in range(12):
            before = venue.paper("faults")["fired"].get("overload", 0)
            venue.signed("POST", "order", {"symbol": "BTCUSDT"})
            struck.append(venue.paper("faults")["fired"]["overload"] > before)
        venue.disarm()
        return struck

    first = outcomes()

    assert first == outcomes()
    assert 0 < sum(first) < 12
