"""The way of a call at a venue: cut connections, a venue that fails for a while, clocks that are set."""

import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import redis

from tests.support.paper_venue import PaperServer
from tests.support.wire import SYMBOL, a_resting_sale, an_account, an_order, clock
from trading.domain.orders import OrderStatus, OrderType
from trading.domain.ports import VenueRefused, VenueUnavailable, VenueUncertain
from trading.domain.values import OrderRole
from trading.exchange.api_figures import read_statistics
from trading.exchange.client import BinanceVenue


@pytest.fixture(scope="module")
def server() -> Iterator[PaperServer]:
    with PaperServer() as server:
        yield server


@pytest.fixture
def venue(server: PaperServer, redis_client: redis.Redis) -> Iterator[BinanceVenue]:
    server.disarm()
    server.control(pardon=True, skew_ms=0)
    venue = an_account(server, redis_client)
    venue.sync_clock()
    yield venue
    venue.close()


def calls(server: PaperServer, method: str, outcome: str) -> int:
    return int(server.paper("status")["calls"].get(method, {}).get(outcome, 0))


class ClosingDoor:
    """A server that answers each request and closes the connection a moment after, as any may."""

    def __init__(self, body: bytes, *, closes_unanswered: int = 0) -> None:
        self._answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (
                len(body),
                body,
            )
        )
        self._unanswered = closes_unanswered
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/api"
        self.heard: list[bytes] = []
        self.closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(65536).split(b" ")[0])
                if len(self.heard) > self._unanswered:
                    connection.sendall(self._answer)
            self.closed.set()

    def stop(self) -> None:
        self._listening.close()


@pytest.fixture
def closing(redis_client: redis.Redis) -> Iterator[ClosingDoor]:
    door = ClosingDoor(b'{"serverTime": 1}')
    yield door
    door.stop()


def test_an_order_does_not_leave_on_a_connection_that_was_closed_meanwhile(
    closing: ClosingDoor, server: PaperServer, redis_client: redis.Redis
) -> None:
    venue = an_account(server, redis_client, rest_url=closing.url)
    for _ in range(3):
        venue.server_time()
        assert closing.closed.wait(20)
        closing.closed.clear()

    # The answer is not that of an order; what matters is that there was one.
    with pytest.raises(VenueUncertain, match=r"UnknownMessage|MalformedMessage"):
        venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))

    assert closing.heard[-1] == b"POST"
    venue.close()


def test_a_question_whose_connection_is_cut_is_asked_once_more(
    server: PaperServer, redis_client: redis.Redis
) -> None:
    for cuts, asked in ((1, 2), (5, 2)):
        door = ClosingDoor(b'{"serverTime": 1700000000000}', closes_unanswered=cuts)
        venue = an_account(server, redis_client, rest_url=door.url)
        try:
            venue.server_time()
            assert cuts == 1
        except VenueUnavailable:
            assert cuts == 5
        assert door.heard == [b"GET"] * asked
        venue.close()
        door.stop()


def test_an_order_whose_connection_is_cut_is_never_sent_again(
    server: PaperServer, venue: BinanceVenue
) -> None:
    order = a_resting_sale(server)
    server.arm(50, how="reset")

    with pytest.raises(VenueUncertain):
        venue.submit_order(order)

    assert [row["fired"] for row in server.paper("faults")["spent"]][-1] == 1


def test_entries_pause_where_the_venue_fails_and_exits_still_leave(
    server: PaperServer, venue: BinanceVenue, redis_client: redis.Redis
) -> None:
    server.arm("internal-error", count=None, methods=["order.place"], executes=False)
    for _ in range(10):
        with pytest.raises(VenueUncertain):
            venue.submit_order(an_order(OrderRole.ENTRY, OrderType.MARKET))
    server.disarm()

    with pytest.raises(VenueUnavailable, match="entries pause: 10 of 10 calls failed"):
        venue.submit_order(an_order(OrderRole.ENTRY, OrderType.MARKET))

    assert venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET)).status is OrderStatus.FILLED
    shown = read_statistics(redis_client, now=clock()).breakers
    assert shown == ("entries: 10 of 10 calls failed within 30 s",)


def test_refusals_open_no_breaker(server: PaperServer, venue: BinanceVenue) -> None:
    for _ in range(12):
        with pytest.raises(VenueRefused):
            venue.submit_order(an_order(OrderRole.ENTRY, OrderType.LIMIT, price=Decimal("0.000001")))

    assert venue.submit_order(an_order(OrderRole.ENTRY, OrderType.MARKET)).status is OrderStatus.FILLED


@pytest.mark.parametrize("step_s", [-1.5, 1.5])
def test_a_step_of_our_clock_costs_no_order(
    server: PaperServer, redis_client: redis.Redis, step_s: float
) -> None:
    ahead = timedelta(seconds=0)

    def stepping() -> datetime:
        return clock() + ahead

    server.control(pardon=True, skew_ms=0)
    venue = an_account(server, redis_client, clock=stepping)
    venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET))
    refused = calls(server, "order.place", "-1021")

    ahead = timedelta(seconds=step_s)
    report = venue.submit_order(an_order(OrderRole.EXIT, OrderType.MARKET), claimed_at=stepping())

    assert report.status is OrderStatus.FILLED
    assert calls(server, "order.place", "-1021") == refused
    assert venue.sync_clock() == pytest.approx(-1000 * step_s, abs=100)
    venue.close()


def test_the_limits_that_the_venue_tells_hold(
    server: PaperServer, venue: BinanceVenue, redis_client: redis.Redis
) -> None:
    server.control(limits={"weight_limit": 4321}, order_limits={"10s": 7, "1d": 77})
    try:
        venue.instruments()
        figures = read_statistics(redis_client, now=clock())
    finally:
        server.control(limits={"weight_limit": 6000}, order_limits={"10s": 100, "1d": 200_000})

    assert figures.weight_limit == 4321
    assert figures.headroom["EXIT"]["orders_10s"] == 7
    assert figures.headroom["EXIT"]["orders_1d"] == 77
    assert figures.clock is not None
    assert abs(figures.clock.offset_ms) < 50
    assert SYMBOL in {each.symbol for each in venue.instruments()}
