"""How far an entry may rely on the discount asset to pay its fee, so that its exits fit what is received.

Called by services.entries: prices are read before its transaction, balances and open trades come from within.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from trading.domain.fees import fee_ratio_in_base
from trading.domain.instrument import Instrument
from trading.domain.values import ONE, ZERO
from trading.services.context import Desk

# An older price is not one; how far it may move in this time is part of fees.FEE_COVER.
PRICE_AGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class FeePurse:
    """Prices of discount assets by (discount asset, quote asset), where they are known and fresh."""

    prices: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    def fee_ratio(
        self,
        instrument: Instrument,
        *,
        notional: Decimal,
        exposure: Mapping[str, Decimal],
        free: Mapping[str, Decimal],
    ) -> Decimal:
        """Give the part of the bought quantity that the fee may take, see domain.fees.

        Args:
            notional: Of this entry, in the quote asset.
            exposure: What all open trades bind, by quote asset.
            free: Free balances by asset.
        """
        asset, quote_asset = instrument.discount_asset, instrument.quote_asset
        # Who trades the discount asset itself spends the purse: nothing to rely on.
        if asset is None or asset in (instrument.base_asset, quote_asset):
            return instrument.taker_fee
        stakes = [self._in_asset(asset, amount, each) for each, amount in exposure.items() if amount]
        price = self.prices.get((asset, quote_asset))
        known = [stake for stake in stakes if stake is not None]
        if price is None or len(known) < len(stakes):
            return instrument.taker_fee
        return fee_ratio_in_base(
            instrument.taker_fee,
            notional=notional + sum(known, ZERO) * price,
            discount_free_value=free.get(asset, ZERO) * price,
        )

    def _in_asset(self, asset: str, amount: Decimal, quote_asset: str) -> Decimal | None:
        price = ONE if asset == quote_asset else self.prices.get((asset, quote_asset))
        return amount / price if price else None


def look_into_purse(symbols: Collection[str], *, desk: Desk) -> FeePurse:
    """Read what the discount assets of these symbols are worth; one read, and none where nothing pays."""
    instruments = desk.roster.instruments
    assets = {instruments[symbol].discount_asset for symbol in symbols} - {None}
    pairs = {
        each.symbol: (each.base_asset, each.quote_asset)
        for each in instruments.values()
        if each.base_asset in assets
    }
    if not pairs:
        return FeePurse()
    now = desk.clock()
    quotes = desk.market.quotes(sorted(pairs))
    return FeePurse(
        {
            pairs[symbol]: quote.bid
            for symbol, quote in quotes.items()
            if quote.is_sane and quote.age_s(now) <= PRICE_AGE.total_seconds()
        }
    )
