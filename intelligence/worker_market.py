"""The candles that a worker's symbols had, from the archive, which is filled from the venue first.

Called by `manage.py tune` and `manage.py fill_run`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.core.management.base import CommandError

from intelligence.backtest import Market
from intelligence.command_input import NOT_FINE, read_market
from intelligence.completed import complete
from trading import history
from trading.domain.ports import VenueError
from trading.domain.workers import WorkerConfig
from trading.selectors.workers import resolve_universes


def read_worker_market(
    config: WorkerConfig,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
    data: Path | None = None,
    say: Callable[[str], object] = bool,
) -> Market:
    """Give the candles of the symbols that a worker trades now.

    Args:
        data: Candle files; without them the archive is filled for the stretch and read.
        say: Called with what is done next.

    Raises:
        CommandError: The venue cannot be asked, or a candle file is wrong; one line.
    """
    symbols = sorted(resolve_universes({0: config}, now=now)[0])
    folder = data or history.archive()
    if data is None:
        try:
            for symbol in symbols:
                say(f"candles of {symbol}")
                complete(symbol, config.interval, since=since, until=until)
        except VenueError as error:
            raise CommandError(f"the venue could not be asked: {error}", returncode=NOT_FINE) from None
    return read_market(folder, interval=config.interval, symbols=symbols, since=since, until=until)
