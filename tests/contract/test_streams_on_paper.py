"""The product's stream readers against a venue: what they bring, and that they always come back."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.paper_venue import KEY, SECRET, PaperServer
from tests.support.wire import SYMBOL, a_bracket, a_resting_sale, an_account, best_ask, clock
from trading.domain.executions import AssetBalance, ExecutionReport
from trading.domain.market import Candle
from trading.exchange.decode import UserEvent
from trading.exchange.market_stream import MarketStream
from trading.exchange.signing import Signer
from trading.exchange.sockets import MAX_AGE_S
from trading.exchange.user_stream import UserStream
from trading.market.ingest import Quoted

LIMIT_S = 8.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[PaperServer]:
    """A venue of its own for each test, because tests break its connections."""
    with PaperServer() as server:
        yield server


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def venue_process(port: int, state: Path) -> "subprocess.Popen[bytes]":
    """Start a venue in a process of its own."""
    command = [sys.executable, "-m", "trading.paper", "--symbols", SYMBOL, "--state", str(state)]
    return subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL)


class Ear:
    """Remembers what the streams bring."""

    def __init__(self) -> None:
        self.quotes: list[Quoted] = []
        self.candles: list[Candle] = []
        self.reports: list[ExecutionReport] = []
        self.balances: list[AssetBalance] = []
        self.resyncs: list[str] = []
        self.blocked_s: list[float] = []

    def on_quotes(self, quotes: Sequence[Quoted]) -> None:
        self.quotes.extend(quotes)

    def on_candle(self, candle: Candle, _arrived_ms: int) -> None:
        self.candles.append(candle)

    def on_event(self, event: UserEvent) -> None:
        if isinstance(event, ExecutionReport):
            self.reports.append(event)
        elif isinstance(event, tuple):
            self.balances.extend(event)

    def symbols(self) -> set[str]:
        return {quote.symbol for quote in self.quotes}


async def until(condition: Callable[[], bool], *, limit_s: float = LIMIT_S) -> None:
    """Wait for a condition; fail after the limit."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(int))])


@asynccontextmanager
async def running(main: Awaitable[None]) -> AsyncIterator[None]:
    """Run a stream beside the test."""
    task = asyncio.ensure_future(main)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def market_stream(
    server: PaperServer, ear: Ear, *, silent_after_s: float = 10.0, max_age_s: float = MAX_AGE_S
) -> MarketStream:
    return MarketStream(
        server.ws_url,
        clock=clock,
        on_quotes=ear.on_quotes,
        on_candle=ear.on_candle,
        silent_after_s=silent_after_s,
        max_age_s=max_age_s,
    )


def user_stream(
    server: PaperServer, ear: Ear, *, ping_every_s: float = 5.0, max_age_s: float = MAX_AGE_S
) -> UserStream:
    return UserStream(
        f"{server.ws_url}/ws-api/v3",
        api_key=KEY,
        signer=Signer(api_secret=SECRET),
        clock=clock,
        on_event=ear.on_event,
        on_resync=ear.resyncs.append,
        on_blocked=ear.blocked_s.append,
        ping_every_s=ping_every_s,
        max_age_s=max_age_s,
    )


