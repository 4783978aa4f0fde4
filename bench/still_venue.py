"""The paper venue in a process of its own, with a market that stands still until it is told a price.

Used where a run must be repeatable to the statement: nothing fills or stops unless the bench says so.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any
from unittest.mock import patch

from aiohttp import web

from trading.paper import server
from trading.paper.config import PaperConfig
from trading.paper.market_sink import MarketSink
from trading.paper.venue import Venue

FORK = multiprocessing.get_context("fork")
START_LIMIT_S = 20.0
DEPTH = Decimal(1_000_000)
TRADE_QTY = Decimal("0.00001")


class StillMarket:
    """Obeys what comes through the wire: a price, or a rule of a symbol that changes."""

    def __init__(self, wire: Connection) -> None:
        self.wire = wire
        self.venue: Venue

    async def prepare(self) -> None:
        """Have nothing to fetch."""

    def warm_klines(self, symbol: str) -> list[tuple[int, ...]]:
        """Know no past."""
        return []

    async def run(self, sink: MarketSink) -> None:
        """Listen until the other end is closed, which ends the process: nobody is left to serve."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.wire.fileno(), self._obey, sink)
        await asyncio.Event().wait()

    def _obey(self, sink: MarketSink) -> None:
        try:
            act, symbol, given = self.wire.recv()
        except (EOFError, ConnectionResetError):
            os._exit(0)
        if act == "price":
            bid, ask = (Decimal(text) for text in given)
            sink.book(symbol, bids=[(bid, DEPTH)], asks=[(ask, DEPTH)], at_ms=self.venue.clock())
            sink.trade(symbol, price=bid, qty=TRADE_QTY, buyer_is_maker=True, at_ms=self.venue.clock())
        else:
            self.venue.catalogue.update(symbol, **given)
        self.wire.send("done")


@dataclass(frozen=True, slots=True)
class StillVenue:
    """The other end: what the bench says to a running venue."""

    port: int
    wire: Connection

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def set_price(self, symbol: str, bid: str, ask: str) -> None:
        """Put a deep book and let others trade at its bid; back when the venue has acted on it."""
        self._say("price", symbol, (bid, ask))

    def set_rules(self, symbol: str, **changes: Any) -> None:
        """Change rules of a symbol; whoever read them before does not know."""
        self._say("rules", symbol, changes)

    def arm(self, fault: int, **params: Any) -> None:
        """Arm a fault for one strike."""
        body = json.dumps({"fault": fault, "count": 1, "params": params}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/paper/faults", data=body):
            pass

    def move_clock(self, ahead_s: float) -> None:
        """Set the venue's clock so many seconds ahead of the real one."""
        body = json.dumps({"skew_ms": round(ahead_s * 1000)}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/paper/control", data=body):
            pass

    def ledger(self) -> dict[str, Any]:
        """Give the venue's own truth."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/paper/ledger") as reply:
            truth: dict[str, Any] = json.loads(reply.read())
        return truth

    def _say(self, act: str, symbol: str, given: Any) -> None:
        self.wire.send((act, symbol, given))
        assert self.wire.poll(START_LIMIT_S), f"the venue did not answer to {act} {symbol}"
        self.wire.recv()


@contextmanager
def run_still_venue(
    prices: Mapping[str, Sequence[str]], *, balances: Mapping[str, Decimal]
) -> Iterator[StillVenue]:
    """Run a fresh venue with these symbols at these prices (bid, ask) until the block ends."""
    ours, theirs = FORK.Pipe()
    config = PaperConfig(port=0, symbols=tuple(prices), balances=dict(balances))
    process = FORK.Process(target=_serve, args=(config, theirs, ours), daemon=True)
    process.start()
    theirs.close()
    try:
        assert ours.poll(START_LIMIT_S), "the venue did not start"
        venue = StillVenue(ours.recv(), ours)
        for symbol, (bid, ask, *_) in prices.items():
            venue.set_price(symbol, bid, ask)
        yield venue
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(config: PaperConfig, wire: Connection, other_end: Connection) -> None:
    other_end.close()
    asyncio.run(_serve_until_killed(config, wire))


async def _serve_until_killed(config: PaperConfig, wire: Connection) -> None:
    market = StillMarket(wire)
    with patch.object(server, "choose_market", return_value=market):
        app = server.build_app(config)
    market.venue = app[server.VENUE]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    wire.send(runner.addresses[0][1])
    await asyncio.Event().wait()
