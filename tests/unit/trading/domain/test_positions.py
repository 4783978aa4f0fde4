"""Positions as a fold over fills: order and repetition do not matter, fees go where they were taken."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import a_fill
from trading.domain.executions import Fill
from trading.domain.orders import Side
from trading.domain.positions import Position, fold
from trading.domain.trades import figures, worse_bps

QTY = st.decimals(min_value="0.00001", max_value="1000", places=5)
PRICE = st.decimals(min_value="0.01", max_value="100000", places=2)
FEES = st.sampled_from(["BTC", "USDT", "BNB"])


@st.composite
def fills(draw: st.DrawFn) -> list[Fill]:
    """Some fills with ids 1, 2, 3 …"""
    number = draw(st.integers(min_value=1, max_value=8))
    return [
        a_fill(
            draw(st.sampled_from(list(Side))),
            str(draw(QTY)),
            str(draw(PRICE)),
            fee=str(draw(st.decimals(min_value=0, max_value="0.001", places=8))),
            fee_asset=draw(FEES),
            fill_id=index + 1,
        )
        for index in range(number)
    ]


def _fold(rows: list[Fill]) -> Position:
    return fold(rows, base_asset="BTC", quote_asset="USDT")


@given(fills())
def test_fills_in_any_order_and_repeated_give_the_same_position(rows: list[Fill]) -> None:
    assert _fold(rows) == _fold(list(reversed(rows)) + rows)


@given(fills())
def test_cash_and_quantity_are_what_the_venue_moves(rows: list[Fill]) -> None:
    position = _fold(rows)

    quantity = sum((f.qty if f.side is Side.BUY else -f.qty) for f in rows)
    cash = sum((-f.notional if f.side is Side.BUY else f.notional) for f in rows)
    assert position.qty == quantity - sum(f.fee for f in rows if f.fee_asset == "BTC")
    assert position.cash_flow() == cash - sum(f.fee for f in rows if f.fee_asset == "USDT")


@given(QTY, PRICE)
def test_buying_and_selling_the_same_quantity_ends_flat(qty: Decimal, price: Decimal) -> None:
    rows = [a_fill(Side.BUY, str(qty), str(price)), a_fill(Side.SELL, str(qty), str(price), fill_id=2)]

    position = _fold(rows)

    assert position.qty == 0
    assert position.cash_flow() == 0


def test_the_pnl_is_after_fees_of_every_kind() -> None:
    rows = [
        a_fill(Side.BUY, "1", "100", fee="0.01", fee_asset="BTC"),
        a_fill(Side.SELL, "0.99", "110", fee="1", fee_asset="USDT", fill_id=2),
    ]

    result = figures(_fold(rows), fee_value=Decimal("0.5"))

    assert result.pnl == Decimal("0.99") * 110 - 100 - 1 - Decimal("0.5")
    assert result.fees == Decimal("0.01") * 100 + 1 + Decimal("0.5")


@given(fills(), st.decimals(min_value=0, max_value=10, places=8))
def test_pnl_dust_and_fees_of_third_assets_are_the_change_of_the_quote_balance(
    rows: list[Fill], fee_value: Decimal
) -> None:
    position = _fold(rows)

    result = figures(position, fee_value=fee_value)

    assert result.pnl is not None
    explained = result.pnl - position.held_cost() + fee_value
    assert explained == pytest.approx(position.cash_flow(), abs=Decimal("1e-12"))


@given(PRICE, PRICE)
def test_paying_more_and_receiving_less_are_worse(decided: Decimal, price: Decimal) -> None:
    paid, received = (worse_bps(decided, price, side) for side in (Side.BUY, Side.SELL))

    assert paid == -received
    assert (paid > 0) == (price > decided)


def test_a_fee_of_unknown_worth_makes_the_pnl_unknown_rather_than_wrong() -> None:
    rows = [a_fill(fee="0.01", fee_asset="BNB")]

    result = figures(_fold(rows), fee_value=None)

    assert result.pnl is None
    assert result.fees is None
