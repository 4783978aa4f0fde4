"""What a caller may still ask for: weights, headers, 429, 418, order counts."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.support.paper_venue import PaperServer, now_ms, wait_until
from trading.paper.rest_market import MARKET_ROUTES
from trading.paper.routes import TRADING_ROUTES

WEIGHTS = {route.method: route.weight for route in (*MARKET_ROUTES, *TRADING_ROUTES)}
BUY: dict[str, Any] = {"symbol": "BTCUSDT", "quantity": "0.001", "price": "20000"}


@pytest.fixture(autouse=True)
def _minute_does_not_turn() -> None:
    """Begin early enough for all counts of a test to fall into one minute."""
    wait_until(lambda: now_ms() % 60_000 < 58_000)


def used_weight(client: Client) -> int:
    return int(client.response.headers["X-MBX-USED-WEIGHT-1M"])


def counts(client: Client) -> tuple[int, int]:
    headers = client.response.headers
    return int(headers["X-MBX-ORDER-COUNT-10S"]), int(headers["X-MBX-ORDER-COUNT-1D"])


def get(venue: PaperServer, path: str) -> requests.Response:
    return requests.get(f"{venue.url}/api/v3/{path}", timeout=20)


@pytest.mark.parametrize(
    ("method", "params", "weight"),
    [
        ("depth", {}, 5),
        ("depth", {"limit": "500"}, 25),
        ("depth", {"limit": "5000"}, 250),
        ("ticker.price", {"symbol": "BTCUSDT"}, 2),
        ("ticker.price", {}, 4),
        ("ticker.24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
        ("ticker.24hr", {}, 80),
        ("ticker", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 8),
        ("openOrders.status", {"symbol": "BTCUSDT"}, 6),
        ("openOrders.status", {}, 80),
        ("myTrades", {"orderId": "1"}, 5),
        ("myTrades", {}, 20),
        ("order.test", {"computeCommissionRates": "true"}, 20),
        ("exchangeInfo", {}, 20),
    ],
)
def test_a_call_weighs_what_the_venue_says(method: str, params: dict[str, str], weight: int) -> None:
    assert WEIGHTS[method](params) == weight


def test_every_reply_tells_the_used_weight(client: Client) -> None:
    client.get_exchange_info()
    before = used_weight(client)
    client.get_klines(symbol="BTCUSDT", interval="1m")

    assert used_weight(client) == before + 2


def test_an_accepted_order_and_its_cancel_weigh_nothing(client: Client) -> None:
    client.ping()
    before = used_weight(client)
    placed = client.order_limit_buy(**BUY)
    client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])

    assert used_weight(client) == before


def test_a_refused_order_weighs_one(client: Client) -> None:
    client.ping()
    before = used_weight(client)

    with pytest.raises(BinanceAPIException):
        client.order_limit_buy(**{**BUY, "quantity": "0.00000001"})

    client.ping()
    assert used_weight(client) == before + 2  # the refusal and the ping


def test_an_accepted_order_tells_the_order_counts(client: Client) -> None:
    client.order_limit_buy(**BUY)
    first = counts(client)
    client.order_limit_buy(**BUY)

    assert counts(client)[1] == first[1] + 1


def test_beyond_the_weight_limit_is_429_until_the_minute_turns(venue: PaperServer) -> None:
    venue.control(limits={"weight_limit": 3})

    get(venue, "klines?symbol=BTCUSDT&interval=1m")
    answer = get(venue, "klines?symbol=BTCUSDT&interval=1m")

    assert (answer.status_code, answer.json()["code"]) == (429, -1003)
    assert answer.json()["msg"].startswith("Too much request weight used; current limit is 3 request weight")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_going_on_after_429_is_a_ban(venue: PaperServer) -> None:
    venue.control(limits={"weight_limit": 1})

    answers = [get(venue, "avgPrice?symbol=BTCUSDT") for _ in range(12)]

    assert [answer.status_code for answer in answers] == [429] * 10 + [418] * 2
    assert answers[-1].json()["msg"].startswith("Way too much request weight used; IP banned until")
    assert 100 <= int(answers[-1].headers["Retry-After"]) <= 120


def test_a_ban_ends_when_it_is_over(venue: PaperServer) -> None:
    get(venue, "ping")
    venue.control(ban_s=3600)
    banned = get(venue, "ping").status_code

    venue.control(skew_ms=3_601_000)

    assert (banned, get(venue, "ping").status_code) == (418, 200)


def buy_three_times(client: Client) -> None:
    """Place three orders."""
    for _ in range(3):
        client.order_limit_buy(**BUY)


@pytest.mark.parametrize(
    ("limits", "interval"), [({"10s": 1}, "10 SECONDS"), ({"1d": 1}, "1 DAY")], ids=["seconds", "day"]
)
def test_too_many_unfilled_orders_are_1015(
    venue: PaperServer, client: Client, limits: dict[str, int], interval: str
) -> None:
    venue.control(order_limits=limits)

    with pytest.raises(BinanceAPIException) as refusal:
        buy_three_times(client)  # intervals end by the clock: two at least fall into one

    assert (refusal.value.status_code, refusal.value.code) == (429, -1015)
    assert refusal.value.message == f"Too many new orders; current limit is 1 orders per {interval}."
    assert int(refusal.value.response.headers["Retry-After"]) >= 1


def test_a_taker_fill_gives_its_count_back(client: Client) -> None:
    client.order_limit_buy(**BUY)
    before = counts(client)[1]
    client.order_market_buy(symbol="BTCUSDT", quantity="0.001")

    assert counts(client)[1] == before


def test_the_counts_can_be_asked_for(client: Client) -> None:
    client.order_limit_buy(**BUY)

    rows = client.get_current_order_count()

    assert [(row["interval"], row["intervalNum"], row["limit"]) for row in rows] == [
        ("SECOND", 10, 100),
        ("DAY", 1, 200_000),
    ]
    assert rows[1]["count"] >= 1
