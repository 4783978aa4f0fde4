"""The schedule of delistings: who may ask, what the client makes of it, and of a venue that has none."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
import requests

from tests.support.paper_venue import KEY, PaperServer
from tests.support.wire import SYMBOL, an_account, clock
from trading.domain.ports import VenueRefused, VenueUnavailable
from trading.exchange.client import BinanceVenue
from trading.exchange.throttle import Throttle
from trading.paper import rest

ROUTE = ("GET", "/sapi/v1/spot/delist-schedule")


@pytest.fixture
def server(running: PaperServer) -> PaperServer:
    """The shared venue with nothing announced."""
    running.disarm()
    running.control(pardon=True)
    return running


@pytest.fixture
def account(server: PaperServer, redis_client: redis.Redis) -> Iterator[BinanceVenue]:
    """The account through the product's client."""
    made = an_account(server, redis_client)
    yield made
    made.close()


def ask(server: PaperServer, **headers: str) -> requests.Response:
    """Ask without the product's client."""
    return requests.get(f"{server.url}{ROUTE[1]}", headers=headers, timeout=20)


def test_the_schedule_needs_a_key_and_no_signature(server: PaperServer) -> None:
    answers = [ask(server), ask(server, **{"X-MBX-APIKEY": "x"}), ask(server, **{"X-MBX-APIKEY": KEY})]

    assert [answer.json() for answer in answers] == [
        {"code": -2014, "msg": "API-key format invalid."},
        {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
        [],
    ]
    assert answers[2].headers["X-MBX-USED-WEIGHT-1M"] == "300"


def test_an_announcement_is_told_until_it_is_withdrawn(server: PaperServer, account: BinanceVenue) -> None:
    assert account.delistings() == {}

    server.arm("delisted", count=None, symbol=SYMBOL, stage="announced", after_s=3600)
    server.arm("delisted", count=None, symbol="ETHUSDT", stage="announced", after_s=7200)
    told = account.delistings()
    raw = server.client().get_spot_delist_schedule()
    statuses = {row["symbol"]: row["status"] for row in server.client().get_exchange_info()["symbols"]}
    server.disarm()

    assert told is not None
    assert abs(told[SYMBOL] - clock() - timedelta(hours=1)) < timedelta(minutes=1)
    assert told["ETHUSDT"] - told[SYMBOL] > timedelta(minutes=59)
    assert [row["symbols"] for row in raw] == [[SYMBOL], ["ETHUSDT"]]
    assert statuses[SYMBOL] == "TRADING"
    assert account.delistings() == {}


def test_a_venue_without_a_schedule_gives_none(
    account: BinanceVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(rest.ROUTES, ROUTE)

    assert account.delistings() is None


def test_a_malformed_entry_refuses_the_whole_answer(server: PaperServer, account: BinanceVenue) -> None:
    server.arm("delisted", count=None, symbol=SYMBOL, stage="announced")
    withdraw = server.venue.rules.announce("ETHUSDT", 10**18)

    with pytest.raises(VenueUnavailable, match="delistTime: 1000000000000000000 is not a moment"):
        account.delistings()

    withdraw()


def test_an_answer_that_cannot_be_read_and_a_refused_key_are_errors_of_the_venue(
    server: PaperServer, account: BinanceVenue, redis_client: redis.Redis
) -> None:
    server.arm("broken-body", methods=["spot.delistSchedule"])
    with pytest.raises(VenueUnavailable, match="no usable answer"):
        account.delistings()

    with pytest.raises(VenueRefused, match="Invalid API-key"):
        an_account(server, redis_client, api_key="wrong").delistings()


def test_the_question_is_asked_within_the_budget_of_data(
    server: PaperServer, redis_client: redis.Redis
) -> None:
    throttle = Throttle(redis_client, clock=clock, requests_1m=1)

    with pytest.raises(VenueUnavailable, match="DATA"):
        an_account(server, redis_client, throttle=throttle).delistings()
