"""What a bar on a symbol was worth: the trades that it kept from being made, and what they would have made.

Measured by intelligence.missed, kept with the blacklist entry, told in the admin and by commands. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

FEW = 15  # fewer trades say nothing about the next ones
RENEWED_AFTER = timedelta(hours=6)  # a bar that still bars is measured again


@dataclass(frozen=True, slots=True)
class Missed:
    """Trades that a bar prevented, after fees and slippage; None = not known, `note` says why.

    Args:
        trades: Those that would be closed by now.
        open_trades: Those that would still be held.
        pnl: Sum, in the quote asset of the symbol, at the sizes that workers were configured with.
        mean_bps: Of one trade.
        error_bps: Standard error of that mean; None for less than two trades.
        until: The moment up to which candles were looked at.
    """

    trades: int | None = None
    open_trades: int = 0
    pnl: Decimal | None = None
    mean_bps: float | None = None
    error_bps: float | None = None
    until: datetime | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.trades is None:
            return f"unknown: {self.note}" if self.note else "not measured yet"
        parts = [f"{self.trades} trades kept from being made"]
        if self.trades and self.mean_bps is not None and self.pnl is not None:
            error = f" ± {self.error_bps:.0f}" if self.error_bps is not None else ""
            parts.append(f"{self.mean_bps:+.0f}{error} bps each, {self.pnl:+.2f} in all")
        if 0 < self.trades < FEW:
            parts.append("too few to judge by")
        if self.open_trades:
            parts.append(f"{self.open_trades} would still be open")
        return ", ".join([*parts, *([self.note] if self.note else [])])
