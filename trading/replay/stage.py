"""Sets the stage of a replay: a database in memory, an account on an engine, a clock, and a desk on them.

Called by trading.replay.play. The desk is the one that live services get; only its parts are told what time
it is and what the market does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from trading import events
from trading.domain.executions import ExecutionReport, Transfer
from trading.domain.market import Quote
from trading.domain.values import from_ms, to_ms
from trading.exchange import decode
from trading.paper.catalogue import Catalogue, SymbolSpec, spec_of
from trading.paper.engine import Engine
from trading.replay.market import Costs, Tape, TapeMarket, levels
from trading.replay.venue import EngineVenue
from trading.services import instruments, reconcile
from trading.services.context import Desk, Limits
from trading.services.executions import apply_balances, apply_reports
from trading.services.roster import Roster

DEPTH = Decimal(10) ** 12  # base asset at the best price: no fill is partial
MOST_STEPS = 10**15
MAX_PRICE = Decimal(10) ** 7


class InlineExecutor(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run and give a finished future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands until it is set."""

    now_ms: int

    def __call__(self) -> datetime:
        """Give the moment."""
        return from_ms(self.now_ms)


@contextmanager
def private_database() -> Iterator[None]:
    """Let this thread work on an empty database in memory, and let nobody hear of it."""
    kept = connections["default"]
    settings = {
        **kept.settings_dict,
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "OPTIONS": {},
    }
    connections["default"] = DatabaseWrapper(settings, "default")
    try:
        with events.silence():
            call_command("migrate", verbosity=0)
            yield
            connections["default"].close()
    finally:
        connections["default"] = kept


@dataclass
class Stage:
    """Everything a replay acts on."""

    tapes: Mapping[str, Tape]
    costs: Costs
    clock: VirtualClock
    engine: Engine
    catalogue: Catalogue
    market: TapeMarket
    desk: Desk

    def quote(self, symbol: str, price: float) -> None:
        """Show a market around a last price to the services."""
        around = levels(self.tapes[symbol], price, self.costs)
        now = self.clock()
        self.market.show(Quote(symbol, around.bid, DEPTH, around.ask, DEPTH, now, now))

    def trade(self, symbol: str, price: Decimal) -> None:
        """Let the venue's last price be this; what it triggers happens."""
        around = levels(self.tapes[symbol], float(price), self.costs)
        self.engine.set_book(symbol, bids=[(around.sold_at, DEPTH)], asks=[(around.bought_at, DEPTH)])
        self.engine.public_trade(symbol, price=price, qty=DEPTH, buyer_is_maker=False)

    def halt(self, symbols: Sequence[str], *, halted: bool) -> None:
        """Let the venue be down for some symbols, or up again, and let the services read of it."""
        for symbol in symbols:
            self.catalogue.update(symbol, status="BREAK" if halted else "TRADING")
        instruments.refresh_instruments(venue=self.desk.venue, now=self.clock())

    def learn_fees(self) -> None:
        """Let the services ask for the fees of all symbols that workers trade."""
        for _ in range(0, len(self.tapes), instruments.MAX_FEES):
            instruments.refresh_fees(venue=self.desk.venue, now=self.clock())
        self.desk.roster.refresh(self.clock())

    def book(self) -> bool:
        """Book what the venue tells of our orders and balances; say whether there was anything."""
        heard = [decode.user_event(event) for event in self.engine.drain_events()]
        self.engine.drain_prints()
        reports = [event for event in heard if isinstance(event, ExecutionReport)]
        if reports:
            apply_reports(reports, now=self.clock(), market=self.market)
        for event in heard:
            if event is not None and not isinstance(event, ExecutionReport | Transfer):
                apply_balances(event, now=self.clock())
        return bool(heard)


def set_stage(tapes: Sequence[Tape], *, costs: Costs, balance: Decimal, now_ms: int) -> Stage:
    """Set the stage: symbols listed, balance in each quote asset, ledger opened.

    Raises:
        ValueError: A symbol's name ends in no known quote asset.
    """
    clock = VirtualClock(now_ms)
    catalogue = Catalogue([_spec(tape) for tape in tapes])
    engine = Engine(
        catalogue=catalogue,
        balances={spec.quote: balance for spec in catalogue.values()},
        clock=lambda: to_ms(clock()),
        fee_maker=costs.fee,
        fee_taker=costs.fee,
    )
    market = TapeMarket(tapes)
    desk = Desk(
        venue=EngineVenue(engine, clock, catalogue),
        market=market,
        clock=clock,
        senders=InlineExecutor(),
        limits=Limits(),
        user_stream_is_up=lambda: True,
        roster=Roster(),
    )
    stage = Stage({tape.symbol: tape for tape in tapes}, costs, clock, engine, catalogue, market, desk)
    instruments.refresh_instruments(venue=desk.venue, now=clock())
    reconcile.run(desk=desk, reason="start")
    return stage


def _spec(tape: Tape) -> SymbolSpec:
    """Give a symbol that allows everything, with the tick and step of its recording."""
    known = spec_of(tape.symbol)
    tick, step = (1 / Decimal(int(each)) for each in (tape.ticks_per_unit, tape.steps_per_unit))
    return SymbolSpec(
        symbol=known.symbol,
        base=known.base,
        quote=known.quote,
        tick_size=tick,
        step_size=step,
        min_qty=step,
        max_qty=step * MOST_STEPS,
        market_max_qty=step * MOST_STEPS,
        min_notional=known.min_notional,
        start_price=known.start_price,
        spread_ticks=known.spread_ticks,
        daily_volatility=known.daily_volatility,
        daily_quote_volume=known.daily_quote_volume,
        min_price=tick,
        max_price=MAX_PRICE,
    )
