"""What one requested order says, read from the parameters of order.place or of one leg of a list.

A leg's parameters carry a prefix (`above`, `pendingBelow`, `working`, ...). Checks what the texts alone
can tell: which parameters a type needs and refuses. Balances, books and filters come later.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trading.paper import errors
from trading.paper.catalogue import ALL_ORDER_TYPES, SymbolSpec
from trading.paper.numbers import ZERO
from trading.paper.orders import LIMIT_TYPES, MARKET_TYPES, STOP_TYPES
from trading.paper.params import RESPONSE_TYPES, Params

STP_NAMES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
PEG_WORDS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
MIN_STRATEGY_TYPE = 1_000_000
TIF_TYPES = frozenset({"LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"})
SUPPORT_TEXTS = {
    "MARKET": "Market orders are not supported for this symbol.",
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss limit orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit limit orders are not supported for this symbol.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """One requested order. `qty` is 0 where quote_qty says how much, or where an OPO will size it."""

    symbol: str
    side: str
    type: str
    tif: str
    qty: Decimal
    quote_qty: Decimal
    price: Decimal
    stop_price: Decimal
    trailing_delta: int
    iceberg_qty: Decimal
    client_id: str | None
    strategy_id: int | None
    strategy_type: int | None
    stp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """Where the parameters of one order are found.

    Args:
        prefix: "" for a single order, else e.g. "pendingAbove".
        side: Given for legs whose side is said once for the list.
        qty: Given for legs whose quantity is said once for the list; 0 for an OPO to size.
    """

    prefix: str = ""
    side: str | None = None
    qty: Decimal | None = None

    def name(self, word: str) -> str:
        """Give the parameter's name for this leg."""
        return self.prefix + word[0].upper() + word[1:] if self.prefix else word


def read_response_type(params: Params) -> str | None:
    """Give ACK, RESULT or FULL, None where each type's default holds."""
    return params.choice("newOrderRespType", RESPONSE_TYPES)


def read_stp(params: Params, spec: SymbolSpec) -> str:
    """Give the self-trade prevention mode, the symbol's default if none was sent."""
    mode = params.choice("selfTradePreventionMode", STP_NAMES)
    if mode is None:
        return spec.default_stp
    if mode not in spec.stp_modes:
        raise errors.bad_request(
            -1013, "This symbol does not allow the specified self-trade prevention mode."
        )
    return mode


def read_order(params: Params, spec: SymbolSpec, leg: Leg, *, stp: str) -> NewOrder:
    """Read one requested order.

    Raises:
        VenueError: What its parameters alone forbid.
    """
    side = leg.side or params.side(leg.name("side"))
    kind = _read_type(params, leg)
    if params.sent([leg.name(word) for word in PEG_WORDS]):
        raise errors.order_rejected("Pegged orders are not supported for this symbol.")
    request = NewOrder(
        symbol=spec.symbol,
        side=side,
        type=kind,
        tif=_read_tif(params, leg, kind),
        qty=_read_qty(params, leg, kind),
        quote_qty=_positive(params, leg, "quoteOrderQty") if kind == "MARKET" and not leg.prefix else ZERO,
        price=_read_price(params, leg, kind),
        stop_price=_positive(params, leg, "stopPrice") if kind in STOP_TYPES else ZERO,
        trailing_delta=(params.integer(leg.name("trailingDelta")) or 0) if kind in STOP_TYPES else 0,
        iceberg_qty=_positive(params, leg, "icebergQty") if kind in LIMIT_TYPES else ZERO,
        client_id=params.client_id(leg.name("clientOrderId") if leg.prefix else "newClientOrderId"),
        strategy_id=params.integer(leg.name("strategyId")),
        strategy_type=_read_strategy_type(params, leg),
        stp=stp,
    )
    _refuse_surplus(params, leg, kind)
    _check_together(leg, request)
    _check_supported(spec, request)
    return request


