"""What an execution costs: the account's rates, and whether BNB pays.

The fee is taken from what is received; with BNB fees on and enough free BNB it is a discounted sum of
BNB instead. Decided anew for each fill, so one order may pay in two assets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trading.paper.account import Account
from trading.paper.catalogue import SymbolSpec
from trading.paper.numbers import ONE, ZERO, cut, text
from trading.paper.orders import BUY

BNB = "BNB"
BNB_FACTOR = Decimal("0.75")  # VIP0 pays 0.075 % instead of 0.1 %


@dataclass(frozen=True, slots=True)
class Rates:
    """Fee rates as ratios of the notional."""

    maker: Decimal
    taker: Decimal

    def of(self, *, is_maker: bool) -> Decimal:
        """Give the rate for one side of a trade."""
        return self.maker if is_maker else self.taker


@dataclass(frozen=True, slots=True)
class Execution:
    """The facts of a fill that its fee depends on."""

    side: str
    qty: Decimal
    quote_qty: Decimal
    is_maker: bool


@dataclass(slots=True)
class FeeSchedule:
    """The account's rates; changeable while the venue runs.

    Args:
        rates: For every symbol without rates of its own.
        bnb_price: Gives the price of one BNB in an asset, or None where there is no market.
    """

    rates: Rates
    bnb_fees: bool
    bnb_price: Callable[[str], Decimal | None]
    by_symbol: dict[str, Rates] = field(default_factory=dict)

    def rates_of(self, symbol: str) -> Rates:
        """Give the rates that hold for a symbol."""
        return self.by_symbol.get(symbol, self.rates)

    def charge(self, account: Account, spec: SymbolSpec, execution: Execution) -> tuple[Decimal, str]:
        """Give commission and its asset for a fill whose proceeds are already credited."""
        rate = self.rates_of(spec.symbol).of(is_maker=execution.is_maker)
        if self.bnb_fees and rate > ZERO:
            in_bnb = self._in_bnb(spec, execution, rate)
            if in_bnb is not None and in_bnb <= account.available(BNB):
                return in_bnb, BNB
        if execution.side == BUY:
            return cut(execution.qty * rate), spec.base
        return cut(execution.quote_qty * rate), spec.quote

    def _in_bnb(self, spec: SymbolSpec, execution: Execution, rate: Decimal) -> Decimal | None:
        if spec.base == BNB:
            return cut(execution.qty * rate * BNB_FACTOR)
        price = ONE if spec.quote == BNB else self.bnb_price(spec.quote)
        if price is None or price <= ZERO:
            return None
        return cut(execution.quote_qty * rate * BNB_FACTOR / price)

    def commission_report(self, symbol: str) -> dict[str, Any]:
        """Give the answer of account/commission."""
        rates = self.rates_of(symbol)
        zeros = {"maker": text(ZERO), "taker": text(ZERO), "buyer": text(ZERO), "seller": text(ZERO)}
        return {
            "symbol": symbol,
            "standardCommission": zeros | {"maker": text(rates.maker), "taker": text(rates.taker)},
            "specialCommission": dict(zeros),
            "taxCommission": dict(zeros),
            "discount": self._discount(),
        }

    def test_report(self, symbol: str) -> dict[str, Any]:
        """Give the answer of order/test with computeCommissionRates."""
        rates = self.rates_of(symbol)
        nothing = {"maker": text(ZERO), "taker": text(ZERO)}
        return {
            "standardCommissionForOrder": {"maker": text(rates.maker), "taker": text(rates.taker)},
            "specialCommissionForOrder": dict(nothing),
            "taxCommissionForOrder": dict(nothing),
            "discount": self._discount(),
        }

    def _discount(self) -> dict[str, Any]:
        return {
            "enabledForAccount": self.bnb_fees,
            "enabledForSymbol": True,
            "discountAsset": BNB,
            "discount": text(BNB_FACTOR),
        }
