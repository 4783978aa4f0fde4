"""Every trading and account call of the venue: REST path, WS API name, cost, and who may make it.

REST and WS API share these rows (market data rows are in rest_market.py), so that one rule cannot drift from
the other. A row only describes; the dispatcher acts on it. Weights: the venue's REST page, read 2026-07-21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

WeightRule = Callable[[Mapping[str, str]], int]


class Target(Enum):
    """Which part of the venue answers."""

    ENGINE = "engine"
    MARKET = "market"
    VENUE = "venue"


@dataclass(frozen=True, slots=True)
class Route:
    """One call.

    `method` is the WS API's name, `path` the part behind /api/v3/. `orders` is what the call adds to the
    unfilled-order count if accepted, `is_free` that it weighs nothing when accepted, `has_effect` that a
    repetition is not harmless, `keyed` that an API key must come along although nothing is signed.
    """

    method: str
    verb: str
    path: str
    weight: WeightRule
    target: Target = Target.ENGINE
    signed: bool = True
    keyed: bool = False
    orders: int = 0
    is_free: bool = False
    has_effect: bool = False


def flat(weight: int) -> WeightRule:
    """Give a rule that always costs the same."""
    return lambda params: weight


def with_or_without(name: str, *, given: int, absent: int) -> WeightRule:
    """Give a rule that depends on one parameter being there."""
    return lambda params: given if params.get(name) else absent


def _test_weight(params: Mapping[str, str]) -> int:
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1


def _entry(method: str, path: str, orders: int) -> Route:
    return Route(method, "POST", path, flat(1), orders=orders, is_free=True, has_effect=True)


def _removal(method: str, path: str) -> Route:
    return Route(method, "DELETE", path, flat(1), is_free=True, has_effect=True)


def _query(method: str, path: str, weight: int | WeightRule) -> Route:
    return Route(method, "GET", path, flat(weight) if isinstance(weight, int) else weight)


TRADING_ROUTES: tuple[Route, ...] = (
    _entry("order.place", "order", 1),
    Route("order.test", "POST", "order/test", _test_weight),
    _removal("order.cancel", "order"),
    _removal("openOrders.cancelAll", "openOrders"),
    _entry("order.cancelReplace", "order/cancelReplace", 1),
    Route("order.amend.keepPriority", "PUT", "order/amend/keepPriority", flat(4), has_effect=True),
    _entry("orderList.place.oco", "orderList/oco", 2),
    _entry("orderList.place.oto", "orderList/oto", 2),
    _entry("orderList.place.otoco", "orderList/otoco", 3),
    _entry("orderList.place.opo", "orderList/opo", 2),
    _entry("orderList.place.opoco", "orderList/opoco", 3),
    _removal("orderList.cancel", "orderList"),
    _query("order.status", "order", 4),
    _query("order.amendments", "order/amendments", 4),
    _query("openOrders.status", "openOrders", with_or_without("symbol", given=6, absent=80)),
    _query("allOrders", "allOrders", 20),
    _query("orderList.status", "orderList", 4),
    _query("allOrderLists", "allOrderList", 20),
    _query("openOrderLists.status", "openOrderList", 6),
    _query("myTrades", "myTrades", with_or_without("orderId", given=5, absent=20)),
    _query("myPreventedMatches", "myPreventedMatches", with_or_without("orderId", given=20, absent=2)),
    _query("myFilters", "myFilters", 40),
    _query("account.status", "account", 20),
    _query("account.commission", "account/commission", 20),
    Route("account.rateLimits.orders", "GET", "rateLimit/order", flat(40), target=Target.VENUE),
)

# Behind /sapi/v1/, on REST only. Weight and security type: the venue's wallet pages, read 2026-11.
WALLET_ROUTES: tuple[Route, ...] = (
    Route(
        *("spot.delistSchedule", "GET", "spot/delist-schedule", flat(100)),
        target=Target.VENUE,
        signed=False,
        keyed=True,
    ),
)
