"""Builds the paper venue from its options and serves it: REST, streams, WS API and control on one port.

`run` is the whole life of the process, for `python -m trading.paper` and for the Django command; `build_app`
is for tests that serve it themselves. Stands alone: nothing of Django, nothing of our other packages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from trading.paper.catalogue import Catalogue, default_catalogue, spec_of
from trading.paper.clock import VenueClock, wall_clock
from trading.paper.config import ConfigError, PaperConfig
from trading.paper.control import add_control_routes
from trading.paper.engine import Engine
from trading.paper.gate import gate_of
from trading.paper.market_choice import choose_market, listed_symbols
from trading.paper.market_sink import Market, MarketDataError
from trading.paper.rest import RestDoor
from trading.paper.socket_doors import SocketDoors
from trading.paper.store import Store, StoreError
from trading.paper.venue import Venue

log = logging.getLogger("trading.paper.server")

VENUE = web.AppKey("venue", Venue)
MAX_BODY_BYTES = 1 << 20
SHUTDOWN_S = 2.0


def build_app(config: PaperConfig) -> web.Application:
    """Make the server; its market begins to run when it starts.

    Raises:
        ConfigError: The symbols, the data or the state file cannot be used.
    """
    venue, market = build_venue(config)
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[gate_of(venue.faults)])
    app[VENUE] = venue
    doors = SocketDoors(venue)
    app.router.add_get("/ws", doors.raw_streams)
    app.router.add_get("/ws/{names:.*}", doors.raw_streams)
    app.router.add_get("/stream", doors.combined_streams)
    app.router.add_get("/ws-api/v3", doors.ws_api)
    add_control_routes(app, venue)
    app.router.add_route("*", "/{path:.*}", RestDoor(venue.dispatcher).handle)

    async def live(app: web.Application) -> AsyncIterator[None]:
        await venue.start(market)
        yield
        await venue.stop()

    async def say_goodbye(app: web.Application) -> None:
        venue.close()

    app.cleanup_ctx.append(live)
    app.on_shutdown.append(say_goodbye)
    return app


def build_venue(config: PaperConfig) -> tuple[Venue, Market]:
    """Make the venue and its market, with the orders and balances of an earlier run if there are any.

    Raises:
        ConfigError: The symbols, the data or the state file cannot be used.
    """
    clock = VenueClock()
    try:
        catalogue = default_catalogue(listed_symbols(config))
        market = choose_market(config, catalogue=catalogue, clock=wall_clock)
    except ValueError as error:
        raise ConfigError(f"--symbols must be names such as BTCUSDT,ETHUSDT: {error}") from error
    except MarketDataError as error:
        raise ConfigError(f"--data cannot be played: {error}") from error
    engine = Engine(catalogue=catalogue, balances=config.balances, clock=clock)
    try:
        store = open_store(config, catalogue=catalogue, engine=engine, market=market)
    except StoreError as error:
        raise ConfigError(f"--state {config.state_file} cannot be used: {error}") from error
    return Venue(config, catalogue=catalogue, engine=engine, clock=clock, store=store), market


def open_store(config: PaperConfig, *, catalogue: Catalogue, engine: Engine, market: Market) -> Store:
    """Open the state file and let engine and market go on from it.

    Symbols of kept orders stay listed even if the options no longer name them: the account still has them.
    """
    store = Store(config.state_file)
    kept = store.load()
    if kept is not None:
        for symbol in {*kept["books"], *(order["symbol"] for order in kept["orders"].values())}:
            if symbol not in catalogue:
                catalogue.add(spec_of(symbol))
        engine.restore(kept)
        store.resume_market(market)
    store.begin(engine)
    return store


def run(config: PaperConfig) -> int:
    """Serve until SIGTERM or SIGINT; give the exit status.

    Raises:
        ConfigError: An option that only shows itself when used: a taken port, an unusable file.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    return asyncio.run(_serve(config))


async def _serve(config: PaperConfig) -> int:
    app = build_app(config)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"--port must be a free port on {config.host}, {config.port} is not: {error.strerror}"
            ) from error
        host, port = runner.addresses[0][:2]
        sys.stderr.write(f"paper venue ready on http://{host}:{port}\n")
        sys.stderr.flush()
        return await _until_stopped(app[VENUE], stopped)
    finally:
        await runner.cleanup()


async def _until_stopped(venue: Venue, stopped: asyncio.Event) -> int:
    """Wait for a signal (status 0) or for the market to fail (status 1)."""
    market = venue.running
    if market is None:
        return 1
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([waiting, market], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    if not market.done():
        return 0
    log.error("market_failed", exc_info=market.exception())
    return 1
