"""A position as a fold over fills.

Called by services.executions after each fill and by reconcile to check what is stored. Folding all
fills at once or one by one gives the same position; a fill id counts once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from trading.domain.executions import Fill
from trading.domain.orders import Side
from trading.domain.values import ZERO


@dataclass(frozen=True, slots=True)
class Position:
    """Net holding implied by the fills of one trade.

    `qty` is what is held in the base asset, after fees taken in it. `bought_qty` and `sold_qty` are
    gross. Fees are kept by asset; base fees already reduce `qty`, so they are not in `quote_fees`.
    """

    base_asset: str
    quote_asset: str
    bought_qty: Decimal = ZERO
    sold_qty: Decimal = ZERO
    bought_notional: Decimal = ZERO
    sold_notional: Decimal = ZERO
    base_fees: Decimal = ZERO
    quote_fees: Decimal = ZERO
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    fill_ids: frozenset[int] = frozenset()

    @property
    def qty(self) -> Decimal:
        """Held quantity, in the base asset."""
        return self.bought_qty - self.sold_qty - self.base_fees

    @property
    def avg_entry_price(self) -> Decimal:
        """Mean price paid, in the quote asset per base; zero before the first buy."""
        return self.bought_notional / self.bought_qty if self.bought_qty else ZERO

    @property
    def avg_exit_price(self) -> Decimal:
        """Mean price received; zero before the first sale."""
        return self.sold_notional / self.sold_qty if self.sold_qty else ZERO

    def held_cost(self) -> Decimal:
        """Give what was paid for the part that is still held, in the quote asset."""
        received = self.bought_qty - self.base_fees
        return self.bought_notional * self.qty / received if received else ZERO

    def cash_flow(self) -> Decimal:
        """Quote asset that came in minus what went out, after quote fees."""
        return self.sold_notional - self.bought_notional - self.quote_fees

    def apply(self, fill: Fill) -> "Position":
        """Give the position after one more fill; the same fill id changes nothing."""
        if fill.venue_fill_id in self.fill_ids:
            return self
        base, quote, other = self.base_fees, self.quote_fees, self.other_fees
        if fill.fee_asset == self.base_asset:
            base += fill.fee
        elif fill.fee_asset == self.quote_asset:
            quote += fill.fee
        elif fill.fee:
            fees = dict(other)
            fees[fill.fee_asset] = fees.get(fill.fee_asset, ZERO) + fill.fee
            other = tuple(sorted(fees.items()))
        is_buy = fill.side is Side.BUY
        return replace(
            self,
            bought_qty=self.bought_qty + (fill.qty if is_buy else ZERO),
            sold_qty=self.sold_qty + (ZERO if is_buy else fill.qty),
            bought_notional=self.bought_notional + (fill.notional if is_buy else ZERO),
            sold_notional=self.sold_notional + (ZERO if is_buy else fill.notional),
            base_fees=base,
            quote_fees=quote,
            other_fees=other,
            fill_ids=self.fill_ids | {fill.venue_fill_id},
        )


def fold(fills: Iterable[Fill], *, base_asset: str, quote_asset: str) -> Position:
    """Give the position that the fills imply."""
    position = Position(base_asset=base_asset, quote_asset=quote_asset)
    for fill in fills:
        position = position.apply(fill)
    return position
