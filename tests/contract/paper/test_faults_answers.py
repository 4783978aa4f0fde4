"""Faults 16 to 23 and 42 to 44: limits, clocks, keys, walls and broken answers on the wire."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException, BinanceRequestException

from tests.support.paper_venue import PaperServer

BUY: dict[str, Any] = {"symbol": "BTCUSDT", "quantity": "0.001", "price": "20000"}


def order_count(venue: PaperServer) -> int:
    return len(venue.paper("ledger")["orders"])


@pytest.mark.parametrize(
    ("fault", "params", "answer"),
    [
        (16, {}, (418, -1003)),
        (17, {}, (429, -1003)),
        (18, {}, (429, -1015)),
        (18, {"window": "1d"}, (429, -1015)),
        (20, {}, (403, 0)),
        (21, {"skew_ms": 1500}, (400, -1021)),
        (21, {"skew_ms": -8000}, (400, -1021)),
        (22, {}, (400, -1022)),
        (23, {}, (401, -2015)),
        (44, {}, (503, -1016)),
    ],
)
def test_an_order_is_refused_and_not_executed(
    venue: PaperServer, client: Client, *, fault: int, params: dict[str, Any], answer: tuple[int, int]
) -> None:
    client.ping()
    before = order_count(venue)
    venue.arm(fault, **params)

    with pytest.raises(BinanceAPIException) as refusal:
        client.order_limit_buy(**BUY)

    assert (refusal.value.status_code, refusal.value.code) == answer
    assert ("Retry-After" in refusal.value.response.headers) is (answer[0] in (418, 429))
    assert order_count(venue) == before


def test_fault_19_lets_the_used_weight_jump(venue: PaperServer, client: Client) -> None:
    client.ping()
    venue.arm("weight-jump", by=700)
    client.ping()

    assert int(client.response.headers["X-MBX-USED-WEIGHT-1M"]) >= 701


def test_fault_21_drifts_away(venue: PaperServer, client: Client) -> None:
    venue.arm(21, count=None, skew_ms=0, drift_ms_per_s=-1000)
    first = client.get_server_time()["serverTime"] - time.time() * 1000
    last = first
    while last - first < 20:
        last = client.get_server_time()["serverTime"] - time.time() * 1000
    venue.disarm()

    assert abs(client.get_server_time()["serverTime"] - time.time() * 1000) < 20


@pytest.mark.parametrize(
    ("shape", "error"), [("truncated", BinanceRequestException), ("list", AttributeError)]
)
def test_fault_42_executes_and_cannot_be_read(
    venue: PaperServer, client: Client, *, shape: str, error: type[Exception]
) -> None:
    before = order_count(venue)
    venue.arm("broken-body", shape=shape)

    with pytest.raises(error):
        client.order_limit_buy(**BUY)

    assert order_count(venue) == before + 1


def test_fault_42_may_answer_nothing_at_all(venue: PaperServer, client: Client) -> None:
    venue.arm("broken-body")

    assert client.order_limit_buy(**BUY) == {}


def test_fault_43_holds_replies_until_it_ends(venue: PaperServer, client: Client) -> None:
    began = time.monotonic()
    venue.arm("stall", count=None, stall_s=0.4)
    client.ping()
    first = time.monotonic() - began
    requests.get(f"{venue.url}/api/v3/time", timeout=20)
    both = time.monotonic() - began

    assert 0.35 < first < 1
    assert both - first < 0.3