async def test_quotes_and_closed_candles_arrive(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s"), ("ETHUSDT", "1s")})
        await until(lambda: len(ear.candles) >= 4 and ear.symbols() == {SYMBOL, "ETHUSDT"})

    assert {candle.interval for candle in ear.candles} == {"1s"}
    assert not stream.unknown


async def test_subscriptions_follow_what_is_wanted(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1m")})
        await until(lambda: SYMBOL in ear.symbols())
        stream.set_subscriptions({("ETHUSDT", "1m")})
        await until(lambda: "ETHUSDT" in ear.symbols())
        # Once the venue has let go of the first, only the second is heard.
        await until(lambda: {quote.symbol for quote in ear.quotes[-8:]} == {"ETHUSDT"})

    assert stream.status()["streams"] == 2


async def test_a_dropped_market_socket_comes_back(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: len(ear.quotes) > 2)
        server.arm(46)
        await until(lambda: stream.status()["reconnects"] == 1)
        heard = len(ear.quotes)
        await until(lambda: len(ear.quotes) > heard)

    assert stream.is_connected is False


async def test_a_silent_market_socket_is_found_and_renewed(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear, silent_after_s=1.0)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: len(ear.quotes) > 2)
        server.arm(48, count=None)
        await until(lambda: stream.status()["connections"][0]["silences"] >= 1)
        server.disarm()
        heard = len(ear.quotes)
        await until(lambda: len(ear.quotes) > heard)


async def test_sockets_that_fell_dumb_are_replaced_within_seconds(server: PaperServer) -> None:
    ear = Ear()
    stream = market_stream(server, ear, silent_after_s=1.0)

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: len(ear.quotes) > 2)
        server.arm(48, which="market", only_open=True)
        heard = len(ear.quotes)
        await until(lambda: len(ear.quotes) > heard + 5)

    assert stream.status()["connections"][0]["silences"] == 1


async def test_streams_come_back_after_the_venue_was_restarted(tmp_path: Path) -> None:
    ear = Ear()
    port = free_port()
    stream = MarketStream(
        f"ws://127.0.0.1:{port}", clock=clock, on_quotes=ear.on_quotes, on_candle=ear.on_candle
    )

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        for _ in range(2):
            venue = venue_process(port, tmp_path / "state.jsonl")
            heard = len(ear.quotes)
            await until(lambda: len(ear.quotes) > heard, limit_s=15)  # noqa: B023 -- called in this round
            venue.kill()
            await asyncio.to_thread(venue.wait)

    assert stream.status()["reconnects"] >= 1


async def test_the_life_of_a_bracket_is_told(server: PaperServer, redis_client: redis.Redis) -> None:
    ear = Ear()
    venue = an_account(server, redis_client)
    bracket = a_bracket(best_ask(server))

    async with running(user_stream(server, ear).run()):
        await until(lambda: bool(ear.resyncs))
        await asyncio.to_thread(venue.submit_list, bracket)
        await until(lambda: any(report.fills for report in ear.reports) and bool(ear.balances))
        await asyncio.to_thread(venue.cancel_list, SYMBOL, bracket.client_list_id)
        await until(lambda: [r.status.value for r in ear.reports].count("CANCELED") == 2)

    venue.close()
    assert ear.resyncs == ["USER_STREAM_CONNECTED"]
    bought = sum(fill.qty for report in ear.reports for fill in report.fills)
    assert bought == Decimal("0.001")
    ours = {order.client_order_id for order in bracket.orders}
    assert {report.client_order_id for report in ear.reports} == ours


@pytest.mark.parametrize(("fault", "params"), [(46, {}), (62, {})])
async def test_a_lost_user_stream_subscribes_again_and_asks_to_reconcile(
    server: PaperServer, redis_client: redis.Redis, *, fault: int, params: dict[str, Any]
) -> None:
    ear = Ear()
    venue = an_account(server, redis_client)

    async with running(user_stream(server, ear).run()):
        await until(lambda: len(ear.resyncs) == 1)
        server.arm(fault, **params)
        await until(lambda: len(ear.resyncs) >= 2)
        server.disarm()
        await asyncio.to_thread(venue.submit_order, a_resting_sale(server))
        await until(lambda: bool(ear.reports))

    venue.close()


async def test_a_ping_refused_for_its_weight_keeps_the_stream_and_waits(server: PaperServer) -> None:
    ear = Ear()
    stream = user_stream(server, ear, ping_every_s=0.05)

    async with running(stream.run()):
        await until(lambda: len(ear.resyncs) == 1)
        server.arm("weight-spent")
        await until(lambda: bool(ear.blocked_s))
        status = stream.status()

    assert 0 < ear.blocked_s[0] <= 60
    assert (status["connected"], len(ear.resyncs)) == (True, 1)


