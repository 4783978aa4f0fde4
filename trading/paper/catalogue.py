"""The symbols of the paper venue and their rules, and exchangeInfo made from them.

The engine reads rules from here on every order, markets take their prices from here, faults change
specs at run time through `Catalogue.update`. Nothing here knows orders, balances or the wire.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trading.paper.catalogue_symbols import SymbolFacts, known_facts, known_symbols, synthetic_facts
from trading.paper.errors import bad_request, invalid_symbol

ALL_ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
STP_MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
STATUSES = ("TRADING", "HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY")
DEFAULT_LENGTH = 12
MAX_STEPS = 900_000_000  # of LOT_SIZE

RATE_LIMITS: tuple[dict[str, Any], ...] = (
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
)
CONNECTION_LIMIT: dict[str, Any] = {
    "rateLimitType": "CONNECTIONS",
    "interval": "MINUTE",
    "intervalNum": 5,
    "limit": 300,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """One symbol: its assets, its filters, what it allows, and how its market behaves.

    Prices in quote asset, quantities in base asset. A tick or step of 0 switches that check off.
    `daily_volatility` (standard deviation of the log return of a day), `daily_quote_volume` and
    `spread_ticks` feed markets only; no order is ever judged by them.
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    start_price: Decimal
    spread_ticks: int
    daily_volatility: float
    daily_quote_volume: float
    status: str = "TRADING"
    min_price: Decimal = Decimal("0.00000001")
    max_price: Decimal = Decimal(10_000_000)
    market_min_qty: Decimal = Decimal(0)
    market_step_size: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(9_000_000)
    min_notional_on_market: bool = True
    max_notional_on_market: bool = False
    notional_filter: str = "NOTIONAL"  # or MIN_NOTIONAL, the older form without a maximum
    percent_up: Decimal | None = None  # PERCENT_PRICE, both sides alike
    percent_down: Decimal | None = None
    bid_percent_up: Decimal = Decimal(5)  # PERCENT_PRICE_BY_SIDE
    bid_percent_down: Decimal = Decimal("0.2")
    ask_percent_up: Decimal = Decimal(5)
    ask_percent_down: Decimal = Decimal("0.2")
    avg_price_mins: int = 5
    price_range_up: Decimal | None = None  # PRICE_RANGE execution rule, multiples of the reference
    price_range_down: Decimal | None = None
    iceberg_parts: int = 100
    min_trailing_delta: int = 10
    max_trailing_delta: int = 2000
    max_num_orders: int = 200
    max_num_algo_orders: int = 5
    max_num_iceberg_orders: int | None = None
    max_num_order_lists: int = 20
    max_num_order_amends: int = 10
    max_position: Decimal | None = None
    max_asset: tuple[tuple[str, Decimal], ...] = ()  # per order, shown by myFilters only
    extra_filters: tuple[Mapping[str, Any], ...] = ()
    order_types: tuple[str, ...] = ALL_ORDER_TYPES
    iceberg_allowed: bool = True
    oco_allowed: bool = True
    oto_allowed: bool = True
    opo_allowed: bool = True
    quote_order_qty_allowed: bool = True
    allow_trailing_stop: bool = True
    cancel_replace_allowed: bool = True
    amend_allowed: bool = True
    stp_modes: tuple[str, ...] = STP_MODES
    default_stp: str = "EXPIRE_MAKER"
    permission_sets: tuple[tuple[str, ...], ...] = (("SPOT", "MARGIN"),)


