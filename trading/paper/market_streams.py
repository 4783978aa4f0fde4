"""Time-driven market streams: which names exist, how often each is due, and what it says.

MarketData asks here every 100 ms. Real-time streams (trade, aggTrade, bookTicker) are made where the event
arrives and are only known here by not being known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from trading.paper.klines import INTERVAL_MS
from trading.paper.market_payloads import (
    KlineKey,
    average_price,
    kline_payload,
    mini_payload,
    ticker_payload,
    unit_text,
)
from trading.paper.market_symbol import SymbolMarket

ALL_MINI = ("!miniTicker@arr", "!miniTicker@arr@1000ms")
DIFF_CADENCES = frozenset({"100ms", "1000ms"})
AVERAGE_MS = 5 * 60_000
_DEPTH = re.compile(r"^depth(5|10|20)?(@100ms|@1000ms)?$")


class StreamName(NamedTuple):
    """A parsed stream name; `argument` is the interval, the depth or the cadence."""

    symbol: str
    kind: str
    argument: str
    period_ms: int


def parse_name(name: str, symbols: Collection[str]) -> StreamName | None:
    """Read a time-driven stream name; None for any other."""
    head, _, tail = name.partition("@")
    symbol = head.upper()
    if symbol not in symbols:
        return None
    if tail.startswith("kline_") and tail[6:] in INTERVAL_MS:
        return StreamName(symbol, "kline", tail[6:], 1000 if tail == "kline_1s" else 2000)
    if tail in ("miniTicker", "ticker", "avgPrice", "referencePrice"):
        return StreamName(symbol, tail, "", 1000)
    match = _DEPTH.match(tail)
    if match is None:
        return None
    levels, cadence = match.group(1), "100ms" if match.group(2) == "@100ms" else "1000ms"
    period = int(cadence[:-2])
    if levels is None:
        return StreamName(symbol, "depth", cadence, period)
    return StreamName(symbol, "partial", levels, period)


def names_of(symbol: str) -> list[str]:
    """Give every time-driven stream name of a symbol."""
    tails = [f"kline_{interval}" for interval in INTERVAL_MS]
    tails += ["miniTicker", "ticker", "avgPrice", "referencePrice"]
    tails += [f"depth{levels}{pace}" for levels in ("", "5", "10", "20") for pace in ("", "@100ms")]
    return [f"{symbol.lower()}@{tail}" for tail in tails]


def payload(market: SymbolMarket, name: StreamName, now_ms: int) -> dict[str, Any] | None:
    """Give what a stream says now; None when it has nothing to say."""
    if name.kind == "depth":
        diff = market.book.take_diff(name.argument)
        return None if diff is None else {"e": "depthUpdate", "E": now_ms, "s": name.symbol, **diff}
    if name.kind == "partial":
        return market.book.depth(int(name.argument)) if market.book.update_id else None
    if name.kind == "kline":
        return _kline(market, name, now_ms)
    return _ticker(market, name, now_ms)


def mini_round(markets: Iterable[SymbolMarket], now_ms: int) -> list[dict[str, Any]]:
    """Give the mini tickers of the symbols that traded since the last round."""
    rows = []
    for market in markets:
        day = market.day(now_ms) if market.traded else None
        if day is not None:
            rows.append(
                mini_payload(market.symbol, day, decimals=market.klines.volume_decimals, now_ms=now_ms)
            )
    return rows


def _kline(market: SymbolMarket, name: StreamName, now_ms: int) -> dict[str, Any] | None:
    candle = market.klines.open_candle(name.argument)
    if candle is None:
        return None
    key = KlineKey(name.symbol, name.argument, market.klines.volume_decimals)
    return kline_payload(key, candle, now_ms=now_ms, closed=False)


def _ticker(market: SymbolMarket, name: StreamName, now_ms: int) -> dict[str, Any] | None:
    decimals = market.klines.volume_decimals
    if name.kind == "referencePrice":
        price = market.klines.last_price
        text = None if price is None else unit_text(price)
        return {"e": "referencePrice", "s": name.symbol, "r": text, "t": now_ms}
    if name.kind == "avgPrice":
        window = market.klines.since(now_ms - AVERAGE_MS, "1s")
        last = market.last_trade
        return None if window is None else {
            "e": "avgPrice",
            "E": now_ms,
            "s": name.symbol,
            "i": "5m",
            "w": average_price(window, decimals),
            "T": last.at_ms if last else now_ms,
        }  # fmt: skip
    day = market.day(now_ms)
    if day is None:
        return None
    if name.kind == "miniTicker":
        return mini_payload(name.symbol, day, decimals=decimals, now_ms=now_ms) if market.traded else None
    return ticker_payload(market.book, market.tape, day, decimals=decimals, now_ms=now_ms)
