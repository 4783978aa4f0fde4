"""Market data requests of REST and the WS API: parameters checked as the venue does, replies in its shapes.

MarketData owns one Queries. Methods are named as the WS API names them; parameters may be texts (REST) or
JSON values (WS API). Read only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from trading.paper.errors import (
    INTEGER_RANGE,
    bad_combination,
    bad_request,
    either_mandatory,
    illegal_characters,
    invalid_data,
    invalid_symbol,
    mandatory,
)
from trading.paper.klines import DAY, HOUR, INTERVAL_MS, MINUTE, Candle, open_of
from trading.paper.market_payloads import average_price, change_fields, kline_row, unit_text, window_fields
from trading.paper.market_sink import Clock
from trading.paper.market_streams import AVERAGE_MS
from trading.paper.market_symbol import SymbolMarket
from trading.paper.tape import text8

SYMBOL_STATUSES = ("TRADING", "HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY")
_WINDOW = re.compile(r"^([0-9]{1,2})([mhd])$")
_WINDOW_UNITS = {"m": (MINUTE, 59), "h": (HOUR, 23), "d": (DAY, 7)}
_MINI_LEAVES_OUT = frozenset(
    [
        "priceChange",
        "priceChangePercent",
        "weightedAvgPrice",
        "prevClosePrice",
        "lastQty",
        "bidPrice",
        "bidQty",
        "askPrice",
        "askQty",
    ]
)


class Listed(Protocol):
    """What a query needs to know of a symbol's spec."""

    @property
    def status(self) -> str:
        """Give the trading status."""


def whole_number(
    params: Mapping[str, Any], name: str, *, default: int | None = None, maximum: int | None = None
) -> int | None:
    """Read a whole number; a larger one than the maximum is cut to it, as the venue does for `limit`."""
    raw = params.get(name)
    if raw is None or raw == "":
        return default
    text = str(raw)
    if not re.fullmatch(INTEGER_RANGE, text):
        raise illegal_characters(name, INTEGER_RANGE)
    value = int(text)
    if name == "limit" and value < 1:
        raise invalid_data(name)
    return value if maximum is None else min(value, maximum)


