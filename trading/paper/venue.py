"""The venue as a whole: market in, engine in the middle, calls, streams and user events out.

server.py builds one and runs it; the doors ask its dispatcher. Everything happens on one event loop, and all
engine calls are synchronous, so nothing here needs a lock. It implements MarketSink for its market.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from trading.paper.auth import Keyring
from trading.paper.bends import Bends
from trading.paper.calls import Call
from trading.paper.catalogue import Catalogue
from trading.paper.clock import VenueClock, wall_clock
from trading.paper.config import PaperConfig
from trading.paper.dispatch import Dispatcher
from trading.paper.engine import Engine
from trading.paper.errors import VenueError, illegal_characters
from trading.paper.fault_box import FaultBox
from trading.paper.fault_kinds import ALL_FAULTS
from trading.paper.faults import Frame
from trading.paper.limits import Limits
from trading.paper.market_data import MarketData
from trading.paper.market_sink import Levels, Market
from trading.paper.overlays import Overlays, Rules, fee_layers
from trading.paper.routes import Target
from trading.paper.sockets import POLICY_VIOLATION, Rhythm, SocketRegister
from trading.paper.store import Store
from trading.paper.streams import StreamHub
from trading.paper.user_feed import UserFeed

log = logging.getLogger("trading.paper.venue")

ROUND_MS = 50
BEAT_S = 0.5


class Venue:
    """One paper venue with one account."""

    def __init__(
        self,
        config: PaperConfig,
        *,
        catalogue: Catalogue,
        engine: Engine,
        clock: VenueClock,
        store: Store,
    ) -> None:
        self.clock = clock
        self.catalogue = catalogue
        self.engine = engine
        self.keyring = Keyring(config.api_key, config.api_secret, config.public_key)
        self.market_data = MarketData(catalogue=catalogue, clock=wall_clock)
        self.limits = Limits(clock, on_ban=self._cut_banned)
        self.rhythm = Rhythm()
        self.stream_sockets = SocketRegister()
        self.user_sockets = SocketRegister()
        self.streams = StreamHub()
        self.user_feed = UserFeed()
        self.bends = Bends(read=self.market_data.sides, put=self._put_book)
        self.rules = Rules(catalogue)
        self.fee_layers: Overlays[str | None] = fee_layers(engine)
        self.faults = FaultBox(self, ALL_FAULTS, seed=config.seed)
        self.dispatcher = Dispatcher(
            clock=clock, keyring=self.keyring, limits=self.limits, faults=self.faults, perform=self.perform
        )
        self.store = store
        self.running: asyncio.Task[None] | None = None
        self._started_ms = clock()
        self._is_publish_due = False
        self._own: dict[str, Callable[[Call], Any]] = {
            "ping": lambda call: {},
            "time": lambda call: {"serverTime": self.clock()},
            "exchangeInfo": self._exchange_info,
            "spot.delistSchedule": lambda call: self.rules.delist_schedule(),
            "account.rateLimits.orders": lambda call: self.limits.order_rows(),
        }

    # calls

    def perform(self, call: Call) -> Any:
        """Carry out a call that passed every check; whatever it changed is stored and told before it returns.

        Raises:
            VenueError: As the venue refuses it.
        """
        route = call.route
        if route.target is Target.MARKET:
            return self.market_data.query(route.method, call.params)
        if route.target is Target.VENUE:
            return self._own[route.method](call)
        if not route.has_effect:
            return self.engine.execute(route.method, call.params)
        try:
            return self.engine.execute(route.method, call.params)
        finally:  # a refused call may have had an effect: the cancel of a failed cancelReplace
            self.settle()
            if self.faults.has("after_market"):
                symbol = call.params.get("symbol", "")
                asyncio.get_running_loop().call_soon(self.faults.after_market, symbol)

    def adjust_balance(self, asset: str, delta: Decimal) -> None:
        """Book a deposit or withdrawal."""
        self.engine.adjust_balance(asset, delta)
        self.settle()

    def _exchange_info(self, call: Call) -> dict[str, Any]:
        params = call.params
        self.catalogue.rate_limits = self.limits.announced()
        return self.catalogue.exchange_info(
            _asked_symbols(params),
            server_time_ms=self.clock(),
            symbol_status=params.get("symbolStatus"),
            show_permission_sets=params.get("showPermissionSets", "true").lower() != "false",
            websocket=call.door == "ws",
        )

    # market

    def book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        """Take a new visible book from the market; of a delisted symbol there is none."""
        if symbol not in self.catalogue:
            return
        if self.faults.has("on_market") and self.faults.on_market(symbol):
            return
        bids, asks = self.bends.book(symbol, bids, asks)
        self._put_book(symbol, bids, asks, at_ms=at_ms)
        if self.faults.has("after_market"):
            self.faults.after_market(symbol)

    def _put_book(self, symbol: str, bids: Levels, asks: Levels, *, at_ms: int | None = None) -> None:
        self.engine.set_book(symbol, bids=bids, asks=asks)
        at_ms = wall_clock() if at_ms is None else at_ms
        self.market_data.on_book(symbol, bids=bids, asks=asks, at_ms=at_ms)
        self.settle()

    def trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int) -> None:
        """Take a public trade from the market."""
        if symbol not in self.catalogue:
            return
        if self.faults.has("on_market") and self.faults.on_market(symbol):
            return
        price = self.bends.price(symbol, price)
        self.print_trade(symbol, price=price, qty=qty, buyer_is_maker=buyer_is_maker, at_ms=at_ms)

    def print_trade(
        self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int | None = None
    ) -> None:
        """Let others trade, whatever the market says and however it is bent."""
        at_ms = wall_clock() if at_ms is None else at_ms
        self.engine.public_trade(symbol, price=price, qty=qty, buyer_is_maker=buyer_is_maker)
        self.market_data.on_trade(symbol, price=price, qty=qty, buyer_is_maker=buyer_is_maker, at_ms=at_ms)
        self.settle()

    def settle(self) -> None:
        """Store and tell whatever the engine has done: first to the file, then to the outside."""
        for own in self.engine.drain_prints():
            self.market_data.on_trade(
                own.symbol,
                price=own.price,
                qty=own.qty,
                buyer_is_maker=own.buyer_is_maker,
                at_ms=wall_clock(),
            )
        self.limits.count_orders(self.engine.drain_order_counts())
        self.store.record(self.engine)
        for event in self.engine.drain_events():
            self.tell(Frame("user", event["e"], event))
        self._publish_soon()

    # streams

    def _publish_soon(self) -> None:
        """Publish once at the end of this turn of the loop, however many books came in it."""
        if not self._is_publish_due:
            self._is_publish_due = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._is_publish_due = False
        for name, payload in self.market_data.drain_stream(self.streams.wanted):
            self.tell(Frame("market", name, payload))

    def tell(self, frame: Frame) -> None:
        """Send a stream message to whoever listens, as the armed faults let it."""
        if not self.faults.has("on_frame"):
            self._deliver(frame)
            return
        for one in self.faults.on_frame(frame):
            if one.delay_s > 0:
                asyncio.get_running_loop().call_later(one.delay_s, self._deliver, one)
            else:
                self._deliver(one)

    def _deliver(self, frame: Frame) -> None:
        if frame.kind == "user":
            self.user_feed.publish(frame.payload, shift=frame.subscription_shift)
        else:
            self.streams.publish(frame.name, frame.payload)

    # life

    async def start(self, market: Market) -> None:
        """Fold what happened before the start, so that klines are there from the first request, then run."""
        await market.prepare()
        for symbol in self.catalogue:
            self.market_data.warm(symbol, market.warm_klines(symbol))

        self.running = asyncio.create_task(self._run(market))

    async def stop(self) -> None:
        """End the market and the clocks."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])

    async def _run(self, market: Market) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(market.run(self))
            group.create_task(self._keep_time())
            group.create_task(self._keep_beat(market))

    async def _keep_time(self) -> None:
        """Wake right after every full 50 ms of the wall clock, so that candles close on their boundary."""
        while True:
            await asyncio.sleep((ROUND_MS - wall_clock() % ROUND_MS) / 1000)
            self.faults.sweep()
            for name, payload in self.market_data.due_stream(wall_clock(), self.streams.wanted):
                self.tell(Frame("market", name, payload))

    async def _keep_beat(self, market: Market) -> None:
        while True:
            await asyncio.sleep(min(BEAT_S, self.rhythm.ping_s / 2))
            self.store.record_market(market)
            now_s = time.monotonic()
            await self.stream_sockets.beat(now_s)
            await self.user_sockets.beat(now_s)

    def say_goodbye(self) -> None:
        """Tell every connection that the venue is about to close it (serverShutdown)."""
        goodbye = {"e": "serverShutdown", "E": self.clock()}
        self.streams.publish_to_all("!serverShutdown", goodbye)
        for socket in list(self.user_sockets.open):
            socket.send(orjson.dumps({"event": goodbye}))

    def close(self) -> None:
        """End every connection and leave a tidy state file."""
        self.say_goodbye()
        self.stream_sockets.close_all(1001)
        self.user_sockets.close_all(1001)
        self.store.close(self.engine)

    def status(self) -> dict[str, Any]:
        """Give the tally of calls, connections and limits."""
        calls: dict[str, dict[str, int]] = {}
        for (method, outcome), count in self.dispatcher.tally.items():
            calls.setdefault(method, {})[outcome] = count
        return {
            "up_ms": self.clock() - self._started_ms,
            "time_ms": self.clock(),
            "calls": calls,
            "peak_weight_1m": self.dispatcher.peak_weight,
            "weight_limit_1m": self.limits.weight_limit,
            "stream_connections": len(self.stream_sockets.open),
            "ws_api_connections": len(self.user_sockets.open),
            "user_subscriptions": self.user_feed.subscription_count,
            "streams": len(self.streams.wanted),
            "orders_10s": self.limits.order_rows()[0]["count"],
            "orders_1d": self.limits.order_rows()[1]["count"],
        }

    def _cut_banned(self, ip: str) -> None:
        self.user_sockets.close_all(POLICY_VIOLATION, ip=ip)


def _asked_symbols(params: dict[str, str]) -> list[str] | None:
    if "symbol" in params and "symbols" in params:
        raise VenueError(400, -1128, "Combination of optional parameters invalid.")
    if params.get("symbol"):
        return [params["symbol"]]
    text = params.get("symbols")
    if not text:
        return None
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise illegal_characters("symbols", r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$')
    return names
