"""A trader's desk as trading.bootstrap builds it, with a clock and a market view that the bench sets.

The venue is spoken to over HTTP by the product's own client, the budget is kept in a real Redis, the rows
lie in a real database. One strategy enters at every candle, one worker has all symbols.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast
from unittest.mock import patch

import redis
from django.conf import settings
from django.core.management import call_command

from bench.still_venue import StillVenue
from tests.support.builders import a_config
from tests.support.desk import FakeMarket, flat_candles
from tests.support.trading import ALWAYS, allow_everything, last_closed
from trading.domain import strategy
from trading.domain.market import INTERVAL_S, ClosedCandle, Quote
from trading.domain.strategy import StrategySpec
from trading.domain.universe import Universe
from trading.exchange.client import BinanceVenue
from trading.exchange.throttle import Throttle
from trading.models import (
    Balance,
    ExternalChange,
    FillRow,
    Order,
    OrderList,
    ReconcileRun,
    Trade,
    TradingControl,
)
from trading.services import instruments, reconcile, workers
from trading.services.context import Desk, Limits
from trading.services.roster import Roster

# symbol of each rung of the protection ladder -> bid, ask, and a bid beyond the target of 50 bps
RUNGS = {"OPOCO": "BTCUSDT", "OTOCO": "ADAUSDT", "OCO": "DOGEUSDT", "SUPERVISED": "LTCUSDT"}
PRICES = {
    "BTCUSDT": ("100.00", "100.01", "101.00"),
    "ADAUSDT": ("0.5000", "0.5001", "0.5050"),
    "DOGEUSDT": ("0.10000", "0.10001", "0.10100"),
    "LTCUSDT": ("80.00", "80.01", "80.80"),
}
BALANCES = {"USDT": Decimal(100_000), "BNB": Decimal(1)}
SECOND = "1s"
MAX_HOLD_S = 600
# A busy machine may need seconds for what takes milliseconds; a batch must not grow stale by that.
PATIENT = Limits(max_quote_age_s=60.0, max_candle_age_s=60.0)
WRITTEN = (FillRow, Order, OrderList, Trade, Balance, TradingControl, ReconcileRun, ExternalChange)


_REAL_SECONDS = time.time


class MovedClock:
    """The real time, moved ahead by as much as the bench wants to have passed."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def __call__(self) -> datetime:
        """Give the moment."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """Give the moment in seconds since 1970."""
        return _REAL_SECONDS() + self.ahead_s


class RealDesk:
    """One process's desk with its clock and its market. Made after the fork, as in life."""

    def __init__(self, still: StillVenue, *, ahead_s: float = 0.0) -> None:
        cast("dict[str, StrategySpec]", strategy.STRATEGIES)[ALWAYS.name] = ALWAYS
        self._still = still
        self.clock = MovedClock()
        # The library that signs reads the machine's clock; it has to be as late as everything else.
        patch("time.time", self.clock.seconds).start()
        self.move_to(ahead_s)
        self.market = FakeMarket()
        client = redis.Redis.from_url(settings.REDIS_URL)
        self.venue = BinanceVenue(
            rest_url=f"{still.url}/api",
            api_key="paper",
            api_secret="paper",  # noqa: S106 -- the documented key of a venue that holds no money
            throttle=Throttle(client, clock=self.clock),
            clock=self.clock,
        )
        self.venue.sync_clock()  # as trading.bootstrap.warm_up does before the first order
        self.desk = Desk(
            venue=self.venue,
            market=self.market,
            clock=self.clock,
            senders=ThreadPoolExecutor(4, thread_name_prefix="sender"),
            limits=PATIENT,
            user_stream_is_up=lambda: True,
            roster=Roster(),
        )

    def move_to(self, ahead_s: float) -> None:
        """Let time pass until so many seconds ahead of the real clock, in this process and at the venue."""
        self.clock.ahead_s = ahead_s
        self._still.move_clock(ahead_s)

    def see(self, symbols: Iterable[str], opened: datetime, *, interval: str = SECOND) -> None:
        """Let fresh quotes of the symbols arrive, and candles up to the one opened at this moment."""
        now = self.clock()
        for symbol in symbols:
            bid, ask = (Decimal(text) for text in PRICES[symbol][:2])
            self.market.set_quote(Quote(symbol, bid, Decimal(1000), ask, Decimal(1000), now, now))
            candles = flat_candles(float(bid), last_open=opened, interval_s=INTERVAL_S[interval])
            self.market.set_candles(symbol, interval, candles)


def price_at_target(symbol: str) -> tuple[str, str]:
    """Give bid and ask of a symbol where its target is reached."""
    bid, ask, target = PRICES[symbol]
    return target, str(Decimal(target) + Decimal(ask) - Decimal(bid))


def newest_candle(ahead_s: float = 0.0, *, interval: str = SECOND) -> datetime:
    """Give when the newest closed candle was opened."""
    return last_closed(MovedClock(ahead_s)(), interval)


def batch(symbols: Iterable[str], opened: datetime, *, interval: str = SECOND) -> list[ClosedCandle]:
    """Give what a task carries when these symbols' candles close together."""
    return [ClosedCandle(symbol, interval, opened) for symbol in symbols]


def migrate() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0, interactive=False)


def settle_in(still: StillVenue, worker_names: tuple[str, ...] = ("bench",), interval: str = SECOND) -> None:
    """Read the symbols and start the workers, once for all runs."""
    desk = RealDesk(still)
    now = desk.clock()
    allow_everything()
    instruments.refresh_instruments(venue=desk.venue, now=now)
    config = a_config(
        strategy=ALWAYS.name,
        interval=interval,
        universe=Universe(symbols=tuple(PRICES)),
        trade_notional=Decimal(100),
        budget=Decimal(5000),
        max_open_trades=10,
        max_hold_s=MAX_HOLD_S,
        max_spread_bps=100,
    )
    for name in worker_names:
        worker = workers.create_worker(name, config, actor="bench", now=now)
        workers.start_worker(worker.pk, actor="bench", now=now)


def open_account(still: StillVenue) -> None:
    """Begin as on the first day: nothing traded, nothing asked, the ledger opened from the venue's balances.

    Symbols and workers stay. Rules are read again: the run before may have changed them.
    """
    _forget()
    desk = RealDesk(still)
    instruments.refresh_instruments(venue=desk.venue, now=desk.clock())
    reconcile.run(desk=desk.desk, reason="start")


def _forget() -> None:
    for model in WRITTEN:
        model._default_manager.all().delete()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
