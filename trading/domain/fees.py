"""What the venue takes of an execution: rates of a symbol, and the part that a bought quantity loses.

Read from the venue by exchange.decode, kept with the instrument, used where exits are sized. Pure.
"""

from dataclasses import dataclass
from decimal import Decimal

from trading.domain.values import PLACES, ZERO

# What an account without volume or holdings pays for making and for taking: 0.1 % (the venue's fee schedule,
# binance.com FAQ 115000583311). Assumed of a symbol whose fees were not asked for yet.
STANDARD_FEE = Decimal("0.001")

# How many times the fee of everything at stake the free discount asset must be worth before we rely on it.
# 2 pays entry and exit. The rest stands for what is not seen here: the asset may lose value before the exit,
# other processes size entries on the same balance at the same moment, and a trade that is protected anew pays
# on a balance that somebody else may spend. When it runs out all the same, the fee comes from the base asset:
# the position is smaller than its exits, which are then placed anew for what is held.
FEE_COVER = Decimal(5)


@dataclass(frozen=True, slots=True)
class SymbolFees:
    """Fees of one symbol as part of what is received (1 = whole): standard, special and tax together.

    `discount_asset` may pay instead of what is received, at a discount, where `discount_is_on` for the
    account and for the symbol and enough of it is free.
    """

    maker: Decimal
    taker: Decimal
    discount_asset: str | None
    discount_is_on: bool

    @property
    def paying_asset(self) -> str | None:
        """The third asset that pays while there is enough of it; None where what is received pays."""
        return self.discount_asset if self.discount_is_on else None


def worth(fee: Decimal, price: Decimal) -> Decimal:
    """Give what a fee in a third asset is worth in the quote asset, to the eight places that are kept."""
    return (fee * price).quantize(PLACES)


def fee_ratio_in_base(fee: Decimal, *, notional: Decimal, discount_free_value: Decimal | None) -> Decimal:
    """Give the part of a bought quantity that the venue may take as its fee.

    Args:
        fee: The taker's, as part of what is received.
        notional: This entry and everything open, in the quote asset: what will still pay fees.
        discount_free_value: Worth of the free discount asset, in the quote asset; None where none pays, or
            where its worth is not known.

    Returns:
        0 only where the discount asset surely pays, else the whole fee: an exit that is sized too small
        leaves dust, one that is sized too large is refused and leaves the position without protection.
    """
    if discount_free_value is not None and discount_free_value >= fee * notional * FEE_COVER:
        return ZERO
    return fee
