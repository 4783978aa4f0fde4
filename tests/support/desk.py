"""A trading desk for tests: the paper venue's engine in this process, a market that the test sets, a
clock that the test moves. Answers and events go through the real encoder and decoders, so that what a
test sees is what the wire would carry; only sockets are missing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from trading.domain.executions import ExecutionReport, Transfer
from trading.domain.market import Quote
from trading.domain.ports import VenueRefused, VenueUnavailable, VenueUncertain
from trading.domain.signals import Candles
from trading.domain.values import to_ms
from trading.exchange import decode
from trading.paper.catalogue import Catalogue, default_catalogue
from trading.paper.engine import Engine
from trading.replay.stage import InlineExecutor
from trading.replay.venue import EngineVenue as PlainVenue
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
class EngineVenue(PlainVenue):
    """The engine as a venue with faults: what the next submissions meet.

    `lose_replies`: executed, but the answer is lost. `lose_requests`: never arrives, and nobody knows.
    `unavailable`: certainly not sent. `refuse`: refused with this text; `refuse_lists`: every order list is.
    `announced`: the delistings that it tells of; None is a venue that has no such schedule.
    """

    catalogue: Catalogue = field(default_factory=lambda: default_catalogue(SYMBOLS))
    lose_replies: int = 0
    lose_requests: int = 0
    unavailable: int = 0
    refuse: list[str] = field(default_factory=list)
    refuse_lists: str = ""
    sent: list[str] = field(default_factory=list)
    announced: dict[str, datetime] | None = field(default_factory=dict)

    def delistings(self) -> Mapping[str, datetime] | None:
        """Give what is announced."""
        return self.announced

    def _place(self, method: str, params: dict[str, str], name: str, claimed_at: datetime | None) -> Any:
        self._check_window(claimed_at)
        if self.refuse_lists and method.startswith("orderList."):
            raise VenueRefused(self.refuse_lists, code=-2010)
        if self.unavailable:
            self.unavailable -= 1
            raise VenueUnavailable("no connection")
        self.sent.append(name)
        if self.lose_requests:
            self.lose_requests -= 1
            raise VenueUncertain("time-out")
        if self.refuse:
            raise VenueRefused(self.refuse.pop(0), code=-2010)
        reply = super()._place(method, params, name, claimed_at)
        if self.lose_replies:
            self.lose_replies -= 1
            raise VenueUncertain("connection reset")
        return reply

    def _check_window(self, claimed_at: datetime | None) -> None:
        """Refuse what is older than the receive window, as the venue does; the engine has no such rule."""
        if claimed_at is not None and (self.clock() - claimed_at).total_seconds() > RECEIVE_WINDOW_S:
            raise VenueUnavailable("Timestamp for this request is outside of the recvWindow.", code=-1021)


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
