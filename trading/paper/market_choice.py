"""Which market the options ask for, made and ready to run.

server.py calls this once. Markets know nothing of options, options nothing of markets; this is the bridge.
"""

from __future__ import annotations

from pathlib import Path

from trading.paper.catalogue import Catalogue
from trading.paper.config import ConfigError, PaperConfig
from trading.paper.market_sink import Clock, Market
from trading.paper.markets.candle_files import find_files
from trading.paper.markets.candles import open_candle_market
from trading.paper.markets.mirror import MirrorMarket
from trading.paper.markets.synthetic import SyntheticMarket
from trading.paper.markets.ticks import open_tick_market, symbols_of, tick_files


def listed_symbols(config: PaperConfig) -> list[str] | None:
    """Give the symbols to list: those asked for, else those of the data, else None for the usual ones."""
    if config.symbols is not None:
        return list(config.symbols)
    if config.market == "candles":
        return list(find_files(_folder(config), None))
    if config.market == "ticks":
        return symbols_of(tick_files(_folder(config)))
    return None


def choose_market(config: PaperConfig, *, catalogue: Catalogue, clock: Clock) -> Market:
    """Make the market of the options.

    Raises:
        ConfigError: The market needs an option that is missing.
        MarketDataError: The data cannot be used.
    """
    if config.market == "candles":
        return open_candle_market(catalogue, folder=_folder(config), clock=clock, speed=config.speed)
    if config.market == "ticks":
        return open_tick_market(catalogue, folder=_folder(config), clock=clock, speed=config.speed)
    if config.market == "mirror":
        return MirrorMarket(config.mirror_url, symbols=list(catalogue), clock=clock)
    return SyntheticMarket(catalogue, symbols=list(catalogue), clock=clock, seed=config.seed)


def _folder(config: PaperConfig) -> Path:
    if config.data_dir is None:
        raise ConfigError(f"--data must name a folder when --market is {config.market}")
    return config.data_dir
