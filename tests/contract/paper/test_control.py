"""The control port: listing and refusing faults, the ledger, deposits, the tally of calls."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests
from binance.client import Client

from tests.support.paper_venue import PaperServer


def refused(venue: PaperServer, path: str, body: Any) -> str:
    answer = requests.post(f"{venue.url}/paper/{path}", json=body, timeout=20)
    assert answer.status_code == 400
    text: str = answer.json()["error"]
    assert "\n" not in text
    return text


def test_known_faults_are_listed_with_their_settings(venue: PaperServer) -> None:
    known = {row["fault"]: row for row in venue.paper("faults")["known"]}

    assert set(range(1, 11)) | {46, 48, 58} <= set(known)
    assert known[2]["params"]["status"] == {"default": 504, "allowed": "one of 502, 503, 504"}


def test_an_armed_fault_is_listed_until_it_is_cleared(venue: PaperServer) -> None:
    armed = venue.arm(1, count=3)

    listed = venue.paper("faults")["armed"]
    venue.disarm()

    assert [(row["id"], row["name"], row["left"]) for row in listed] == [
        (armed["id"], "post-executes-reply-lost", 3)
    ]
    assert venue.paper("faults")["armed"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"fault": "flood"}, ["'flood'", "1 post-executes-reply-lost", "10 read-lag"]),
        ({"fault": 1, "count": 0}, ["count", "whole number from 1"]),
        ({"fault": 1, "times": 2}, ["'times'", "fault, count, params, seed"]),
        ({"fault": 2, "params": {"status": 500}}, ["'status'", "one of 502, 503, 504"]),
        ({"fault": 3, "params": {"delay": 1}}, ["'delay'", "delay_s"]),
        ({"fault": 3, "params": {"delay_s": -1}}, ["'delay_s'", "a number from 0 to 120"]),
        ([1], ["JSON object"]),
    ],
)
def test_a_wrong_fault_is_refused_in_one_line(venue: PaperServer, body: Any, words: list[str]) -> None:
    text = refused(venue, "faults", body)

    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"destroy": 1},
        {"deposit": {"asset": "USDT", "amount": "-5"}},
        {"withdraw": {"asset": "USDT", "amount": "999999999"}},
        {"rhythm": {"sing": 1}},
        {"ban_s": "long"},
    ],
)
def test_a_wrong_control_act_is_refused_in_one_line(venue: PaperServer, body: dict[str, Any]) -> None:
    assert refused(venue, "control", body)


def test_deposits_and_withdrawals_are_in_the_ledger(venue: PaperServer) -> None:
    before = Decimal(venue.paper("ledger")["balances"]["USDT"]["free"])

    venue.control(deposit={"asset": "USDT", "amount": "12.5"}, withdraw={"asset": "USDT", "amount": "2"})

    assert Decimal(venue.paper("ledger")["balances"]["USDT"]["free"]) - before == Decimal("10.5")


def test_the_status_tallies_calls_by_outcome(venue: PaperServer, client: Client) -> None:
    client.ping()
    requests.get(f"{venue.url}/api/v3/klines?symbol=NOPE&interval=1m", timeout=20)

    calls = venue.paper("status")["calls"]

    assert calls["ping"]["200"] >= 1
    assert calls["klines"]["-1121"] >= 1
