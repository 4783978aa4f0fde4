"""Fitting to the grid of a symbol: never more than asked, never off it, never what the venue refuses."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import an_instrument
from trading.domain.instrument import Instrument
from trading.domain.values import ceil_to_step, floor_to_step

STEPS = st.sampled_from(
    [Decimal(text) for text in ("0.00000001", "0.00001", "0.001", "0.1", "1", "10", "0.05")]
)
AMOUNTS = st.decimals(min_value=0, max_value="1000000", places=8)
PRICES = st.decimals(min_value="0.00000001", max_value="100000", places=8)


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Rules with a grid, a smallest and a largest order."""
    step = draw(STEPS)
    smallest = step * draw(st.integers(1, 100))
    return an_instrument(
        step_size=step,
        tick_size=draw(STEPS),
        min_qty=smallest,
        max_qty=smallest * draw(st.integers(1, 10_000)),
        market_max_qty=draw(st.sampled_from([Decimal(0), smallest, smallest * 50])),
        min_notional=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal(5), Decimal(100)])),
    )


@settings(max_examples=100)
@given(instruments(), AMOUNTS)
def test_a_quantity_fits_without_growing(instrument: Instrument, quantity: Decimal) -> None:
    fitted = instrument.fit_qty(quantity)

    assert 0 <= fitted <= min(quantity, instrument.max_qty)
    assert fitted % instrument.step_size == 0
    assert fitted == 0 or fitted >= instrument.min_qty
    assert instrument.fit_qty(fitted) == fitted
    if instrument.min_qty <= quantity <= instrument.max_qty:
        assert quantity - fitted < instrument.step_size


@settings(max_examples=100)
@given(instruments(), AMOUNTS)
def test_a_market_order_carries_no_more_than_any_order(instrument: Instrument, quantity: Decimal) -> None:
    fitted = instrument.fit_market_qty(quantity)

    assert fitted <= instrument.fit_qty(quantity)
    assert fitted % instrument.step_size == 0
    assert not instrument.market_max_qty or fitted <= instrument.market_max_qty


@settings(max_examples=100)
@given(instruments(), PRICES)
def test_prices_move_to_the_neighbouring_ticks(instrument: Instrument, price: Decimal) -> None:
    low, high = instrument.price_down(price), instrument.price_up(price)

    assert low <= price <= high
    assert low % instrument.tick_size == high % instrument.tick_size == 0
    assert high - low in (0, instrument.tick_size)
    assert (high == low) is (price % instrument.tick_size == 0)


@settings(max_examples=100)
@given(instruments(), AMOUNTS, AMOUNTS, PRICES)
def test_what_is_sellable_stays_so_with_more_of_it(
    instrument: Instrument, quantity: Decimal, more: Decimal, price: Decimal
) -> None:
    if instrument.is_sellable(quantity, price):
        fitted = instrument.fit_qty(quantity)
        assert fitted >= instrument.min_qty
        assert fitted * price >= instrument.min_notional
        assert instrument.is_sellable(fitted, price)
        assert instrument.is_sellable(quantity + more, price)


@given(AMOUNTS)
def test_a_step_of_zero_leaves_a_number_alone(number: Decimal) -> None:
    assert floor_to_step(number, Decimal(0)) == number == ceil_to_step(number, Decimal(0))
