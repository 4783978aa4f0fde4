"""The Venue port on a matching engine in this process: no socket, and a clock that is told the time.

Used by trading.replay.stage and, with faults, by tests. Answers and events go through the real encoder and
decoders, so what services see is what the wire would carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.domain.executions import AssetBalance, ExecutionReport, Fill, Replacement
from trading.domain.fees import SymbolFees
from trading.domain.instrument import Instrument
from trading.domain.market import Candle
from trading.domain.orders import ListIntent, OrderIntent
from trading.domain.ports import OrderNotFound, VenueRefused
from trading.domain.values import to_ms
from trading.exchange import decode, decode_market, encode
from trading.paper.catalogue import Catalogue
from trading.paper.engine import Engine
from trading.paper.errors import VenueError as EngineRefusal

# What a cancelReplace that did one half is answered with, and what is said of an order that is not open.
HALF_DONE = (-2021, -2022)
NOT_OPEN = (-2011, -2013)


@dataclass
class EngineVenue:
    """Implements the Venue port on an engine."""

    engine: Engine
    clock: Callable[[], datetime]
    catalogue: Catalogue

    def submit_order(self, intent: OrderIntent, *, claimed_at: datetime | None = None) -> ExecutionReport:
        """Place one order."""
        reply = self._place("order.place", encode.order(intent), intent.client_order_id, claimed_at)
        return decode.order_reply(reply)

    def submit_list(
        self, intent: ListIntent, *, claimed_at: datetime | None = None
    ) -> Sequence[ExecutionReport]:
        """Place an order list."""
        method = f"orderList.place.{intent.kind.value.lower()}"
        reply = self._place(method, encode.order_list(intent), intent.client_list_id, claimed_at)
        return decode.list_reply(reply)

    def _place(self, method: str, params: dict[str, str], name: str, claimed_at: datetime | None) -> Any:
        """Place what is called `name`; where a test puts its faults."""
        return self._execute(method, params)

    def _execute(self, method: str, params: dict[str, str]) -> Any:
        try:
            return self.engine.execute(method, params)
        except EngineRefusal as error:
            if error.code in HALF_DONE:
                return error.data
            if error.code in NOT_OPEN:
                raise OrderNotFound(error.message) from None
            raise VenueRefused(error.message, code=error.code) from None

    def cancel_order(self, symbol: str, client_order_id: str) -> Sequence[ExecutionReport]:
        """Cancel one order."""
        ids = {"origClientOrderId": client_order_id, "newClientOrderId": client_order_id}
        return [decode.cancel_reply(self._execute("order.cancel", {"symbol": symbol, **ids}))]

    def cancel_list(self, symbol: str, client_list_id: str) -> Sequence[ExecutionReport]:
        """Cancel an order list."""
        params = {"symbol": symbol, "listClientOrderId": client_list_id}
        return decode.cancel_list_reply(self._execute("orderList.cancel", params))

    def replace_order(
        self, symbol: str, client_order_id: str, intent: OrderIntent, *, claimed_at: datetime | None = None
    ) -> Replacement:
        """Cancel one order, with its list, and place another in one request."""
        params = encode.replacement(client_order_id, intent)
        reply = self._place("order.cancelReplace", params, intent.client_order_id, claimed_at)
        return decode.replace_reply(reply)

    def query_order(
        self, symbol: str, client_order_id: str, *, venue_order_id: int | None = None
    ) -> ExecutionReport:
        """Ask for one order."""
        params = {"symbol": symbol}
        if venue_order_id is None:
            params["origClientOrderId"] = client_order_id
        else:
            params["orderId"] = str(venue_order_id)
        report = decode.order_query(self._execute("order.status", params))
        return replace(report, client_order_id=client_order_id or report.client_order_id)

    def list_order_fills(self, symbol: str, venue_order_id: int) -> Sequence[Fill]:
        """Ask for the fills of an order."""
        params = {"symbol": symbol, "orderId": str(venue_order_id)}
        return decode.account_fills(self._execute("myTrades", params))

    def list_fills(self, symbol: str, *, since: datetime) -> Sequence[Fill]:
        """Ask for the fills on a symbol since a moment."""
        params = {"symbol": symbol, "startTime": str(to_ms(since))}
        return decode.account_fills(self._execute("myTrades", params))

    def list_open_orders(self) -> Sequence[ExecutionReport]:
        """Ask for all open orders."""
        return decode.open_orders(self._execute("openOrders.status", {}))

    def balances(self) -> Sequence[AssetBalance]:
        """Ask for the balances."""
        return decode.account_balances(self._execute("account.status", {"omitZeroBalances": "true"}))

    def instruments(self) -> Sequence[Instrument]:
        """Ask for the rules."""
        return decode_market.instruments(self.catalogue.exchange_info()).instruments

    def instrument(self, symbol: str) -> Instrument | None:
        """Ask for the rules of one symbol."""
        return next((each for each in self.instruments() if each.symbol == symbol), None)

    def quote_volumes(self) -> dict[str, Decimal]:
        """Give some volumes, larger for the symbols that come first."""
        return {symbol: Decimal(1_000_000 - index) for index, symbol in enumerate(self.catalogue)}

    def delistings(self) -> Mapping[str, datetime] | None:
        """Give none: candles of the past come without the announcements of their time."""
        return None

    def fees(self, symbol: str) -> SymbolFees:
        """Ask for the fees of a symbol."""
        return decode.symbol_fees(self._execute("account.commission", {"symbol": symbol}))

    def price_at(self, symbol: str, at: datetime) -> Decimal | None:
        """Give the last price that the engine knows, whatever the moment; None where there is none."""
        return self.engine.last_price(symbol) or None

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        """Give none: candles come from the market view."""
        return []

    def server_time(self) -> datetime:
        """Give the clock."""
        return self.clock()