def _read_type(params: Params, leg: Leg) -> str:
    kind = params.required(leg.name("type"))
    if kind not in ALL_ORDER_TYPES:
        raise errors.bad_request(-1116, "Invalid orderType.")
    return kind


def _read_tif(params: Params, leg: Leg, kind: str) -> str:
    name = leg.name("timeInForce")
    tif = params.time_in_force(name)
    if kind in TIF_TYPES:
        if tif is None:
            raise errors.mandatory(name)
        return tif
    if tif is not None:
        if kind == "LIMIT_MAKER":
            raise errors.bad_request(-1114, "TimeInForce parameter sent when not required.")
        raise errors.not_required(name)
    return "GTC"


def _read_qty(params: Params, leg: Leg, kind: str) -> Decimal:
    if leg.qty is not None:
        return leg.qty
    name = leg.name("quantity")
    if kind == "MARKET" and not leg.prefix:
        if params.has("quoteOrderQty"):
            if params.has(name):
                raise errors.bad_combination()
            return ZERO
        if not params.has(name):
            raise errors.either_mandatory(name, "quoteOrderQty")
    qty = params.required_number(name)
    if qty == ZERO:
        raise errors.bad_request(-1013, "Invalid quantity.")
    return qty


def _read_price(params: Params, leg: Leg, kind: str) -> Decimal:
    if kind not in LIMIT_TYPES:
        return ZERO
    price = params.required_number(leg.name("price"))
    if price == ZERO:
        raise errors.bad_request(-1013, "Invalid price.")
    return price


def _positive(params: Params, leg: Leg, word: str) -> Decimal:
    """Give an optional number above 0; 0 when it was not sent."""
    name = leg.name(word)
    number = params.number(name)
    if number is None:
        return ZERO
    if number == ZERO:
        raise errors.bad_request(-1013, f"Invalid {name}.")
    return number


def _read_strategy_type(params: Params, leg: Leg) -> int | None:
    value = params.integer(leg.name("strategyType"))
    if value is not None and value < MIN_STRATEGY_TYPE:
        raise errors.bad_request(-1134, "`strategyType` was less than 1000000.")
    return value


def _refuse_surplus(params: Params, leg: Leg, kind: str) -> None:
    """Refuse with -1106 what this type has no use for."""
    surplus = []
    if kind in MARKET_TYPES:
        surplus += ["price", "icebergQty"]
    if kind not in STOP_TYPES:
        surplus += ["stopPrice", "trailingDelta"]
    if kind != "MARKET" and not leg.prefix:
        surplus.append("quoteOrderQty")
    for name in params.sent([leg.name(word) for word in surplus]):
        raise errors.not_required(name)


def _check_together(leg: Leg, request: NewOrder) -> None:
    if request.type in STOP_TYPES and not request.stop_price and not request.trailing_delta:
        raise errors.either_mandatory(leg.name("stopPrice"), leg.name("trailingDelta"))
    if not request.iceberg_qty:
        return
    if request.tif != "GTC":
        if leg.prefix:
            name = leg.name("icebergQty")
            text = f"Parameter '{name}' is not supported if `{leg.name('timeInForce')}` is not GTC."
            raise errors.bad_request(-1160, text)
        raise errors.order_rejected("Unsupported order combination")
    if request.qty and request.iceberg_qty > request.qty:
        raise errors.order_rejected("IcebergQty exceeds QTY.")


def _check_supported(spec: SymbolSpec, request: NewOrder) -> None:
    """Refuse what the symbol does not have at all."""
    if request.type not in spec.order_types:
        raise errors.order_rejected(SUPPORT_TEXTS.get(request.type, "Unsupported order combination"))
    if request.quote_qty and not spec.quote_order_qty_allowed:
        raise errors.order_rejected("Quote order qty market orders are not support for this symbol.")
    if request.iceberg_qty and not spec.iceberg_allowed:
        raise errors.order_rejected("Iceberg orders are not supported for this symbol.")
    if request.trailing_delta and not spec.allow_trailing_stop:
        raise errors.order_rejected("Trailing stop orders are not supported for this symbol.")
