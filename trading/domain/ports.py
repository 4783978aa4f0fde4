"""What the core asks of the outside, and the errors that a venue may raise.

    VenueError
    ├── VenueRefused       the venue said no; nothing happened there     → book the refusal
    ├── VenueUncertain     sent, outcome unknown                         → ask later, never send again
    └── VenueUnavailable   certainly never reached the matching engine   → expire the intent, decide anew
    OrderNotFound          the venue knows no such order (may be read lag on a fresh one)

Implemented by trading.exchange and trading.market, joined in trading.bootstrap, faked in tests.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading.domain.executions import AssetBalance, ExecutionReport, Fill, Replacement
from trading.domain.fees import SymbolFees
from trading.domain.instrument import Instrument
from trading.domain.market import Candle, Quote
from trading.domain.orders import ListIntent, OrderIntent
from trading.domain.signals import Candles


class VenueError(Exception):
    """The venue did not do what was asked. `code` is the venue's (0 where it gave none)."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class VenueRefused(VenueError):
    """Definitely not executed, by the venue's decision."""


class VenueUncertain(VenueError):
    """The request may or may not have been executed."""


class VenueUnavailable(VenueError):
    """Definitely not executed: no connection, no budget, banned, or overloaded."""


class OrderNotFound(Exception):
    """The venue does not know the order (yet)."""


class Clock(Protocol):
    """The moment now, aware UTC."""

    def __call__(self) -> datetime: ...


class Venue(Protocol):
    """One account on one venue. Every method may raise a VenueError.

    `claimed_at` is when the right to send was committed: the venue's receive window counts from it, so that
    a sender that was suspended meanwhile sends nothing that was given up; None counts from the sending.
    """

    def submit_order(self, intent: OrderIntent, *, claimed_at: datetime | None = None) -> ExecutionReport:
        """Send one order; the reply's fills are included."""

    def submit_list(
        self, intent: ListIntent, *, claimed_at: datetime | None = None
    ) -> Sequence[ExecutionReport]:
        """Send an order list; one report per order of it."""

    def cancel_order(self, symbol: str, client_order_id: str) -> Sequence[ExecutionReport]:
        """Cancel one order and give how it ended. Raises OrderNotFound when it is not open (any more)."""

    def cancel_list(self, symbol: str, client_list_id: str) -> Sequence[ExecutionReport]:
        """Cancel a list and give how its orders ended. Raises OrderNotFound when it is not open."""

    def replace_order(
        self, symbol: str, client_order_id: str, intent: OrderIntent, *, claimed_at: datetime | None = None
    ) -> Replacement:
        """Cancel one order, with its list, and place another in its stead, in one request.

        The new order is attempted only where the cancel succeeded. VenueRefused: neither was done, what
        was open is open still. OrderNotFound is never raised: it is a refused cancel.
        """

    def query_order(
        self, symbol: str, client_order_id: str, *, venue_order_id: int | None = None
    ) -> ExecutionReport:
        """Ask for one order, by the venue's id where it is known. Raises OrderNotFound. Carries no fills."""

    def list_order_fills(self, symbol: str, venue_order_id: int) -> Sequence[Fill]:
        """All fills of one order."""

    def list_fills(self, symbol: str, *, since: datetime) -> Sequence[Fill]:
        """Fills of the account on a symbol since a moment less than a day ago, foreign ones included."""

    def list_open_orders(self) -> Sequence[ExecutionReport]:
        """All open orders of the account, ours and foreign ones."""

    def balances(self) -> Sequence[AssetBalance]:
        """Balances that are not zero."""

    def instruments(self) -> Sequence[Instrument]:
        """Rules of all symbols."""

    def instrument(self, symbol: str) -> Instrument | None:
        """Rules of one symbol; None where the venue does not list it."""

    def quote_volumes(self) -> dict[str, Decimal]:
        """24 h volume by symbol, in the quote asset."""

    def delistings(self) -> Mapping[str, datetime] | None:
        """Announced moment of delisting by symbol; None where the venue has no such question."""

    def fees(self, symbol: str) -> SymbolFees:
        """Fees of the account on a symbol."""

    def price_at(self, symbol: str, at: datetime) -> Decimal | None:
        """Price of a symbol in the minute of a moment, in its quote asset; None where the venue has none."""

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        """The newest closed candles, oldest first."""

    def server_time(self) -> datetime:
        """The venue's clock."""


class MarketView(Protocol):
    """Live market data, read from the shared cache."""

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Newest quote of each symbol that has one."""

    def candles(self, symbols: Sequence[str], interval: str, *, length: int) -> dict[str, Candles]:
        """The newest `length` closed candles of each symbol that has any; fewer while history is short."""
