"""Every public market-data call of the venue and its weight, as rows for REST and the WS API alike.

The dispatcher reads these rows; MarketData or the venue itself answers them. Weights: the venue's REST page,
read 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from trading.paper.routes import Route, Target, WeightRule, flat

DEPTH_STEPS = ((100, 5), (500, 25), (1000, 50))
DEPTH_WEIGHT_DEEPEST = 250


def asked_symbols(params: Mapping[str, str]) -> int | None:
    """Count the symbols a request names; None when it names none and so asks for all."""
    if params.get("symbol"):
        return 1
    text = params.get("symbols")
    if not text:
        return None
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError:
        return 1
    return len(names) if isinstance(names, list) else 1


def depth_weight(params: Mapping[str, str]) -> int:
    """Weigh an order book by the levels asked for."""
    text = params.get("limit", "")
    limit = int(text) if text.isascii() and text.isdigit() else 100
    return next((weight for most, weight in DEPTH_STEPS if limit <= most), DEPTH_WEIGHT_DEEPEST)


def one_or_many(params: Mapping[str, str]) -> int:
    """Weigh price and book tickers: 2 for one symbol, 4 otherwise."""
    return 2 if params.get("symbol") else 4


def day_ticker_weight(params: Mapping[str, str]) -> int:
    """Weigh 24-hour tickers by the number of symbols."""
    count = asked_symbols(params)
    if count is None or count > 100:
        return 80
    return 2 if count <= 20 else 40


def _each(per_symbol: int, most: int) -> WeightRule:
    return lambda params: min(most, per_symbol * (asked_symbols(params) or most))


def _market(method: str, path: str, weight: WeightRule) -> Route:
    return Route(method, "GET", path, weight, target=Target.MARKET, signed=False)


def _venue(method: str, path: str, weight: int) -> Route:
    return Route(method, "GET", path, flat(weight), target=Target.VENUE, signed=False)


MARKET_ROUTES: tuple[Route, ...] = (
    _venue("ping", "ping", 1),
    _venue("time", "time", 1),
    _venue("exchangeInfo", "exchangeInfo", 20),
    _market("depth", "depth", depth_weight),
    _market("trades.recent", "trades", flat(25)),
    _market("trades.historical", "historicalTrades", flat(25)),
    _market("trades.aggregate", "aggTrades", flat(4)),
    _market("klines", "klines", flat(2)),
    _market("uiKlines", "uiKlines", flat(2)),
    _market("avgPrice", "avgPrice", flat(2)),
    _market("ticker.price", "ticker/price", one_or_many),
    _market("ticker.book", "ticker/bookTicker", one_or_many),
    _market("ticker.24hr", "ticker/24hr", day_ticker_weight),
    _market("ticker.tradingDay", "ticker/tradingDay", _each(4, 200)),
    _market("ticker", "ticker", _each(4, 200)),
)