async def test_a_subscription_refused_for_its_weight_waits_before_the_next(server: PaperServer) -> None:
    ear = Ear()
    stream = user_stream(server, ear)
    await asyncio.to_thread(server.signed, "GET", "time", {})  # the venue knows our address now
    server.arm("weight-spent")

    async with running(stream.run()):
        await until(lambda: bool(ear.blocked_s))
        await until(lambda: not stream.status()["connected"])

    assert not ear.resyncs
    assert stream.status()["reconnects"] == 0


async def test_a_user_stream_without_answers_is_renewed(
    server: PaperServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.exchange.user_stream.ANSWER_S", 0.3)
    ear = Ear()

    async with running(user_stream(server, ear, ping_every_s=0.1).run()):
        await until(lambda: len(ear.resyncs) == 1)
        server.arm("stall", count=None, stall_s=1, duration_s=1)
        await until(lambda: len(ear.resyncs) >= 2, limit_s=15)


# handing over


async def test_market_connections_are_replaced_before_they_end(server: PaperServer) -> None:
    ear = Ear()
    server.control(rhythm={"life_s": 3.0})
    stream = market_stream(server, ear, max_age_s=1.0)
    dips = 0

    def has_outlived_three() -> bool:
        nonlocal dips
        dips += not stream.is_connected
        return int(stream.status()["handovers"]) >= 3

    async with running(stream.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: stream.is_connected)
        await until(has_outlived_three, limit_s=15)
        status = stream.status()

    assert (dips, status["reconnects"]) == (0, 0)
    assert status["connected"] is True
    opens = [candle.open_ms for candle in ear.candles]
    assert set(range(opens[0], opens[-1], 1000)) <= set(opens)
    assert [quote.text for quote in ear.quotes].count(ear.quotes[-2].text) == 1


async def test_a_venue_that_announces_its_end_is_left_before_it(server: PaperServer) -> None:
    ear, user_ear = Ear(), Ear()
    stream, account = market_stream(server, ear), user_stream(server, user_ear)
    async with running(stream.run()), running(account.run()):
        stream.set_subscriptions({(SYMBOL, "1s")})
        await until(lambda: stream.is_connected and bool(user_ear.resyncs))
        server.arm(47, after_s=1.5)
        await until(lambda: stream.status()["handovers"] == 1 and account.status()["handovers"] == 1)
        await until(
            lambda: not server.venue.stream_sockets.open or len(server.venue.stream_sockets.open) == 1
        )

    assert user_ear.resyncs == ["USER_STREAM_CONNECTED"]
    assert stream.status()["reconnects"] == account.status()["reconnects"] == 0


async def test_the_account_misses_nothing_and_hears_nothing_twice_while_connections_change(
    server: PaperServer, redis_client: redis.Redis
) -> None:
    ear, venue = Ear(), an_account(server, redis_client)
    stream = user_stream(server, ear, max_age_s=0.8)
    placed = []
    async with running(stream.run()):
        await until(lambda: bool(ear.resyncs))
        for number in range(1, 4):
            for _ in range(2):
                order = a_resting_sale(server)
                await asyncio.to_thread(venue.submit_order, order)
                placed.append(order.client_order_id)
            await until(lambda: stream.status()["handovers"] >= number)  # noqa: B023 -- called in this round
            assert stream.status()["connected"]
        await until(lambda: len(ear.reports) >= len(placed))
    venue.close()

    assert [report.client_order_id for report in ear.reports] == placed
    assert ear.resyncs == ["USER_STREAM_CONNECTED"]


async def test_a_user_stream_that_breaks_while_it_is_replaced_asks_for_what_it_missed(
    server: PaperServer,
) -> None:
    ear = Ear()
    stream = user_stream(server, ear, max_age_s=0.6)
    async with running(stream.run()):
        await until(lambda: bool(ear.resyncs))
        server.arm(51, which="ws-api", cuts=False, retry_after_s=0, duration_s=1.0)
        await until(lambda: stream.status()["handovers"] >= 1)
        server.arm(46, which="user")
        await until(lambda: len(ear.resyncs) >= 2)
