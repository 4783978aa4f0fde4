"""What only the books ask of the venue: balances, fills, the fees of a symbol, and a price of the past.

The part of exchange.client that neither trades nor settles an order; it shares the client's budget, clock and
error tree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from trading.domain.executions import AssetBalance, Fill
from trading.domain.fees import SymbolFees
from trading.domain.values import to_ms
from trading.exchange import decode, decode_market

# Weights of binance-spot-api-docs rest-api.md, read 2026-07.
WEIGHT_ACCOUNT = 20
WEIGHT_COMMISSION = 20
WEIGHT_FILLS = 5
WEIGHT_FILLS_OF_SYMBOL = 20
WEIGHT_KLINES = 2
MINUTE_MS = 60_000
PAGE = 1000

T = TypeVar("T")
Send = Callable[[Any], object]


class MoneyQuestions(ABC):
    """Questions about fees and prices; the client that sends them comes from the subclass."""

    @abstractmethod
    def _ask(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask something public."""

    @abstractmethod
    def _ask_account(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask something about the account."""

    @abstractmethod
    def _ask_price(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask for a price that the market cache should have had."""

    @abstractmethod
    def _venue_moment(self, at: datetime) -> datetime:
        """Give a moment of our clock by the venue's."""

    def balances(self) -> Sequence[AssetBalance]:
        """Balances that are not zero."""
        return self._ask_account(
            lambda client: client._get("account", True, data={"omitZeroBalances": "true"}),
            decode.account_balances,
            weight=WEIGHT_ACCOUNT,
        )

    def list_order_fills(self, symbol: str, venue_order_id: int) -> Sequence[Fill]:
        """All fills of one order."""
        fills: list[Fill] = []
        page: Sequence[Fill] = ()
        while not fills or len(page) == PAGE:
            params = {"symbol": symbol, "orderId": venue_order_id, "limit": PAGE}
            if fills:
                params["fromId"] = fills[-1].venue_fill_id + 1
            page = self._ask_fills(params, weight=WEIGHT_FILLS)
            fills += page
            if not page:
                break
        return fills

    def list_fills(self, symbol: str, *, since: datetime) -> Sequence[Fill]:
        """Fills of the account on a symbol since a moment less than a day ago, foreign ones included."""
        params = {"symbol": symbol, "startTime": to_ms(self._venue_moment(since)), "limit": PAGE}
        return self._ask_fills(params, weight=WEIGHT_FILLS_OF_SYMBOL)

    def _ask_fills(self, params: dict[str, Any], *, weight: int) -> Sequence[Fill]:
        return self._ask_account(
            lambda client: client._get("myTrades", True, data=params), decode.account_fills, weight=weight
        )

    def fees(self, symbol: str) -> SymbolFees:
        """Fees of the account on a symbol."""
        return self._ask_account(
            lambda client: client._get("account/commission", True, data={"symbol": symbol}),
            decode.symbol_fees,
            weight=WEIGHT_COMMISSION,
        )

    def price_at(self, symbol: str, at: datetime) -> Decimal | None:
        """Price of a symbol in the minute of a moment, in its quote asset; None where the venue has none."""
        open_ms = to_ms(at) // MINUTE_MS * MINUTE_MS
        params = {"symbol": symbol, "interval": "1m", "startTime": open_ms, "limit": 1}
        return self._ask_price(
            lambda client: client._get("klines", data=params),
            lambda reply: decode_market.kline_price(reply, open_ms=open_ms),
            weight=WEIGHT_KLINES,
        )
