"""The product's REST client under the faults of HTTP: what is not known for certain is never called known."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from tests.support.paper_venue import PaperServer
from tests.support.wire import SYMBOL, a_resting_sale, an_account, clock
from trading.domain.ports import VenueUncertain
from trading.exchange.client import BinanceVenue

TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def server() -> Iterator[PaperServer]:
    with PaperServer() as server:
        yield server


@pytest.fixture
def venue(server: PaperServer, redis_client: redis.Redis) -> Iterator[BinanceVenue]:
    server.disarm()
    venue = an_account(server, redis_client, timeout_s=TIMEOUT_S)
    venue.sync_clock()  # not in the middle of a test
    yield venue
    venue.close()


def executions(server: PaperServer, client_order_id: str) -> int:
    return sum(order["clientOrderId"] == client_order_id for order in server.paper("ledger")["orders"])


@pytest.mark.parametrize(
    ("fault", "params", "executed"),
    [
        (50, {"how": "reset"}, 0),
        (50, {"how": "gateway"}, 0),
        (50, {"how": "silent"}, 0),
        (71, {"executes": False}, 0),
        (71, {"executes": True}, 1),
        (73, {"mode": "broken-gzip"}, 1),
        (73, {"mode": "bom"}, 1),
        (73, {"mode": "not-utf8"}, 1),
        (74, {"status": 302}, 0),
        (74, {"status": 307, "executes": True}, 1),
        (74, {"status": 308, "executes": True}, 1),
        (75, {"mode": "cut"}, 1),
        (75, {"mode": "drip", "drip_s": 10}, 1),
    ],
)
def test_an_order_is_uncertain_and_sent_once(
    server: PaperServer, venue: BinanceVenue, *, fault: int, params: dict[str, Any], executed: int
) -> None:
    order = a_resting_sale(server)
    server.arm(fault, **params)

    with pytest.raises(VenueUncertain):
        venue.submit_order(order)

    server.disarm()
    assert executions(server, order.client_order_id) == executed
    assert [row["fired"] for row in server.paper("faults")["spent"]][-1] == 1


def test_an_answer_that_trickles_is_given_up_in_time(server: PaperServer, venue: BinanceVenue) -> None:
    order = a_resting_sale(server)
    server.arm(75, drip_s=10)
    began_s = time.monotonic()

    with pytest.raises(VenueUncertain, match="too long"):
        venue.submit_order(order)

    assert time.monotonic() - began_s < 4 * TIMEOUT_S
    venue.server_time()  # the next call finds a connection that is sound


def test_an_answer_packed_unasked_is_read(server: PaperServer, venue: BinanceVenue) -> None:
    order = a_resting_sale(server)
    server.arm(73, mode="gzip")

    assert venue.submit_order(order).client_order_id == order.client_order_id


def test_trade_ids_with_holes_are_taken_as_they_are(server: PaperServer, venue: BinanceVenue) -> None:
    client = server.client()
    server.arm(66, count=None, max_gap=1000)
    bought = [client.order_market_buy(symbol=SYMBOL, quantity="0.001")["fills"][0] for _ in range(3)]

    fills = venue.list_fills(SYMBOL, since=clock() - timedelta(minutes=1))

    assert {fill["tradeId"] for fill in bought} <= {fill.venue_fill_id for fill in fills}
