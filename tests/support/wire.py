"""The product's own client at a venue of the tests: intents that fill at once, parts made by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal

import redis

from tests.support.paper_venue import KEY, SECRET, PaperServer
from trading.domain.executions import ExecutionReport
from trading.domain.orders import ListIntent, ListKind, OrderIntent, OrderType, Side, TimeInForce
from trading.domain.values import OrderRole, client_list_id, client_order_id
from trading.exchange.client import BinanceVenue
from trading.exchange.throttle import Throttle

SYMBOL = "BTCUSDT"
QTY = Decimal("0.001")
_keys = itertools.count(1)


def clock() -> datetime:
    """Give the wall clock."""
    return datetime.now(UTC)


def an_account(server: PaperServer, client: redis.Redis, **changes: object) -> BinanceVenue:
    """Give the product's client of the account at this venue."""
    options: dict[str, object] = {"rest_url": f"{server.url}/api", "api_key": KEY, "api_secret": SECRET}
    options |= {"throttle": Throttle(client, clock=clock), "clock": clock}
    return BinanceVenue(**{**options, **changes})  # type: ignore[arg-type]  # a test names what it changes


def best_ask(server: PaperServer) -> Decimal:
    """Give the best ask of the symbol."""
    return Decimal(server.client().get_orderbook_ticker(symbol=SYMBOL)["askPrice"])


def an_order(role: OrderRole, kind: OrderType, *, key: str | None = None, **terms: object) -> OrderIntent:
    """Give an order of the symbol: entries buy, all others sell."""
    side = Side.BUY if role is OrderRole.ENTRY else Side.SELL
    name = client_order_id(key or f"K{next(_keys):015d}", role, 1)
    return OrderIntent(name, SYMBOL, role, side, kind, QTY, **terms)  # type: ignore[arg-type]  # named by tests


def a_resting_sale(server: PaperServer) -> OrderIntent:
    """Give a sale that waits above the market."""
    price = (best_ask(server) * Decimal("1.1")).quantize(Decimal("0.01"))
    return an_order(OrderRole.EXIT, OrderType.LIMIT, price=price)


def a_bracket(ask: Decimal, *, kind: ListKind = ListKind.OPOCO, key: str | None = None) -> ListIntent:
    """Give a list that enters at once (not for OCO) and leaves 10 % above or below."""
    key = key or f"K{next(_keys):015d}"
    cents = Decimal("0.01")
    entry = an_order(
        OrderRole.ENTRY,
        OrderType.LIMIT,
        key=key,
        price=(ask * Decimal("1.01")).quantize(cents),
        time_in_force=TimeInForce.FOK,
    )
    above_price, below_price = ((ask * Decimal(part)).quantize(cents) for part in ("1.1", "0.9"))
    above = an_order(OrderRole.TAKE_PROFIT, OrderType.LIMIT_MAKER, key=key, price=above_price)
    below = an_order(OrderRole.STOP, OrderType.STOP_LOSS, key=key, stop_price=below_price)
    working = None if kind is ListKind.OCO else entry
    return ListIntent(client_list_id(key, 1), kind, SYMBOL, above, below, working)


def statuses(reports: object) -> list[str]:
    """Give the statuses of reports in order."""
    assert isinstance(reports, list | tuple)
    return [each.status.value for each in reports if isinstance(each, ExecutionReport)]
