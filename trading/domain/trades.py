"""Round trips: states, reasons to leave, and the figures that follow from a position."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading.domain.orders import Side
from trading.domain.positions import Position
from trading.domain.values import BPS, PLACES, ZERO


class TradeState(StrEnum):
    """Life of a trade."""

    OPENING = "OPENING"  # entry recorded or sent, nothing bought yet
    OPEN = "OPEN"  # something is held
    CLOSING = "CLOSING"  # an exit of ours is under way
    CLOSED = "CLOSED"  # flat again (dust may remain, and is named)
    ABORTED = "ABORTED"  # the entry bought nothing


OPEN_STATES = (TradeState.OPENING, TradeState.OPEN, TradeState.CLOSING)


class ExitReason(StrEnum):
    """Why a trade was left."""

    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_LOSS = "STOP_LOSS"
    TRAILING = "TRAILING"
    MAX_HOLD = "MAX_HOLD"
    DRAIN = "DRAIN"
    FLATTEN = "FLATTEN"
    UNPROTECTED = "UNPROTECTED"  # could not be protected, sold by the watchdog
    MANUAL = "MANUAL"
    DUST = "DUST"  # what was bought is too small to sell
    EXTERNAL = "EXTERNAL"  # others took what was held from the account
    LATE = "LATE"  # bought by an entry that had been given up, when another trade held the symbol


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """What a position says about its trade; amounts in the quote asset, None = not known."""

    qty: Decimal
    avg_entry_price: Decimal
    avg_exit_price: Decimal
    entry_notional: Decimal
    exit_notional: Decimal
    fees: Decimal | None
    pnl: Decimal | None


def worse_bps(decided_price: Decimal, price: Decimal, side: Side) -> Decimal:
    """Give how much worse than decided a price is, in 1/10,000 of the decided one; better is negative."""
    moved = price - decided_price if side is Side.BUY else decided_price - price
    return (moved / decided_price * BPS).quantize(PLACES)


def figures(position: Position, *, fee_value: Decimal | None) -> TradeFigures:
    """Give the figures of a trade from its position.

    Args:
        fee_value: Worth of the fees paid in third assets (quote asset); None when not known, which
            makes fees and PnL unknown rather than wrong.

    The PnL is that of what was sold; what is still held (dust, in the end) keeps its share of the cost.
    """
    base_fee_value = position.base_fees * position.avg_entry_price
    known = fee_value is not None
    return TradeFigures(
        qty=position.qty,
        avg_entry_price=position.avg_entry_price,
        avg_exit_price=position.avg_exit_price,
        entry_notional=position.bought_notional,
        exit_notional=position.sold_notional,
        fees=position.quote_fees + base_fee_value + (fee_value or ZERO) if known else None,
        pnl=position.cash_flow() + position.held_cost() - (fee_value or ZERO) if known else None,
    )
