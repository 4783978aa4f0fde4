"""What the market says at a moment: quote, candle, and how old each is.

Built by the feed and the wire decoders, read by decisions. Prices of quotes are Decimal; candles
are kept as float arrays for indicators only (see domain.indicators), never for money.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading.domain.values import BPS, ZERO

INTERVAL_S = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
}


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask of one symbol. `event_at` is the venue's moment where it tells one."""

    symbol: str
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal
    event_at: datetime | None
    arrived_at: datetime

    @property
    def mid(self) -> Decimal:
        """Mean of bid and ask, in the quote asset."""
        return (self.bid + self.ask) / 2

    @property
    def is_sane(self) -> bool:
        """Tell whether both sides are positive and not crossed."""
        return ZERO < self.bid < self.ask or ZERO < self.bid == self.ask

    def age_s(self, now: datetime) -> float:
        """Seconds since the quote arrived here."""
        return (now - self.arrived_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle as the stream gave it; floats, for indicators."""

    symbol: str
    interval: str
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class ClosedCandle:
    """The name of a candle that closed: what a batch carries."""

    symbol: str
    interval: str
    open_at: datetime


def spread_bps(quote: Quote) -> Decimal:
    """Give the bid-ask spread in basis points of the mid price.

    A crossed quote gives a negative number; callers refuse it first, see Quote.is_sane.
    """
    return (quote.ask - quote.bid) / quote.mid * BPS
