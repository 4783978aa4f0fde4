"""Fees: when an entry may rely on the discount asset, and what a fee in a third asset is worth."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.fees import FEE_COVER, SymbolFees, fee_ratio_in_base, worth
from trading.domain.values import ZERO

FEE = Decimal("0.001")
AMOUNT = st.decimals(min_value="0.01", max_value="1000000", places=2)


def test_the_discount_asset_pays_where_it_is_on_only() -> None:
    assert SymbolFees(FEE, FEE, "BNB", discount_is_on=True).paying_asset == "BNB"
    assert SymbolFees(FEE, FEE, "BNB", discount_is_on=False).paying_asset is None


def test_without_a_known_worth_the_whole_fee_is_expected_from_the_base_asset() -> None:
    assert fee_ratio_in_base(FEE, notional=Decimal(100), discount_free_value=None) == FEE


@given(AMOUNT, AMOUNT)
def test_the_base_asset_is_spared_only_where_the_purse_covers_everything_at_stake(
    notional: Decimal, purse: Decimal
) -> None:
    ratio = fee_ratio_in_base(FEE, notional=notional, discount_free_value=purse)

    assert (ratio == ZERO) == (purse >= notional * FEE * FEE_COVER)
    assert ratio in (ZERO, FEE)


def test_a_symbol_without_fees_takes_nothing_from_the_base_asset() -> None:
    assert fee_ratio_in_base(ZERO, notional=Decimal(100), discount_free_value=None) == ZERO


def test_a_worth_is_kept_with_eight_places() -> None:
    assert worth(Decimal("0.00012345"), Decimal("512.345678")) == Decimal("0.06324907")