class Queries:
    """Answers about the present state of the market."""

    def __init__(
        self, *, catalogue: Mapping[str, Listed], clock: Clock, market: Callable[[str], SymbolMarket]
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._market = market
        self._methods: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "klines": self._klines,
            "uiKlines": self._klines,
            "depth": self._depth,
            "trades.recent": self._trades,
            "trades.historical": self._historical_trades,
            "trades.aggregate": self._aggregates,
            "avgPrice": self._average,
            "referencePrice": self._reference,
            "ticker.price": self._prices,
            "ticker.book": self._books,
            "ticker.24hr": self._day_tickers,
            "ticker.tradingDay": self._trading_day_tickers,
            "ticker": self._window_tickers,
        }

    def answer(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer one request.

        Raises:
            VenueError: In the venue's own code and words.
            KeyError: The method is none of market data's.
        """
        return self._methods[method](params)

    def _one(self, params: Mapping[str, Any]) -> SymbolMarket:
        symbol = params.get("symbol")
        if not symbol:
            raise mandatory("symbol")
        if symbol not in self._catalogue:
            raise invalid_symbol()
        return self._market(str(symbol))

    def _many(
        self, params: Mapping[str, Any], *, all_allowed: bool = True
    ) -> tuple[list[SymbolMarket], bool]:
        """Give the markets asked for, and whether the reply is a list."""
        status = params.get("symbolStatus")
        if status is not None and status not in SYMBOL_STATUSES:
            raise bad_request(-1122, "Invalid symbolStatus.")
        if params.get("symbol") and params.get("symbols"):
            raise bad_combination()
        if params.get("symbol"):
            market = self._one(params)
            if status is not None and self._catalogue[market.symbol].status != status:
                raise bad_request(-1220, "The symbol's status does not match the requested symbolStatus.")
            return [market], False
        names = self._symbol_list(params, all_allowed=all_allowed)
        if status is not None:
            names = [name for name in names if self._catalogue[name].status == status]
        return [self._market(name) for name in names], True

    def _symbol_list(self, params: Mapping[str, Any], *, all_allowed: bool) -> list[str]:
        raw = params.get("symbols")
        if not raw:
            if not all_allowed:
                raise either_mandatory("symbol", "symbols")
            return list(self._catalogue)
        names = raw
        if isinstance(raw, str):
            try:
                names = json.loads(raw)
            except ValueError:
                legal = r'^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'
                raise illegal_characters("symbols", legal) from None
        if not isinstance(names, list) or not names:
            raise mandatory("symbols")
        if len(set(names)) != len(names):
            raise bad_request(-1151, "Symbol is present multiple times in the list.")
        if any(name not in self._catalogue for name in names):
            raise invalid_symbol()
        return [str(name) for name in names]

    def _klines(self, params: Mapping[str, Any]) -> list[list[Any]]:
        market = self._one(params)
        interval = params.get("interval")
        if not interval:
            raise mandatory("interval")
        if interval not in INTERVAL_MS:
            raise bad_request(-1120, "Invalid interval.")
        limit = whole_number(params, "limit", default=500, maximum=1000) or 500
        start, end = whole_number(params, "startTime"), whole_number(params, "endTime")
        market.klines.roll(self._clock())
        rows = market.klines.select(str(interval), start_ms=start, end_ms=end, limit=limit)
        return [kline_row(row, market.klines.volume_decimals) for row in rows]

    def _depth(self, params: Mapping[str, Any]) -> dict[str, Any]:
        limit = whole_number(params, "limit", default=100, maximum=5000) or 100
        return self._one(params).book.depth(limit)

    def _trades(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        limit = whole_number(params, "limit", default=500, maximum=1000) or 500
        return self._one(params).tape.recent(limit)

    def _historical_trades(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        limit = whole_number(params, "limit", default=500, maximum=1000) or 500
        return self._one(params).tape.recent(limit, from_id=whole_number(params, "fromId"))

    def _aggregates(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        market = self._one(params)
        limit = whole_number(params, "limit", default=500, maximum=1000) or 500
        from_id = whole_number(params, "fromId")
        start, end = whole_number(params, "startTime"), whole_number(params, "endTime")
        if from_id is not None and (start is not None or end is not None):
            raise bad_combination()
        return market.tape.recent_aggregates(limit, from_id=from_id, start_ms=start, end_ms=end)

    def _average(self, params: Mapping[str, Any]) -> dict[str, Any]:
        market, now_ms = self._one(params), self._clock()
        window = market.klines.since(now_ms - AVERAGE_MS, "1s")
        last = market.last_trade
        price = average_price(window, market.klines.volume_decimals) if window else unit_text(0)
        return {"mins": 5, "price": price, "closeTime": last.at_ms if last else now_ms}

    def _reference(self, params: Mapping[str, Any]) -> dict[str, Any]:
        market = self._one(params)
        price = market.klines.last_price
        text = None if price is None else unit_text(price)
        return {"symbol": market.symbol, "referencePrice": text, "timestamp": self._clock()}

    def _prices(self, params: Mapping[str, Any]) -> Any:
        markets, listed = self._many(params)
        rows = [
            {"symbol": market.symbol, "price": unit_text(market.klines.last_price or 0)} for market in markets
        ]
        return rows if listed else rows[0]

    def _books(self, params: Mapping[str, Any]) -> Any:
        markets, listed = self._many(params)
        rows = [{"symbol": market.symbol, **self._book_fields(market)} for market in markets]
        return rows if listed else rows[0]

    def _day_tickers(self, params: Mapping[str, Any]) -> Any:
        now_ms = self._clock()
        return self._tickers(params, lambda market: market.day(now_ms), whole_book=True)

    def _trading_day_tickers(self, params: Mapping[str, Any]) -> Any:
        start = open_of("1d", self._clock())
        return self._tickers(params, lambda market: market.window(start))

    def _window_tickers(self, params: Mapping[str, Any]) -> Any:
        match = _WINDOW.match(str(params.get("windowSize") or "1d"))
        if match is None:
            raise invalid_data("windowSize")
        unit_ms, most = _WINDOW_UNITS[match.group(2)]
        count = int(match.group(1))
        if not 1 <= count <= most:
            raise invalid_data("windowSize")
        start = open_of("1m", self._clock()) + MINUTE - count * unit_ms
        return self._tickers(params, lambda market: market.window(start))

    def _tickers(
        self,
        params: Mapping[str, Any],
        window_of: Callable[[SymbolMarket], Candle | None],
        *,
        whole_book: bool = False,
    ) -> Any:
        shape = params.get("type") or "FULL"
        if shape not in ("FULL", "MINI"):
            raise invalid_data("type")
        markets, listed = self._many(params, all_allowed=whole_book)
        rows = []
        for market in markets:
            window = window_of(market) or Candle(0, 1, 0, 0, 0, 0)
            row = self._ticker(market, window, with_book=whole_book)
            left_out = frozenset[str]() if shape == "FULL" else _MINI_LEAVES_OUT
            rows.append({name: value for name, value in row.items() if name not in left_out})
        return rows if listed else rows[0]

    def _ticker(self, market: SymbolMarket, window: Candle, *, with_book: bool) -> dict[str, Any]:
        decimals = market.klines.volume_decimals
        row = {"symbol": market.symbol, **change_fields(window, decimals)}
        if with_book:
            last = market.last_trade
            row["prevClosePrice"] = unit_text(window.open)
            row["lastQty"] = text8(last.qty) if last else unit_text(0)
            row.update(self._book_fields(market))
        row.update(window_fields(window, decimals=decimals, last_id=market.tape.last_id))
        return row

    @staticmethod
    def _book_fields(market: SymbolMarket) -> dict[str, Any]:
        (bid, bid_qty), (ask, ask_qty) = market.book.best_bid, market.book.best_ask
        return {
            "bidPrice": text8(bid),
            "bidQty": text8(bid_qty),
            "askPrice": text8(ask),
            "askQty": text8(ask_qty),
        }
