"""Faults of HTTP from 71 on: what the client gets, and whether the order was executed."""

from __future__ import annotations

import itertools
import time

import orjson
import pytest
import requests

from tests.support.paper_venue import PaperServer

_ids = itertools.count(1)


def buy(venue: PaperServer) -> requests.Response:
    """Send a resting order under a new id; follow nowhere."""
    terms = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001", "price": "20000"}
    return venue.signed(
        "POST", "order", {"symbol": "BTCUSDT", "newClientOrderId": f"carried-{next(_ids)}", **terms}
    )


def executions(venue: PaperServer) -> int:
    """Count how often the order sent last is in the books."""
    last = f"carried-{next(_ids) - 1}"
    return sum(order["clientOrderId"] == last for order in venue.paper("ledger")["orders"])


@pytest.mark.parametrize("executes", [False, True])
def test_fault_71_hangs_up_on_a_post(venue: PaperServer, *, executes: bool) -> None:
    venue.arm("keep-alive-closed", executes=executes)

    with pytest.raises(requests.ConnectionError, match="without response"):
        buy(venue)

    assert executions(venue) == executes
    assert buy(venue).status_code == 200


def test_fault_72_gives_the_reply_of_the_order_before(venue: PaperServer) -> None:
    venue.arm("foreign-reply")
    first = buy(venue).json()

    second = buy(venue).json()

    assert second == first
    assert executions(venue) == 1
    assert venue.paper("faults")["spent"][-1]["fired"] == 1


def test_fault_73_may_compress_what_nobody_asked_for(venue: PaperServer) -> None:
    venue.arm("odd-encoding", mode="gzip")

    answer = buy(venue)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["status"] == "NEW"


def test_fault_73_may_break_off_the_compression(venue: PaperServer) -> None:
    venue.arm(73, mode="broken-gzip")

    answer = buy(venue)

    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert executions(venue) == 1


def test_faults_73_and_42_may_strike_the_same_answer(venue: PaperServer) -> None:
    venue.arm(42, shape="truncated")
    venue.arm(73, mode="bom")

    answer = buy(venue)

    assert (answer.status_code, executions(venue)) == (200, 1)
    assert answer.content.startswith(b"\xef\xbb\xbf{")


@pytest.mark.parametrize("mode", ["bom", "not-utf8"])
def test_fault_73_sends_what_is_not_plain_json(venue: PaperServer, mode: str) -> None:
    venue.arm(73, mode=mode)

    answer = buy(venue)

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.content)
    assert executions(venue) == 1


@pytest.mark.parametrize(("executes", "status"), [(False, 302), (True, 307)])
def test_fault_74_sends_the_order_elsewhere(venue: PaperServer, *, executes: bool, status: int) -> None:
    venue.arm("redirect", status=status, executes=executes)

    [sent_away] = buy(venue).history

    assert (sent_away.status_code, sent_away.headers["Location"]) == (status, "/api/v3/order")
    assert executions(venue) == executes


def test_fault_75_trickles(venue: PaperServer) -> None:
    venue.arm("slow-body", drip_s=0.6)
    began_s = time.monotonic()

    answer = buy(venue)

    assert time.monotonic() - began_s >= 0.5
    assert answer.json()["status"] == "NEW"


def test_fault_75_breaks_off_in_the_middle(venue: PaperServer) -> None:
    venue.arm(75, mode="cut")

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        buy(venue)

    assert executions(venue) == 1
