"""What a requested order list says: OCO, OTO, OTOCO, OPO and OPOCO read from their parameters.

Checks what the texts alone can tell: which types may stand above and below, which sides an OPO takes,
what the symbol allows. Prices against the market come later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading.paper import errors
from trading.paper.catalogue import SymbolSpec
from trading.paper.numbers import ZERO
from trading.paper.orders import BUY, SELL
from trading.paper.params import Params
from trading.paper.requests import Leg, NewOrder, read_order, read_response_type, read_stp

OCO_LIMITS = frozenset({"LIMIT_MAKER"})
OCO_TAKES = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
OCO_STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})
WORKING_TYPES = ("LIMIT", "LIMIT_MAKER")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """One requested list. `working` is None for an OCO; `pair` has one order (OTO, OPO) or two legs."""

    symbol: str
    client_id: str | None
    working: NewOrder | None
    pair: list[NewOrder]
    pays_pending: bool
    response_type: str | None

    @property
    def orders(self) -> list[NewOrder]:
        """Give all orders, the working one first."""
        return [*([self.working] if self.working else []), *self.pair]


def read_list(params: Params, spec: SymbolSpec, kind: str) -> ListRequest:
    """Read a list of the kind oco, oto, otoco, opo or opoco.

    Raises:
        VenueError: What its parameters alone forbid, or what the symbol does not have.
    """
    pays, has_pair = kind.startswith("opo"), kind.endswith("oco")
    stp = read_stp(params, spec)
    working = None
    if kind == "oco":
        side, qty = params.side(), _quantity(params, "quantity")
        pair = _read_pair(params, spec, ("above", "below"), (side, qty, stp))
    else:
        working = _read_working(params, spec, stp, pays=pays)
        pair = _read_pending(params, spec, stp, shape=(pays, has_pair))
    request = ListRequest(
        symbol=spec.symbol,
        client_id=params.client_id("listClientOrderId"),
        working=working,
        pair=pair,
        pays_pending=pays,
        response_type=read_response_type(params),
    )
    params.done()
    _check_allowed(spec, kind)
    return request


def _check_allowed(spec: SymbolSpec, kind: str) -> None:
    if kind.endswith("oco") and not spec.oco_allowed:
        raise errors.order_rejected("OCO orders are not supported for this symbol")
    if kind != "oco" and not spec.oto_allowed:
        raise errors.order_rejected("OTO orders are not supported for this symbol.")
    if kind.startswith("opo") and not spec.opo_allowed:
        raise errors.order_rejected("OPO orders are not supported for this symbol.")


def _quantity(params: Params, name: str) -> Decimal:
    qty = params.required_number(name)
    if qty == ZERO:
        raise errors.bad_request(-1013, "Invalid quantity.")
    return qty


def _read_working(params: Params, spec: SymbolSpec, stp: str, *, pays: bool) -> NewOrder:
    if params.required("workingType") not in WORKING_TYPES:
        raise errors.invalid_data("workingType")
    working = read_order(params, spec, Leg(prefix="working"), stp=stp)
    if pays and working.side != BUY:
        raise errors.bad_request(-1222, "Working order in an OPO list must be a bid.")
    return working


def _read_pending(params: Params, spec: SymbolSpec, stp: str, *, shape: tuple[bool, bool]) -> list[NewOrder]:
    pays, has_pair = shape
    side = params.side("pendingSide")
    if pays and side != SELL:
        raise errors.bad_request(-1223, "Pending orders in an OPO list must be asks.")
    if pays and params.has("pendingQuantity"):
        raise errors.bad_request(-1225, "Pending orders should not include the 'pendingQuantity' tag.")
    qty = ZERO if pays else _quantity(params, "pendingQuantity")
    if has_pair:
        return _read_pair(params, spec, ("pendingAbove", "pendingBelow"), (side, qty, stp))
    return [read_order(params, spec, Leg(prefix="pending", side=side, qty=qty), stp=stp)]


def _read_pair(
    params: Params, spec: SymbolSpec, prefixes: tuple[str, str], common: tuple[str, Decimal, str]
) -> list[NewOrder]:
    side, qty, stp = common
    above, below = (
        read_order(params, spec, Leg(prefix=prefix, side=side, qty=qty), stp=stp) for prefix in prefixes
    )
    _check_pair(side, above, below)
    return [above, below] if side == BUY else [below, above]  # the venue lists the stop first


def _check_pair(side: str, above: NewOrder, below: NewOrder) -> None:
    """Refuse types that cannot stand where they stand (-1158, -1165 to -1168, -1196 to -1199)."""
    for leg in (above, below):
        if leg.type not in OCO_LIMITS | OCO_TAKES | OCO_STOPS:
            raise errors.bad_request(-1158, "Order type not supported in OCO.")
    if above.type in OCO_LIMITS and below.type in OCO_LIMITS:
        raise errors.bad_request(-1168, "At least one OCO order must be contingent.")
    gains, stops = (below, above) if side == BUY else (above, below)
    if gains.type in OCO_STOPS:
        raise _misplaced_stop(side)
    if stops.type in OCO_LIMITS:
        raise _misplaced_limit(side)
    if stops.type in OCO_TAKES:
        raise _misplaced_take_profit(side)


def _misplaced_limit(side: str) -> errors.VenueError:
    if side == BUY:
        return errors.bad_request(-1165, "A limit order in a buy OCO must be below.")
    return errors.bad_request(-1166, "A limit order in a sell OCO must be above.")


def _misplaced_stop(side: str) -> errors.VenueError:
    if side == BUY:
        return errors.bad_request(-1196, "A stop loss order in a buy OCO must be above.")
    return errors.bad_request(-1197, "A stop loss order in a sell OCO must be below.")


def _misplaced_take_profit(side: str) -> errors.VenueError:
    if side == BUY:
        return errors.bad_request(-1198, "A take profit order in a buy OCO must be below.")
    return errors.bad_request(-1199, "A take profit order in a sell OCO must be above.")


def check_price_relation(legs: Sequence[NewOrder], last_price: Decimal) -> None:
    """Refuse a pair whose prices do not enclose the last price (-2010)."""
    for leg in legs:
        is_stop = leg.type in OCO_STOPS
        price = leg.stop_price if is_stop or leg.type == "TAKE_PROFIT" else leg.price
        if price == ZERO:
            continue  # trailing legs without a stop price
        is_above = is_stop == (leg.side == BUY)
        if price <= last_price if is_above else price >= last_price:
            raise errors.order_rejected(errors.BAD_PRICES)
