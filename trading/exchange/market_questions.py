"""What anybody may ask of the venue: symbols, their rules and announced ends, volumes, closed candles.

The public part of exchange.client; it shares the client's budget, clock and error tree.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from trading.domain.instrument import Instrument
from trading.domain.market import Candle
from trading.domain.ports import VenueRefused
from trading.domain.values import to_ms
from trading.exchange import decode_market
from trading.exchange.faults import CODE_NO_SUCH_SYMBOL
from trading.exchange.wallet import ask_wallet

log = logging.getLogger(__name__)

# Weights of binance-spot-api-docs rest-api.md, read 2026-07; the schedule's is of the wallet pages, 2026-11.
WEIGHT_EXCHANGE_INFO = 20
WEIGHT_STATISTICS = 80
WEIGHT_KLINES = 2
# The venue keeps another account for /sapi; taken from ours too, which errs on the careful side.
WEIGHT_DELIST_SCHEDULE = 100
DELIST_SCHEDULE_PATH = "spot/delist-schedule"
MAX_KLINES = 1000

T = TypeVar("T")
Send = Callable[[Any], object]


class MarketQuestions(ABC):
    """Questions about the market; the client that sends them comes from the subclass."""

    def __init__(self) -> None:
        self._surprise: dict[str, object] = {}

    @abstractmethod
    def _ask(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask something public."""

    @abstractmethod
    def _ask_account(self, send: Send, read: Callable[[object], T], *, weight: int) -> T:
        """Ask something that a position waits for, public or not."""

    @abstractmethod
    def _take_limits(self, limits: Mapping[str, int]) -> None:
        """Take what the venue allows to be asked."""

    @abstractmethod
    def _venue_now(self) -> datetime:
        """Give the moment by the venue's clock."""

    def instruments(self) -> Sequence[Instrument]:
        """Rules of all symbols; symbols that cannot be read are left out and logged."""
        listed = self._ask(
            lambda client: client._get("exchangeInfo", data={"showPermissionSets": "false"}),
            decode_market.instruments,
            weight=WEIGHT_EXCHANGE_INFO,
        )
        self._take_limits(listed.limits)
        surprise: dict[str, object] = {
            "filters": sorted(listed.unknown_filters),
            "left_out": dict(listed.left_out),
        }
        # Said once, not at every refresh.
        if any(surprise.values()) and surprise != self._surprise:
            log.info("exchange_info_partly_unknown", extra=surprise)
        self._surprise = surprise
        return listed.instruments

    def instrument(self, symbol: str) -> Instrument | None:
        """Rules of one symbol; None where the venue does not list it."""
        try:
            listed = self._ask_account(
                lambda client: client._get(
                    "exchangeInfo", data={"symbol": symbol, "showPermissionSets": "false"}
                ),
                decode_market.instruments,
                weight=WEIGHT_EXCHANGE_INFO,
            )
        except VenueRefused as error:
            if error.code == CODE_NO_SUCH_SYMBOL:
                return None
            raise
        return next((each for each in listed.instruments if each.symbol == symbol), None)

    def quote_volumes(self) -> dict[str, Decimal]:
        """24 h volume by symbol, in the quote asset."""
        return self._ask(
            lambda client: client._get("ticker/24hr", data={"type": "MINI"}),
            decode_market.quote_volumes,
            weight=WEIGHT_STATISTICS,
        )

    def delistings(self) -> Mapping[str, datetime] | None:
        """Announced moment of delisting by symbol; None where the venue has no such question.

        Source: developers.binance.com, Wallet, "Get symbols delist schedule for spot (MARKET_DATA)".
        """
        return self._ask(
            lambda client: ask_wallet(client, DELIST_SCHEDULE_PATH, signed=False),
            lambda reply: None if reply is None else decode_market.delistings(reply),
            weight=WEIGHT_DELIST_SCHEDULE,
        )

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        """The newest closed candles, oldest first; at most 999."""
        # One more than asked for, because the newest is still open as a rule.
        params = {"symbol": symbol, "interval": interval, "limit": min(limit + 1, MAX_KLINES)}
        now_ms = to_ms(self._venue_now())
        closed = self._ask(
            lambda client: client._get("klines", data=params),
            lambda reply: decode_market.candles(
                reply, symbol=symbol, interval=interval, closed_before_ms=now_ms
            ),
            weight=WEIGHT_KLINES,
        )
        return closed[-limit:]

    def candles_from(self, symbol: str, interval: str, *, since: datetime) -> Sequence[Candle]:
        """The closed candles that opened from a moment on, oldest first; a page of at most 1,000."""
        params = {"symbol": symbol, "interval": interval, "startTime": to_ms(since), "limit": MAX_KLINES}
        now_ms = to_ms(self._venue_now())
        return self._ask(
            lambda client: client._get("klines", data=params),
            lambda reply: decode_market.candles(
                reply, symbol=symbol, interval=interval, closed_before_ms=now_ms
            ),
            weight=WEIGHT_KLINES,
        )
