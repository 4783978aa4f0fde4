"""What only the books ask of the venue: the fees of a symbol, and a price of the past.

The part of exchange.client that neither trades nor settles an order; it shares the client's budget, clock and
error tree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from trading.domain.fees import SymbolFees
from trading.domain.values import to_ms
from trading.exchange import decode, decode_market

# Weights of binance-spot-api-docs rest-api.md, read 2026-07.
WEIGHT_COMMISSION = 20
WEIGHT_KLINES = 2
MINUTE_MS = 60_000

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
        return self._ask(
            lambda client: client._get("klines", data=params),
            lambda reply: decode_market.kline_price(reply, open_ms=open_ms),
            weight=WEIGHT_KLINES,
        )
