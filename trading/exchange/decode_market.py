"""Venue JSON about the market into domain objects: symbol rules, candles, volumes, delistings.

Called by the REST client. Written from the venue's own pages (binance-spot-api-docs, read 2026-07):
rest-api.md, filters.md. One odd symbol or filter never hides the others: it is counted and left out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from trading.domain.instrument import Instrument
from trading.domain.market import Candle
from trading.domain.values import ZERO
from trading.exchange.fields import (
    MalformedMessage,
    Payload,
    as_list,
    as_object,
    decimal_of,
    moment,
    number,
    objects,
    real,
    text,
)

KNOWN_FILTERS = frozenset(
    {
        "PRICE_FILTER", "PERCENT_PRICE", "PERCENT_PRICE_BY_SIDE", "LOT_SIZE", "MARKET_LOT_SIZE",
        "MIN_NOTIONAL", "NOTIONAL", "ICEBERG_PARTS", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ICEBERG_ORDERS", "MAX_POSITION", "TRAILING_DELTA", "MAX_NUM_ORDER_AMENDS",
        "MAX_NUM_ORDER_LISTS", "MAX_ASSET",
    }
)  # fmt: skip
KLINE_FIELDS = 11


class InstrumentList(NamedTuple):
    """What exchangeInfo gave: the rules, filters by name that are not known, symbols left out and why.

    `limits` are the venue's limits by our names of them (exchange.budgets).
    """

    instruments: tuple[Instrument, ...]
    unknown_filters: Counter[str]
    left_out: Mapping[str, str]
    limits: Mapping[str, int]


def instruments(payload: object) -> InstrumentList:
    """Decode GET /api/v3/exchangeInfo.

    Source: rest-api.md, "Exchange information"; filters.md.
    """
    found: list[Instrument] = []
    unknown: Counter[str] = Counter()
    left_out: dict[str, str] = {}
    told = as_object(payload, "exchangeInfo")
    for row in objects(told, "symbols"):
        try:
            found.append(instrument(row))
            unknown.update(name for name in _filter_names(row) if name not in KNOWN_FILTERS)
        except MalformedMessage as error:
            left_out[str(row.get("symbol", "?"))[:40]] = str(error)
    if not found:
        # Taken as it is, it would delist everything that is traded.
        raise MalformedMessage("exchangeInfo: no symbol that can be read")
    return InstrumentList(tuple(found), unknown, left_out, request_limits(told))


_LIMIT_NAMES = {
    "REQUEST_WEIGHT 1 MINUTE": "weight_1m",
    "RAW_REQUESTS 5 MINUTE": "raw_5m",
    "ORDERS 10 SECOND": "orders_10s",
    "ORDERS 1 DAY": "orders_1d",
}


def request_limits(payload: Payload) -> dict[str, int]:
    """Give the limits of exchangeInfo that are known by name; others, and odd rows, are passed over."""
    found: dict[str, int] = {}
    rows = payload.get("rateLimits")
    for row in rows if isinstance(rows, list) else ():
        told = row if isinstance(row, dict) else {}
        window = " ".join(str(told.get(word)) for word in ("rateLimitType", "intervalNum", "interval"))
        name, limit = _LIMIT_NAMES.get(window), told.get("limit")
        if name is not None and isinstance(limit, int) and limit > 0:
            found[name] = limit
    return found


def instrument(row: Payload) -> Instrument:
    """Decode the rules of one symbol; a limit that the venue does not name is off (0).

    Filters that are not known are passed over: the venue adds some without notice.
    """
    filters = {text(item, "filterType"): item for item in objects(row, "filters")}
    lot = filters.get("LOT_SIZE")
    if lot is None:
        raise MalformedMessage("filters: LOT_SIZE is missing")
    return Instrument(
        symbol=text(row, "symbol"),
        base_asset=text(row, "baseAsset"),
        quote_asset=text(row, "quoteAsset"),
        status=text(row, "status"),
        tick_size=_limit(filters, "PRICE_FILTER", "tickSize"),
        step_size=number(lot, "stepSize"),
        min_qty=number(lot, "minQty"),
        max_qty=number(lot, "maxQty"),
        market_max_qty=_limit(filters, "MARKET_LOT_SIZE", "maxQty"),
        min_notional=max(
            _limit(filters, "NOTIONAL", "minNotional"), _limit(filters, "MIN_NOTIONAL", "minNotional")
        ),
        order_types=frozenset(str(word) for word in as_list(row.get("orderTypes"), "orderTypes")),
        oco_allowed=row.get("ocoAllowed") is True,
        oto_allowed=row.get("otoAllowed") is True,
        opo_allowed=row.get("opoAllowed") is True,
        trailing_allowed=row.get("allowTrailingStop") is True,
        cancel_replace_allowed=row.get("cancelReplaceAllowed") is True,
    )


def quote_volumes(payload: object) -> dict[str, Decimal]:
    """Decode GET /api/v3/ticker/24hr into the 24 h volume by symbol, in the quote asset."""
    rows = as_list(payload, "24 h statistics")
    return {text(row, "symbol"): number(row, "quoteVolume") for row in rows if isinstance(row, dict)}


def delistings(payload: object) -> dict[str, datetime]:
    """Decode GET /sapi/v1/spot/delist-schedule into the moment of delisting by symbol; of several the first.

    Raises:
        MalformedMessage: Any entry is odd. What is left out would read as withdrawn, so none is.
    """
    found: dict[str, datetime] = {}
    for item in as_list(payload, "delist schedule"):
        entry = as_object(item, "delist schedule: an entry")
        at = moment(entry, "delistTime")
        for symbol in as_list(entry.get("symbols"), "symbols"):
            if not isinstance(symbol, str) or not symbol:
                raise MalformedMessage(f"symbols: {str(symbol)[:40]!r} is not the name of a symbol")
            found[symbol] = min(at, found.get(symbol, at))
    return found


def server_time(payload: object) -> datetime:
    """Decode GET /api/v3/time."""
    return moment(as_object(payload, "time"), "serverTime")


def candles(payload: object, *, symbol: str, interval: str, closed_before_ms: int) -> tuple[Candle, ...]:
    """Decode GET /api/v3/klines and keep what closed before the given venue moment, oldest first.

    Source: rest-api.md, "Kline/Candlestick data": open time, o, h, l, c, volume, close time (inclusive), …
    """
    rows = (as_list(row, "kline") for row in as_list(payload, "klines"))
    decoded = [(_kline_row(row, symbol=symbol, interval=interval), _close_ms(row)) for row in rows]
    return tuple(candle for candle, close_ms in decoded if close_ms < closed_before_ms)


def kline_price(payload: object, *, open_ms: int) -> Decimal | None:
    """Decode GET /api/v3/klines into the exact close of the candle opened at a moment; None if not there."""
    rows = (as_list(row, "kline") for row in as_list(payload, "klines"))
    found = next((row for row in rows if len(row) >= KLINE_FIELDS and row[0] == open_ms), None)
    return None if found is None else decimal_of(found[4], "kline[4]")


def _kline_row(row: Sequence[object], *, symbol: str, interval: str) -> Candle:
    if len(row) < KLINE_FIELDS or not isinstance(row[0], int):
        raise MalformedMessage("kline: too short, or no open time")
    open_, high, low, close, volume = (real(row[index], f"kline[{index}]") for index in range(1, 6))
    return Candle(
        symbol=symbol, interval=interval, open_ms=row[0],
        open=open_, high=high, low=low, close=close, volume=volume,
    )  # fmt: skip


def _close_ms(row: Sequence[object]) -> int:
    close_ms = row[6]
    if not isinstance(close_ms, int):
        raise MalformedMessage("kline[6]: no close time")
    return close_ms


def _limit(filters: Mapping[str, Payload], kind: str, name: str) -> Decimal:
    return number(filters[kind], name) if kind in filters else ZERO


def _filter_names(row: Payload) -> list[str]:
    return [text(item, "filterType") for item in objects(row, "filters")]
