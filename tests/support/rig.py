"""The product against a real paper venue in one process: HTTP and WebSocket on a port, the real REST client
with its budget in a real Redis, the real user stream and bookkeeper; services are called directly.

Prices stand still until the test sets them. Times that the product waits for in life are shortened.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

import redis
import redis.asyncio
from django.db import connection

from bench.facts import Facts
from bench.oracles import judge
from tests.support.builders import a_config
from tests.support.desk import FakeMarket, flat_candles
from tests.support.paper_venue import KEY, SECRET, PaperServer, now_ms
from tests.support.rig_market import DEPTH, FedView, HandMarket, feed, utc_now
from tests.support.trading import ALWAYS, OPERATOR, allow_everything, last_closed
from trading import bootstrap
from trading.domain.market import ClosedCandle, Quote
from trading.domain.ports import VenueError
from trading.domain.trades import TradeState
from trading.domain.universe import Universe
from trading.exchange import sockets, user_stream
from trading.exchange.client import BinanceVenue
from trading.exchange.signing import Signer
from trading.exchange.throttle import PREFIX, Throttle
from trading.exchange.user_stream import UserStream
from trading.management.commands.run_executions import Bookkeeper
from trading.market.cache import MarketCache
from trading.models import Balance, ExternalChange, FillRow, Order, Trade
from trading.paper import server
from trading.paper.config import PaperConfig
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.services import cycle, instruments, reconcile, upkeep, workers
from trading.services.context import Desk, Limits
from trading.services.roster import Roster

# symbol -> bid, ask, and a bid beyond the target of 50 bps; protected by OPOCO, OTOCO, OCO, and supervised
PRICES = {
    "BTCUSDT": ("100.00", "100.01", "101.00"),
    "ADAUSDT": ("0.5000", "0.5001", "0.5050"),
    "DOGEUSDT": ("0.10000", "0.10001", "0.10100"),
    "LTCUSDT": ("80.00", "80.01", "80.80"),
}
BALANCES = {"USDT": Decimal(100_000)}
RECV_WINDOW_MS = 800
TIMEOUT_S = 1.0
# The receive window, our time-out, and a little: after that nothing of ours can enter the venue's engine.
HORIZON_S = 1.5
OLDEST_CANDLE_S = 120.0
ORACLES = ("ledger", "fills", "orders", "left")
PAUSE_S = 0.05
RECONCILE_EVERY_MS = 300
RETRY_S = 0.5
FRESH_S = 1.0
# How long a story waits for what a fault may well prevent.
PATIENCE_S = 0.5


class Rig:
    """Everything joined; see the module. Made by `a_rig`."""

    def __init__(
        self, paper: PaperServer, market: HandMarket, client: redis.Redis, *, is_fed: bool = False
    ) -> None:
        self.paper = paper
        self._market = market
        self._redis = client
        self._is_fed = is_fed
        self.quotes = FakeMarket()
        self._bids: dict[str, Decimal] = {}
        self.bookkeeper = Bookkeeper(may_book=lambda: True)
        self.stream = UserStream(
            f"{paper.ws_url}/ws-api/v3",
            api_key=KEY,
            signer=Signer(api_secret=SECRET),
            clock=utc_now,
            on_event=self.bookkeeper.put,
            on_resync=self.bookkeeper.resync,
            on_blocked=Throttle(client, clock=utc_now).hold,
            ping_every_s=0.5,
        )
        self.venue = BinanceVenue(
            rest_url=f"{paper.url}/api",
            api_key=KEY,
            api_secret=SECRET,
            throttle=Throttle(client, clock=utc_now),
            clock=utc_now,
            recv_window_ms=RECV_WINDOW_MS,
            timeout_s=TIMEOUT_S,
        )
        self.desk = Desk(
            venue=self.venue,
            market=FedView(MarketCache(client), self.quotes) if is_fed else self.quotes,
            clock=utc_now,
            senders=ThreadPoolExecutor(4),
            limits=Limits(unknown_horizon_s=HORIZON_S, max_candle_age_s=OLDEST_CANDLE_S),
            user_stream_is_up=lambda: True,
            roster=Roster(),
        )
        # Turns may follow each other faster than candles close.
        self._candle_at = last_closed(utc_now(), "1s") - timedelta(seconds=30)

    # market

    def price(self, symbol: str, *, at_target: bool = False) -> None:
        """Set the price of a symbol at the venue and in our view of the market."""
        bid, ask, target = (Decimal(text) for text in PRICES[symbol])
        if at_target:
            bid, ask = target, target + ask - bid
        self._bids[symbol] = bid
        self.in_venue(lambda: self._market.put(symbol, bid, ask))
        self.see(symbol, bid, ask)

    def see(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Let our view of the market show this price, as of now."""
        self.quotes.set_quote(Quote(symbol, bid, DEPTH, ask, DEPTH, utc_now(), utc_now()))

    def in_venue(self, act: Callable[[], object]) -> None:
        """Do something in the venue's own thread."""

        async def do() -> None:
            act()

        asyncio.run_coroutine_threadsafe(do(), self.paper.loop).result(5)

    def is_seen(self) -> bool:
        """Tell whether our view of the market shows every price as it is, and of just now."""
        quotes = self.desk.market.quotes(list(self._bids))
        return all(
            symbol in quotes and quotes[symbol].bid == bid and quotes[symbol].age_s(utc_now()) < FRESH_S
            for symbol, bid in self._bids.items()
        )

    # our side

    def begin(self, symbols: Sequence[str]) -> None:
        """Read the symbols, open the ledger, start a worker that enters at every candle."""
        for symbol in PRICES:
            self.price(symbol)
        allow_everything()
        instruments.refresh_instruments(venue=self.venue, now=utc_now())
        config = a_config(
            strategy=ALWAYS.name,
            interval="1s",
            universe=Universe(symbols=tuple(symbols)),
            max_hold_s=600,
            cooldown_s=0,
            take_profit_bps=50,
        )
        worker = workers.create_worker("rig", config, actor=OPERATOR, now=utc_now())
        workers.start_worker(worker.pk, actor=OPERATOR, now=utc_now())

    def enter(self, *symbols: str) -> cycle.Turn:
        """Close a candle of these symbols and take the turn."""
        opened = self._candle_at = self._candle_at + timedelta(seconds=1)
        for symbol in symbols:
            self.price(symbol)
            close = float(PRICES[symbol][0])
            self.quotes.set_candles(symbol, "1s", flat_candles(close, last_open=opened, interval_s=1))
        self.watch(self.is_seen, limit_s=PATIENCE_S)
        return cycle.run_batch([ClosedCandle(each, "1s", opened) for each in symbols], desk=self.desk)

    def run_out(self, *symbols: str) -> None:
        """Let the time of the open trades of these symbols be over."""
        Trade.objects.filter(symbol__in=symbols, state__in=OPEN_STATE_NAMES).update(expires_at=utc_now())

    def watch(self, until: Callable[[], bool], *, limit_s: float) -> bool:
        """Make watchdog rounds until a condition holds; tell whether it does."""
        ends_s = now_ms() / 1000 + limit_s
        pause = threading.Event()
        while not until():
            if now_ms() / 1000 > ends_s:
                return False
            self._refresh_quotes()
            upkeep.run(desk=self.desk)
            pause.wait(PAUSE_S)
        return True

    def _refresh_quotes(self) -> None:
        for quote in self.quotes.quotes(list(PRICES)).values():
            self.see(quote.symbol, quote.bid, quote.ask)

    def is_flat(self) -> bool:
        """Tell whether no trade is open."""
        return not Trade.objects.filter(state__in=OPEN_STATE_NAMES).exists()

    def is_settled(self) -> bool:
        """Tell whether every open trade holds something that is protected."""
        trades = Trade.objects.filter(state__in=OPEN_STATE_NAMES)
        return not trades.exclude(state=TradeState.OPEN.value, is_protected=True).exists()

    def protected(self) -> set[str]:
        """Give the symbols that are held with protection."""
        trades = Trade.objects.filter(state=TradeState.OPEN.value, is_protected=True)
        return set(trades.values_list("symbol", flat=True))

    def settle(self, *, limit_s: float) -> list[str]:
        """Make rounds of watchdog and reconcile until the state is clean; name what is not."""
        found: list[str] = []
        asked_ms = 0

        def is_clean() -> bool:
            nonlocal asked_ms
            found[:] = self.unclean()
            if found and now_ms() < asked_ms + RECONCILE_EVERY_MS:
                return False
            asked_ms = now_ms()
            found.extend(self._differences())
            return not found

        self.watch(is_clean, limit_s=limit_s)
        return found

    def unclean(self) -> list[str]:
        """Name what is not clean on our side."""
        found = []
        if Order.objects.filter(status__in=["INITIALIZED", "SUBMITTED"]).exists():
            found.append("UNKNOWN_ORDER")
        held = Trade.objects.filter(state__in=[TradeState.OPEN.value, TradeState.CLOSING.value])
        if held.filter(is_protected=False, unprotected_since__isnull=False).exists():
            found.append("UNPROTECTED")
        if not (self.stream.status()["connected"] and self.bookkeeper.is_reconciled):
            found.append("USER_STREAM")
        if self._is_fed and not self.is_seen():
            found.append("FEED")
        return found

    def _differences(self) -> list[str]:
        """Reconcile, and name the assets of which the venue holds another total."""
        try:
            report = reconcile.run(desk=self.desk, reason="rig")
        except VenueError as error:
            return [f"NOT_RECONCILED {error}"]
        return [f"LEDGER {each.to_json()}" for each in report.differences]

    def ask_anew(self) -> None:
        """Ask the venue for all that is asked for by the clock in life; it may be away."""
        for ask in (
            lambda: reconcile.run(desk=self.desk, reason="rig"),
            lambda: instruments.refresh_instruments(venue=self.venue, now=utc_now()),
        ):
            with suppress(VenueError):
                ask()

    def forget_limits(self) -> None:
        """Let the minute turn: neither the venue nor we count what was used up before."""
        self.paper.control(pardon=True)
        for key in self._redis.scan_iter(f"{PREFIX}*"):
            self._redis.delete(key)

    def facts(self) -> Facts:
        """Give both sides for the oracles."""
        # What was there at the first start is in nobody's adjustments.
        others = ExternalChange.objects.exclude(ref__startswith="opened:")
        return Facts(
            venue=self.paper.paper("ledger"),
            orders=[dict(row) for row in Order.objects.values()],
            fills=[dict(row) for row in FillRow.objects.values()],
            trades=[dict(row) for row in Trade.objects.values()],
            balances=[dict(row) for row in Balance.objects.values()],
            externals=[dict(row) for row in others.values()],
        )

    def violations(self) -> list[str]:
        """Give what the oracles find."""
        return judge(self.facts(), ORACLES)

    # life

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Run user stream and bookkeeper beside the test until the block ends."""
        loop, ended = asyncio.new_event_loop(), asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(self._listen(ended),), daemon=True)
        self.bookkeeper.start()
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join(20)
            loop.close()
            self.bookkeeper.stop()
            self.desk.senders.shutdown()
            self.venue.close()

    async def _listen(self, ended: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self.stream.run())]
        if self._is_fed:
            tasks.append(asyncio.create_task(feed(self.paper.ws_url, list(PRICES), venue=self.venue)))
        await ended.wait()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@contextmanager
def a_rig(client: redis.Redis, *, is_fed: bool = False) -> Iterator[Rig]:
    """Make a rig on a fresh venue, listening."""
    market = HandMarket()
    config = PaperConfig(port=0, symbols=tuple(PRICES), balances=BALANCES)
    with ExitStack() as closing:
        with patch.object(server, "choose_market", return_value=market):
            paper = closing.enter_context(PaperServer(config))
        assert market.is_running.wait(20), "the market of the venue did not start"
        rig = Rig(paper, market, client, is_fed=is_fed)
        closing.enter_context(patch.object(sockets, "DEFAULT_WAIT_S", RETRY_S))
        closing.enter_context(patch.object(sockets, "CONNECT_TIMEOUT_S", TIMEOUT_S))
        closing.enter_context(patch.object(user_stream, "ANSWER_S", TIMEOUT_S))
        closing.enter_context(patch.object(bootstrap, "get_desk", lambda: rig.desk))
        closing.enter_context(patch.object(bootstrap, "get_market", lambda: rig.quotes))
        closing.enter_context(rig.listening())
        yield rig
    connection.close()
