"""What the doctor asks of a venue about our key: answered, not known there, refused."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import redis

from tests.support.paper_venue import PaperServer
from tests.support.wire import an_account, clock
from trading.domain.ports import VenueError
from trading.exchange.client import BinanceVenue
from trading.exchange.key_questions import KeyRestrictions
from trading.exchange.throttle import Throttle


@pytest.fixture(scope="module")
def server() -> Iterator[PaperServer]:
    """A venue that knows nothing of key restrictions, as testnets do."""
    with PaperServer() as running:
        yield running


class _Wallet(BaseHTTPRequestHandler):
    """A venue that tells what a key may do; the field names are the venue's own."""

    told: dict[str, Any] = {
        "ipRestrict": True,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": True,
        "enableSpotAndMarginTrading": True,
    }

    def do_GET(self) -> None:
        """Answer the time and the question."""
        is_time = self.path.startswith("/api/v3/time")
        is_signed = "signature=" in self.path and "/sapi/v1/account/apiRestrictions" in self.path
        body = json.dumps({"serverTime": 1_700_000_000_000} if is_time else self.told).encode()
        self.send_response(200 if is_time or is_signed else 400)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def wallet(redis_client: redis.Redis) -> Iterator[BinanceVenue]:
    """Our client of that venue."""
    with HTTPServer(("127.0.0.1", 0), _Wallet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        account = BinanceVenue(
            rest_url=f"http://127.0.0.1:{server.server_port}/api",
            api_key="key",
            api_secret="secret",
            throttle=Throttle(redis_client, clock=clock),
            clock=clock,
        )
        yield account
        account.close()
        server.shutdown()


def test_the_venue_tells_what_the_key_may_do(wallet: BinanceVenue) -> None:
    assert wallet.key_restrictions() == KeyRestrictions(
        may_withdraw=False, may_transfer=True, may_trade_spot=True, is_bound_to_addresses=True
    )


def test_a_venue_without_the_question_gives_none(server: PaperServer, redis_client: redis.Redis) -> None:
    assert an_account(server, redis_client).key_restrictions() is None


def test_the_account_may_trade(server: PaperServer, redis_client: redis.Redis) -> None:
    assert an_account(server, redis_client).may_trade() is True


def test_a_wrong_key_is_refused(server: PaperServer, redis_client: redis.Redis) -> None:
    account = BinanceVenue(
        rest_url=f"{server.url}/api",
        api_key="wrong",
        api_secret="wrong",
        throttle=Throttle(redis_client, clock=clock),
        clock=clock,
    )

    with pytest.raises(VenueError):
        account.may_trade()
