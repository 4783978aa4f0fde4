"""Market figures written as the venue writes them, on streams and in REST replies.

Called by market_data (streams) and market_queries (REST and WS API). Pure: everything comes in as arguments.
Field names and their order follow the venue's pages as read for 2026-07.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from trading.paper.klines import Candle
from trading.paper.market_book import PublicBook
from trading.paper.tape import Aggregate, Tape, TapeTrade, text8


def unit_text(value: int, decimals: int = 8) -> str:
    """Write an integer of 10**-decimals with the venue's eight decimals."""
    if decimals != 8:
        value *= 10 ** (8 - decimals)
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 100_000_000)
    return f"{sign}{whole}.{part:08d}"


def trade_payload(symbol: str, trade: TapeTrade, now_ms: int) -> dict[str, Any]:
    """Write a trade for `<s>@trade`."""
    return {
        "e": "trade",
        "E": now_ms,
        "s": symbol,
        "t": trade.trade_id,
        "p": text8(trade.price),
        "q": text8(trade.qty),
        "T": trade.at_ms,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def aggregate_payload(symbol: str, row: Aggregate, now_ms: int) -> dict[str, Any]:
    """Write an aggregate for `<s>@aggTrade`."""
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": symbol,
        "a": row.aggregate_id,
        "p": text8(row.price),
        "q": text8(row.qty),
        "f": row.first_id,
        "l": row.last_id,
        "T": row.at_ms,
        "m": row.buyer_is_maker,
        "M": True,
    }


class KlineKey(NamedTuple):
    """Whose candle it is, and how many decimals its volumes have."""

    symbol: str
    interval: str
    decimals: int


def kline_payload(key: KlineKey, candle: Candle, *, now_ms: int, closed: bool) -> dict[str, Any]:
    """Write a candle for `<s>@kline_<i>`."""
    symbol, interval, decimals = key
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol,
        "k": {
            "t": candle.open_ms,
            "T": candle.end_ms - 1,
            "s": symbol,
            "i": interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": unit_text(candle.open),
            "c": unit_text(candle.close),
            "h": unit_text(candle.high),
            "l": unit_text(candle.low),
            "v": unit_text(candle.volume, decimals),
            "n": candle.trades,
            "x": closed,
            "q": unit_text(candle.quote_volume),
            "V": unit_text(candle.taker_volume, decimals),
            "Q": unit_text(candle.taker_quote_volume),
            "B": "0",
        },
    }


def kline_row(candle: Candle, decimals: int) -> list[Any]:
    """Write a candle as the array of 12 of GET /klines."""
    return [
        candle.open_ms,
        unit_text(candle.open),
        unit_text(candle.high),
        unit_text(candle.low),
        unit_text(candle.close),
        unit_text(candle.volume, decimals),
        candle.end_ms - 1,
        unit_text(candle.quote_volume),
        candle.trades,
        unit_text(candle.taker_volume, decimals),
        unit_text(candle.taker_quote_volume),
        "0",
    ]


def average_price(candle: Candle, decimals: int) -> str:
    """Write the volume weighted price of a window, its close when nothing was traded."""
    if candle.volume <= 0:
        return unit_text(candle.close)
    return unit_text(candle.quote_volume * 10**decimals // candle.volume)


def window_fields(candle: Candle, *, decimals: int, last_id: int) -> dict[str, Any]:
    """Write what every ticker tells about a window."""
    return {
        "openPrice": unit_text(candle.open),
        "highPrice": unit_text(candle.high),
        "lowPrice": unit_text(candle.low),
        "lastPrice": unit_text(candle.close),
        "volume": unit_text(candle.volume, decimals),
        "quoteVolume": unit_text(candle.quote_volume),
        "openTime": candle.open_ms,
        "closeTime": candle.end_ms - 1,
        "firstId": last_id - candle.trades + 1 if candle.trades else -1,
        "lastId": last_id if candle.trades else -1,
        "count": candle.trades,
    }


def change_fields(candle: Candle, decimals: int) -> dict[str, Any]:
    """Write how the price moved over a window."""
    change = candle.close - candle.open
    percent = Decimal(change) * 100 / Decimal(candle.open) if candle.open else Decimal(0)
    return {
        "priceChange": unit_text(change),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": average_price(candle, decimals),
    }


def mini_payload(symbol: str, candle: Candle, *, decimals: int, now_ms: int) -> dict[str, Any]:
    """Write the rolling day for `<s>@miniTicker`."""
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": symbol,
        "c": unit_text(candle.close),
        "o": unit_text(candle.open),
        "h": unit_text(candle.high),
        "l": unit_text(candle.low),
        "v": unit_text(candle.volume, decimals),
        "q": unit_text(candle.quote_volume),
    }


def ticker_payload(
    book: PublicBook, tape: Tape, candle: Candle, *, decimals: int, now_ms: int
) -> dict[str, Any]:
    """Write the rolling day for `<s>@ticker`."""
    window = window_fields(candle, decimals=decimals, last_id=tape.last_id)
    fields = {**change_fields(candle, decimals), **window}
    (bid, bid_qty), (ask, ask_qty) = book.best_bid, book.best_ask
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": book.symbol,
        "p": fields["priceChange"],
        "P": fields["priceChangePercent"],
        "w": fields["weightedAvgPrice"],
        "x": fields["openPrice"],
        "c": fields["lastPrice"],
        "Q": text8(tape.trades[-1].qty if tape.trades else Decimal(0)),
        "b": text8(bid),
        "B": text8(bid_qty),
        "a": text8(ask),
        "A": text8(ask_qty),
        "o": fields["openPrice"],
        "h": fields["highPrice"],
        "l": fields["lowPrice"],
        "v": fields["volume"],
        "q": fields["quoteVolume"],
        "O": fields["openTime"],
        "C": now_ms,
        "F": fields["firstId"],
        "L": fields["lastId"],
        "n": fields["count"],
    }
