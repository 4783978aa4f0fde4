"""One paper venue for each file of tests, put back in order before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from binance.client import Client

from tests.support.paper_venue import PaperServer, wait_until


@pytest.fixture(scope="module")
def running_venue() -> Iterator[PaperServer]:
    """A venue that all tests of the file share."""
    with PaperServer() as server:
        wait_until(lambda: server.paper("status")["streams"] == 0)
        yield server


@pytest.fixture
def venue(running_venue: PaperServer) -> PaperServer:
    """The shared venue without faults, bans and used-up limits; orders of earlier tests stay."""
    running_venue.disarm()
    running_venue.control(
        pardon=True,
        skew_ms=0,
        order_limits={"10s": 100, "1d": 200_000},
        limits={"weight_limit": 6000, "raw_limit": 300_000, "connection_limit": 300},
        rhythm={"ping_s": 20, "pong_s": 60, "life_s": 86_400},
    )
    return running_venue


@pytest.fixture
def client(venue: PaperServer) -> Client:
    """The account as python-binance sees it."""
    return venue.client()