class Catalogue(Mapping[str, SymbolSpec]):
    """The symbols by name, in the order they were listed; changeable while the venue runs."""

    def __init__(self, specs: Sequence[SymbolSpec]) -> None:
        self._specs = {spec.symbol: spec for spec in specs}
        self.exchange_filters: dict[str, int] = {}  # e.g. EXCHANGE_MAX_NUM_ORDERS: 1000
        self.rate_limits: list[dict[str, Any]] = [dict(limit) for limit in RATE_LIMITS]

    def __getitem__(self, symbol: str) -> SymbolSpec:
        return self._specs[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def require(self, symbol: str) -> SymbolSpec:
        """Give the spec of a symbol, or refuse with -1121."""
        spec = self._specs.get(symbol)
        if spec is None:
            raise invalid_symbol()
        return spec

    def add(self, spec: SymbolSpec) -> None:
        """List a symbol, or replace all its rules."""
        self._specs[spec.symbol] = spec

    def remove(self, symbol: str) -> None:
        """Take a symbol off the list; its orders are the engine's business (`Engine.expire_all`)."""
        del self._specs[symbol]

    def update(self, symbol: str, **changes: Any) -> SymbolSpec:
        """Change some rules of one symbol at run time (status, filters, permissions).

        Raises:
            KeyError: The symbol is not listed.
            TypeError: There is no such rule.
        """
        spec = dataclasses.replace(self._specs[symbol], **changes)
        self._specs[symbol] = spec
        return spec

    def exchange_info(
        self,
        symbols: Sequence[str] | None = None,
        *,
        server_time_ms: int = 0,
        symbol_status: str | None = None,
        show_permission_sets: bool = True,
        websocket: bool = False,
    ) -> dict[str, Any]:
        """Give exchangeInfo in the venue's full shape.

        Args:
            symbols: Only these, in this order; None for all.
            symbol_status: Only symbols of this status; cannot go with `symbols`.
            websocket: The WS API shows the connection limit instead of raw requests.

        Raises:
            VenueError: -1121 unknown symbol, -1151 duplicate symbols, -1122 unknown status, -1128 both given.
        """
        chosen = self._chosen(symbols, symbol_status)
        limits = self.rate_limits
        if websocket:
            limits = [entry for entry in limits if entry["rateLimitType"] != "RAW_REQUESTS"]
            limits = [*limits, CONNECTION_LIMIT]
        return {
            "timezone": "UTC",
            "serverTime": server_time_ms,
            "rateLimits": [dict(limit) for limit in limits],
            "exchangeFilters": [exchange_filter(name, n) for name, n in self.exchange_filters.items()],
            "symbols": [symbol_info(spec, show_permission_sets=show_permission_sets) for spec in chosen],
        }

    def execution_rules(
        self, symbols: Sequence[str] | None = None, *, symbol_status: str | None = None
    ) -> dict[str, Any]:
        """Give the PRICE_RANGE rules of the symbols; refusals as for exchange_info."""
        chosen = self._chosen(symbols, symbol_status)
        return {"symbolRules": [{"symbol": spec.symbol, "rules": execution_rules(spec)} for spec in chosen]}

    def _chosen(self, symbols: Sequence[str] | None, status: str | None) -> list[SymbolSpec]:
        if status is not None:
            if symbols is not None:
                raise bad_request(-1128, "Combination of optional parameters invalid.")
            if status not in STATUSES:
                raise bad_request(-1122, "Invalid symbolStatus.")
            return [spec for spec in self._specs.values() if spec.status == status]
        if symbols is None:
            return list(self._specs.values())
        if len(set(symbols)) != len(symbols):
            raise bad_request(-1151, "Symbol is present multiple times in the list.")
        return [self.require(symbol) for symbol in symbols]


def exchange_filter(name: str, limit: int) -> dict[str, Any]:
    """Give one account-wide filter, e.g. EXCHANGE_MAX_NUM_ORDERS with maxNumOrders."""
    words = name.removeprefix("EXCHANGE_").split("_")
    field = words[0].lower() + "".join(word.capitalize() for word in words[1:])
    return {"filterType": name, field: limit}


def symbol_info(spec: SymbolSpec, *, show_permission_sets: bool = True) -> dict[str, Any]:
    """Give one element of exchangeInfo.symbols."""
    permission_sets = [list(names) for names in spec.permission_sets] if show_permission_sets else []
    return {
        "symbol": spec.symbol,
        "status": spec.status,
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(spec.order_types),
        "icebergAllowed": spec.iceberg_allowed,
        "ocoAllowed": spec.oco_allowed,
        "otoAllowed": spec.oto_allowed,
        "opoAllowed": spec.opo_allowed,
        "quoteOrderQtyMarketAllowed": spec.quote_order_qty_allowed,
        "allowTrailingStop": spec.allow_trailing_stop,
        "cancelReplaceAllowed": spec.cancel_replace_allowed,
        "amendAllowed": spec.amend_allowed,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": symbol_filters(spec),
        "permissions": [],
        "permissionSets": permission_sets,
        "defaultSelfTradePreventionMode": spec.default_stp,
        "allowedSelfTradePreventionModes": list(spec.stp_modes),
    }


def symbol_filters(spec: SymbolSpec) -> list[dict[str, Any]]:
    """Give the filters of one symbol as exchangeInfo shows them."""
    filters: list[dict[str, Any]] = [
        {"filterType": "PRICE_FILTER"}
        | _texts(minPrice=spec.min_price, maxPrice=spec.max_price, tickSize=spec.tick_size),
        {"filterType": "LOT_SIZE"}
        | _texts(minQty=spec.min_qty, maxQty=spec.max_qty, stepSize=spec.step_size),
        {"filterType": "ICEBERG_PARTS", "limit": spec.iceberg_parts},
        {"filterType": "MARKET_LOT_SIZE"}
        | _texts(minQty=spec.market_min_qty, maxQty=spec.market_max_qty, stepSize=spec.market_step_size),
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": spec.min_trailing_delta,
            "maxTrailingAboveDelta": spec.max_trailing_delta,
            "minTrailingBelowDelta": spec.min_trailing_delta,
            "maxTrailingBelowDelta": spec.max_trailing_delta,
        },
        *_percent_filters(spec),
        _notional_filter(spec),
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": spec.max_num_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": spec.max_num_order_lists},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": spec.max_num_algo_orders},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": spec.max_num_order_amends},
    ]
    if spec.max_num_iceberg_orders is not None:
        filters.append(
            {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": spec.max_num_iceberg_orders}
        )
    if spec.max_position is not None:
        filters.append({"filterType": "MAX_POSITION"} | _texts(maxPosition=spec.max_position))
    return [*filters, *(dict(extra) for extra in spec.extra_filters)]


def execution_rules(spec: SymbolSpec) -> list[dict[str, Any]]:
    """Give the rules that are enforced when an order trades, not when it is placed."""
    up, down = spec.price_range_up, spec.price_range_down
    if up is None and down is None:
        return []
    rule: dict[str, Any] = {"ruleType": "PRICE_RANGE"}
    for side in ("bid", "ask"):
        rule |= {f"{side}LimitMultUp": f"{up:f}"} if up is not None else {}
        rule |= {f"{side}LimitMultDown": f"{down:f}"} if down is not None else {}
    return [rule]


def _texts(**numbers: Decimal) -> dict[str, str]:
    return {name: f"{number:.8f}" for name, number in numbers.items()}


def _percent_filters(spec: SymbolSpec) -> list[dict[str, Any]]:
    by_side = {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": f"{spec.bid_percent_up:f}",
        "bidMultiplierDown": f"{spec.bid_percent_down:f}",
        "askMultiplierUp": f"{spec.ask_percent_up:f}",
        "askMultiplierDown": f"{spec.ask_percent_down:f}",
        "avgPriceMins": spec.avg_price_mins,
    }
    if spec.percent_up is None or spec.percent_down is None:
        return [by_side]
    both = {
        "filterType": "PERCENT_PRICE",
        "multiplierUp": f"{spec.percent_up:f}",
        "multiplierDown": f"{spec.percent_down:f}",
        "avgPriceMins": spec.avg_price_mins,
    }
    return [both, by_side]


def _notional_filter(spec: SymbolSpec) -> dict[str, Any]:
    if spec.notional_filter == "MIN_NOTIONAL":
        return {
            "filterType": "MIN_NOTIONAL",
            "minNotional": f"{spec.min_notional:.8f}",
            "applyToMarket": spec.min_notional_on_market,
            "avgPriceMins": spec.avg_price_mins,
        }
    return {
        "filterType": "NOTIONAL",
        "minNotional": f"{spec.min_notional:.8f}",
        "applyMinToMarket": spec.min_notional_on_market,
        "maxNotional": f"{spec.max_notional:.8f}",
        "applyMaxToMarket": spec.max_notional_on_market,
        "avgPriceMins": spec.avg_price_mins,
    }


# What some symbols do not allow, so that every way of protecting a position gets its exercise.
PECULIARITIES: dict[str, dict[str, Any]] = {
    "ADAUSDT": {"opo_allowed": False},
    "DOGEUSDT": {"opo_allowed": False, "oto_allowed": False},
    "LTCUSDT": {"opo_allowed": False, "oto_allowed": False, "oco_allowed": False},
    "TRXUSDT": {"allow_trailing_stop": False, "amend_allowed": False, "cancel_replace_allowed": False},
    "DOTUSDT": {"extra_filters": ({"filterType": "T_PLUS_SELL", "endTime": 0},)},
}


def spec_of(symbol: str) -> SymbolSpec:
    """Give the spec of a known symbol, or plausible facts made from its name alone.

    Raises:
        ValueError: The name does not end in a known quote asset.
    """
    facts = known_facts(symbol) or synthetic_facts(symbol)
    return _spec(facts, PECULIARITIES.get(symbol, {}))


def _spec(facts: SymbolFacts, changes: Mapping[str, Any]) -> SymbolSpec:
    spec = SymbolSpec(
        symbol=facts.base + facts.quote,
        base=facts.base,
        quote=facts.quote,
        tick_size=facts.tick_size,
        step_size=facts.step_size,
        min_qty=facts.step_size,
        max_qty=facts.step_size * (MAX_STEPS if facts.step_size < 1 else MAX_STEPS * 10),
        market_max_qty=facts.market_max_qty,
        min_notional=facts.min_notional,
        start_price=facts.start_price,
        spread_ticks=facts.spread_ticks,
        daily_volatility=facts.daily_volatility,
        daily_quote_volume=facts.daily_quote_volume,
        min_price=facts.tick_size,
        max_price=facts.tick_size * 100_000_000,
    )
    return dataclasses.replace(spec, **changes)


def default_catalogue(symbols: Sequence[str] | None = None) -> Catalogue:
    """Give the catalogue of these symbols, or of the first 12 known ones when None."""
    names = known_symbols()[:DEFAULT_LENGTH] if symbols is None else symbols
    return Catalogue([spec_of(name) for name in names])
