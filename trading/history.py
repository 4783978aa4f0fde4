"""Recorded candles of the venue, and of the feed, for whoever learns from them, and a way to tell of it.

A door for intelligence: asks through the one governor, in the class whose wishes come last, so that no
backfill takes a request from an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings

from trading import bootstrap
from trading.domain.market import Candle
from trading.domain.signals import Candles
from trading.market.progress import Progress

STREAM_ROWS = 600


def archive() -> Path:
    """Give the folder in which candles are kept."""
    folder: Path = settings.FASTCYCLE_HOME / "candles"
    return folder


def now() -> datetime:
    """Give the moment."""
    return bootstrap.utc_now()


def follow(name: str, title: str, *, total: int, unit: str) -> Progress:
    """Give what tells the dashboards how far a piece of long work has come."""
    return bootstrap.follow(name, title, total=total, unit=unit)


def fetch_page(symbol: str, interval: str, *, since: datetime) -> Sequence[Candle]:
    """Give closed candles that opened from a moment on, oldest first, at most 1,000.

    Raises:
        VenueUnavailable: Not now: the budget for data is spent, or the venue cannot be reached.
        VenueError: The venue refuses, say because it does not know the symbol.
    """
    return bootstrap.get_venue().candles_from(symbol, interval, since=since)


def streamed(symbol: str, interval: str) -> Candles | None:
    """Give the newest candles that the feed heard; None where it does not listen to them."""
    return bootstrap.get_market().candles([symbol], interval, length=STREAM_ROWS).get(symbol)
