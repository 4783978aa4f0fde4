"""The rules of one symbol and how prices and quantities are fitted to them.

Read from the venue's exchangeInfo by exchange.decode, kept in models.Instrument. Fitting never
increases what would be spent, and never sends what the venue would refuse.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from trading.domain.fees import STANDARD_FEE
from trading.domain.values import ceil_to_step, floor_to_step

# Rules this young are the venue's present ones, as far as a decision about a rest can wait.
RULES_ARE_NEW = timedelta(seconds=10)


class ProtectionMode(StrEnum):
    """How a position gets its exits, best first."""

    OPOCO = "OPOCO"
    OTOCO = "OTOCO"
    OCO = "OCO"
    SUPERVISED = "SUPERVISED"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Trading rules of a symbol. Quantities in the base asset, prices in the quote asset."""

    symbol: str
    base_asset: str
    quote_asset: str
    status: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    order_types: frozenset[str]
    oco_allowed: bool
    oto_allowed: bool
    opo_allowed: bool
    trailing_allowed: bool
    cancel_replace_allowed: bool
    # Part of what is received; `discount_asset` pays instead while there is enough of it, None = none does.
    maker_fee: Decimal = STANDARD_FEE
    taker_fee: Decimal = STANDARD_FEE
    discount_asset: str | None = None
    # When the venue last told these rules; None where they cannot be told anew.
    read_at: datetime | None = field(default=None, compare=False)

    @property
    def is_trading(self) -> bool:
        """Tell whether the venue accepts new orders."""
        return self.status == "TRADING"

    @property
    def protection(self) -> ProtectionMode:
        """Give the best protection that the symbol allows."""
        if not self.oco_allowed or not self.stop_allowed:
            return ProtectionMode.SUPERVISED
        if self.opo_allowed:
            return ProtectionMode.OPOCO
        return ProtectionMode.OTOCO if self.oto_allowed else ProtectionMode.OCO

    @property
    def stop_allowed(self) -> bool:
        """Tell whether a stop may rest at the venue at all."""
        return self.stop_is_market or "STOP_LOSS_LIMIT" in self.order_types

    @property
    def stop_is_market(self) -> bool:
        """Tell whether a stop may be a market order once triggered (else stop-limit)."""
        return "STOP_LOSS" in self.order_types

    def fit_qty(self, quantity: Decimal) -> Decimal:
        """Floor a quantity to the step and the largest order; 0 when below the smallest."""
        fitted = floor_to_step(min(quantity, self.max_qty), self.step_size)
        return fitted if fitted >= self.min_qty else Decimal(0)

    def fit_market_qty(self, quantity: Decimal) -> Decimal:
        """Floor a quantity to what one market order may carry."""
        limit = min(quantity, self.market_max_qty) if self.market_max_qty > 0 else quantity
        return self.fit_qty(limit)

    def price_down(self, price: Decimal) -> Decimal:
        """Round a price down to the tick."""
        return floor_to_step(price, self.tick_size)

    def price_up(self, price: Decimal) -> Decimal:
        """Round a price up to the tick."""
        return ceil_to_step(price, self.tick_size)

    def is_sellable(self, quantity: Decimal, price: Decimal) -> bool:
        """Tell whether the quantity is large enough for an order at this price (else it is dust)."""
        fitted = self.fit_qty(quantity)
        return fitted > 0 and fitted * price >= self.min_notional

    def is_rest_in_doubt(self, quantity: Decimal, price: Decimal, *, now: datetime) -> bool:
        """Tell whether old rules, by their step alone, keep a rest that is worth an order from being sold.

        A venue may make its steps coarser for a while; what such rules left behind is no dust under the next.
        """
        is_old = self.read_at is not None and now - self.read_at > RULES_ARE_NEW
        return is_old and quantity * price >= self.min_notional and not self.is_sellable(quantity, price)
