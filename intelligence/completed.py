"""The archive of candles, completed from the venue before it is read.

Called by the commands that need candles of now: `tune`, `fill_run`, `screen`, `watch_models`. Requests are
governed like those of `manage.py backfill`.
"""

from __future__ import annotations

from datetime import datetime

from intelligence import backfill
from trading import history
from trading.domain.ports import VenueError
from trading.domain.values import to_ms


def complete(symbol: str, interval: str, *, since: datetime, until: datetime) -> None:
    """Fetch what the archive lacks of a stretch. Raises VenueError where the venue cannot be asked."""
    backfill.fill_from_venue(
        history.archive(),
        symbol,
        interval,
        begin_ms=to_ms(since),
        end_ms=to_ms(until),
        fetch=lambda name, length, at: history.fetch_page(name, length, since=at),
    )


class WhileItAnswers:
    """Completes stretch after stretch as long as the venue answers; then what is kept has to do."""

    def __init__(self) -> None:
        self._is_away = False

    def __call__(self, symbol: str, interval: str, *, since: datetime, until: datetime) -> None:
        """Complete a stretch, or leave it as it is."""
        if self._is_away:
            return
        try:
            complete(symbol, interval, since=since, until=until)
        except VenueError:
            self._is_away = True
