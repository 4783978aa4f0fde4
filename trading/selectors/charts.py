"""What a candle chart shows: closed candles as the feed keeps them, and our trades on the symbol.

Called by monitoring with a client of its choice. Reads only; a history that nobody keeps is empty.
"""

from __future__ import annotations

from typing import Any

import redis
from django.db.models import Q

from trading.domain.market import INTERVAL_S
from trading.domain.trades import TradeState
from trading.market.cache import ROW_BYTES, candles_key, unpack
from trading.models import Trade
from trading.selectors.trades import OPEN_STATE_NAMES

CANDLES_SHOWN = 300
TRADES_SHOWN = 60


def kept_intervals(client: redis.Redis, symbol: str) -> list[str]:
    """Give the intervals of which candles of the symbol are kept, shortest first. Raises redis.RedisError."""
    with client.pipeline(transaction=False) as pipe:
        for interval in INTERVAL_S:
            pipe.exists(candles_key(symbol, interval))
        kept = pipe.execute()
    found = [interval for interval, exists in zip(INTERVAL_S, kept, strict=True) if exists]
    return sorted(found, key=INTERVAL_S.__getitem__)


def read_candles(
    client: redis.Redis, symbol: str, interval: str, *, after_ms: int = 0
) -> list[tuple[int, float, float, float, float, float]]:
    """Give closed candles (open in ms, open, high, low, close, volume), oldest first, opened after a moment.

    Raises:
        redis.RedisError
    """
    raw: Any = client.getrange(candles_key(symbol, interval), -CANDLES_SHOWN * ROW_BYTES, -1)
    if not raw:
        return []
    candles = unpack(raw, interval)
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    rows = zip(candles.open_ms.tolist(), *(column.tolist() for column in columns), strict=True)
    return [row for row in rows if row[0] > after_ms]


def list_trades(symbol: str) -> list[Trade]:
    """Give the newest trades of the symbol that bought something, oldest first."""
    held = Q(state__in=OPEN_STATE_NAMES) | Q(state=TradeState.CLOSED.value)
    newest = Trade.objects.filter(held, symbol=symbol).order_by("-pk")[:TRADES_SHOWN]
    return sorted(newest, key=lambda trade: trade.pk)
