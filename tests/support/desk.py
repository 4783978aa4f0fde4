"""A trading desk for tests: the paper venue's engine in this process, a market that the test sets, a
clock that the test moves. Answers and events go through the real encoder and decoders, so that what a
test sees is what the wire would carry; only sockets are missing.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from trading.domain.executions import AssetBalance, ExecutionReport, Fill, Replacement, Transfer
from trading.domain.fees import SymbolFees
from trading.domain.instrument import Instrument
from trading.domain.market import Candle, Quote
from trading.domain.orders import ListIntent, OrderIntent
from trading.domain.ports import OrderNotFound, VenueRefused, VenueUnavailable, VenueUncertain
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.exchange import decode, decode_market, encode
from trading.paper.catalogue import Catalogue, default_catalogue
from trading.paper.engine import Engine
from trading.paper.errors import VenueError as PaperRefusal
from trading.services import ledger
from trading.services.context import Desk, Limits
from trading.services.executions import apply_balances, apply_report
from trading.services.foreign import book_foreign
from trading.services.roster import Roster

RECEIVE_WINDOW_S = 1.5
START = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "ADAUSDT", "DOGEUSDT", "LTCUSDT")


class FixedClock:
    """A clock that moves when told."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Give the moment."""
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Move on and give the moment."""
        self.now += timedelta(seconds=seconds)
        return self.now


class InlineExecutor(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run and give a finished future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class FakeMarket:
    """Quotes and candles that the test sets; implements MarketView."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._candles: dict[tuple[str, str], Candles] = {}

    def set_quote(self, quote: Quote) -> None:
        """Set the newest quote of a symbol."""
        self._quotes[quote.symbol] = quote

    def set_candles(self, symbol: str, interval: str, candles: Candles) -> None:
        """Set the closed candles of a symbol."""
        self._candles[symbol, interval] = candles

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Give the quotes that were set."""
        return {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """Give the candles that were set."""
        found = {symbol: self._candles.get((symbol, interval)) for symbol in symbols}
        return {symbol: candles for symbol, candles in found.items() if candles is not None}


@dataclass
class EngineVenue:
    """Implements the Venue port on the paper engine. Faults: what the next submissions meet.

    `lose_replies`: executed, but the answer is lost. `lose_requests`: never arrives, and nobody knows.
    `unavailable`: certainly not sent. `refuse`: refused with this text; `refuse_lists`: every order list is.
    """

    engine: Engine
    clock: FixedClock
    catalogue: Catalogue = field(default_factory=lambda: default_catalogue(SYMBOLS))
    lose_replies: int = 0
    lose_requests: int = 0
    unavailable: int = 0
    refuse: list[str] = field(default_factory=list)
    refuse_lists: str = ""
    sent: list[str] = field(default_factory=list)

    def submit_order(self, intent: OrderIntent, *, claimed_at: datetime | None = None) -> ExecutionReport:
        """Place one order."""
        self._check_window(claimed_at)
        reply = self._place("order.place", encode.order(intent), intent.client_order_id)
        return decode.order_reply(reply)

    def submit_list(
        self, intent: ListIntent, *, claimed_at: datetime | None = None
    ) -> Sequence[ExecutionReport]:
        """Place an order list."""
        self._check_window(claimed_at)
        if self.refuse_lists:
            raise VenueRefused(self.refuse_lists, code=-2010)
        method = f"orderList.place.{intent.kind.value.lower()}"
        return decode.list_reply(self._place(method, encode.order_list(intent), intent.client_list_id))

    def _check_window(self, claimed_at: datetime | None) -> None:
        """Refuse what is older than the receive window, as the venue does; the engine has no such rule."""
        if claimed_at is not None and (self.clock() - claimed_at).total_seconds() > RECEIVE_WINDOW_S:
            raise VenueUnavailable("Timestamp for this request is outside of the recvWindow.", code=-1021)

    def _place(self, method: str, params: dict[str, str], name: str) -> Any:
        if self.unavailable:
            self.unavailable -= 1
            raise VenueUnavailable("no connection")
        self.sent.append(name)
        if self.lose_requests:
            self.lose_requests -= 1
            raise VenueUncertain("time-out")
        if self.refuse:
            raise VenueRefused(self.refuse.pop(0), code=-2010)
        reply = self._execute(method, params)
        if self.lose_replies:
            self.lose_replies -= 1
            raise VenueUncertain("connection reset")
        return reply

    def _execute(self, method: str, params: dict[str, str]) -> Any:
        try:
            return self.engine.execute(method, params)
        except PaperRefusal as error:
            if error.code in (-2021, -2022):
                return error.data
            if error.code in (-2011, -2013):
                raise OrderNotFound(error.message) from None
            raise VenueRefused(error.message, code=error.code) from None

    def cancel_order(self, symbol: str, client_order_id: str) -> Sequence[ExecutionReport]:
        """Cancel one order."""
        ids = {"origClientOrderId": client_order_id, "newClientOrderId": client_order_id}
        return [decode.cancel_reply(self._execute("order.cancel", {"symbol": symbol, **ids}))]

    def cancel_list(self, symbol: str, client_list_id: str) -> Sequence[ExecutionReport]:
        """Cancel an order list."""
        params = {"symbol": symbol, "listClientOrderId": client_list_id}
        return decode.cancel_list_reply(self._execute("orderList.cancel", params))

    def replace_order(
        self, symbol: str, client_order_id: str, intent: OrderIntent, *, claimed_at: datetime | None = None
    ) -> Replacement:
        """Cancel one order, with its list, and place another in one request."""
        self._check_window(claimed_at)
        params = encode.replacement(client_order_id, intent)
        return decode.replace_reply(self._place("order.cancelReplace", params, intent.client_order_id))

    def query_order(
        self, symbol: str, client_order_id: str, *, venue_order_id: int | None = None
    ) -> ExecutionReport:
        """Ask for one order."""
        params = {"symbol": symbol}
        if venue_order_id is None:
            params["origClientOrderId"] = client_order_id
        else:
            params["orderId"] = str(venue_order_id)
        report = decode.order_query(self._execute("order.status", params))
        return replace(report, client_order_id=client_order_id or report.client_order_id)

    def list_order_fills(self, symbol: str, venue_order_id: int) -> Sequence[Fill]:
        """Ask for the fills of an order."""
        params = {"symbol": symbol, "orderId": str(venue_order_id)}
        return decode.account_fills(self._execute("myTrades", params))

    def list_fills(self, symbol: str, *, since: datetime) -> Sequence[Fill]:
        """Ask for the fills on a symbol since a moment."""
        params = {"symbol": symbol, "startTime": str(to_ms(since))}
        return decode.account_fills(self._execute("myTrades", params))

    def list_open_orders(self) -> Sequence[ExecutionReport]:
        """Ask for all open orders."""
        return decode.open_orders(self._execute("openOrders.status", {}))

    def balances(self) -> Sequence[AssetBalance]:
        """Ask for the balances."""
        return decode.account_balances(self._execute("account.status", {"omitZeroBalances": "true"}))

    def instruments(self) -> Sequence[Instrument]:
        """Ask for the rules."""
        return decode_market.instruments(self.catalogue.exchange_info()).instruments

    def instrument(self, symbol: str) -> Instrument | None:
        """Ask for the rules of one symbol."""
        return next((each for each in self.instruments() if each.symbol == symbol), None)

    def quote_volumes(self) -> dict[str, Decimal]:
        """Give some volumes, larger for the symbols that come first."""
        return {symbol: Decimal(1_000_000 - index) for index, symbol in enumerate(SYMBOLS)}

    def fees(self, symbol: str) -> SymbolFees:
        """Ask for the fees of a symbol."""
        return decode.symbol_fees(self._execute("account.commission", {"symbol": symbol}))

    def price_at(self, symbol: str, at: datetime) -> Decimal | None:
        """Give the last price that the engine knows, whatever the moment; None where there is none."""
        return self.engine.last_price(symbol) or None

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        """Give none: tests set candles on the market."""
        return []

    def server_time(self) -> datetime:
        """Give the clock."""
        return self.clock()


@dataclass
class Scene:
    """Everything a test of services needs, joined."""

    desk: Desk
    venue: EngineVenue
    market: FakeMarket
    clock: FixedClock
    engine: Engine

    def quote(self, symbol: str, bid: str, ask: str, *, qty: str = "1000") -> None:
        """Set the market of a symbol: the venue's book and our quote of it."""
        levels = Decimal(bid), Decimal(ask), Decimal(qty)
        self.engine.set_book(symbol, bids=[(levels[0], levels[2])], asks=[(levels[1], levels[2])])
        self.engine.public_trade(symbol, price=levels[0], qty=Decimal("0.00001"), buyer_is_maker=True)
        self.market.set_quote(
            Quote(symbol, levels[0], levels[2], levels[1], levels[2], self.clock(), self.clock())
        )

    def pump(self, *, keep: Callable[[dict[str, Any]], bool] = lambda _: True) -> int:
        """Book the user-data events that are waiting (those to keep); give how many."""
        events = [event for event in self.engine.drain_events() if keep(event)]
        for event in events:
            decoded = decode.user_event(event)
            if isinstance(decoded, ExecutionReport):
                apply_report(decoded, now=self.clock(), market=self.market)
                book_foreign([decoded], now=self.clock(), market=self.market, actor="executions")
            elif isinstance(decoded, Transfer):
                ledger.book_transfers([decoded], now=self.clock())
            elif decoded is not None:
                apply_balances(decoded, now=self.clock())
        return len(events)

    def venue_totals(self) -> dict[str, Decimal]:
        """Give free + locked by asset as the venue has it."""
        balances = self.engine.ledger()["balances"]
        return {asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in balances.items()}


def a_scene(*, user_stream_is_up: bool = True, bnb_fees: bool = False) -> Scene:
    """Make a desk with an account of 10,000 USDT and 1 BNB."""
    clock = FixedClock()
    catalogue = default_catalogue(SYMBOLS)
    engine = Engine(
        catalogue=catalogue,
        balances={"USDT": Decimal(10_000), "BNB": Decimal(1)},
        clock=lambda: to_ms(clock()),
        bnb_fees=bnb_fees,
    )
    venue, market = EngineVenue(engine, clock, catalogue), FakeMarket()
    desk = Desk(
        venue=venue,
        market=market,
        clock=clock,
        senders=InlineExecutor(),
        limits=Limits(),
        user_stream_is_up=lambda: user_stream_is_up,
        roster=Roster(),
    )
    return Scene(desk, venue, market, clock, engine)


def flat_candles(close: float, *, last_open: datetime, interval_s: int, count: int = 400) -> Candles:
    """Give candles at one price that end with the candle opened at `last_open`."""
    opens = to_ms(last_open) - interval_s * 1000 * np.arange(count - 1, -1, -1, dtype=np.int64)
    prices = np.full(count, close)
    return Candles(opens, prices, prices, prices, prices, np.ones(count), interval_s)
