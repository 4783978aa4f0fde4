"""Entry plans: the ladder of protection, and sizes that the venue accepts and fees cannot break."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import a_quote, an_instrument, some_terms
from trading.domain.entries import EntryPlan, plan_entry, plan_exit, plan_protection, plan_stop
from trading.domain.instrument import ProtectionMode
from trading.domain.orders import ListKind, OrderType, TimeInForce
from trading.domain.risk import Denial, DenialCode

KEY = "ABCDEFGHIJKLMNOP"


def _plan(**changes: object) -> EntryPlan:
    plan = plan_entry(KEY, a_quote(), some_terms(), an_instrument(**changes))
    assert isinstance(plan, EntryPlan)
    return plan


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, ProtectionMode.OPOCO),
        ({"opo_allowed": False}, ProtectionMode.OTOCO),
        ({"opo_allowed": False, "oto_allowed": False}, ProtectionMode.OCO),
        ({"oco_allowed": False}, ProtectionMode.SUPERVISED),
    ],
)
def test_the_best_protection_that_the_symbol_allows_is_taken(
    changes: dict[str, object], mode: ProtectionMode
) -> None:
    assert _plan(**changes).protection is mode


def test_an_entry_with_its_exits_is_all_or_nothing() -> None:
    order_list = _plan().order_list

    assert order_list is not None
    assert order_list.kind is ListKind.OPOCO
    assert order_list.working is not None
    assert order_list.working.time_in_force is TimeInForce.FOK
    assert [order.client_order_id[-2:] for order in order_list.orders] == ["E0", "T0", "S0"]


def test_the_pending_quantity_leaves_room_for_the_fee_in_the_base_asset() -> None:
    plan = _plan(opo_allowed=False)

    assert plan.order_list is not None
    assert plan.order_list.above.qty <= plan.qty * Decimal("0.999")


def test_a_trailing_stop_takes_the_place_of_the_fixed_one() -> None:
    plan = plan_entry(KEY, a_quote(), some_terms(trailing_bps=80), an_instrument())

    assert isinstance(plan, EntryPlan)
    assert plan.order_list is not None
    assert plan.order_list.below.trailing_delta_bps == 80
    assert plan.order_list.below.stop_price is None


def test_a_stop_is_a_limit_order_where_no_market_stop_is_allowed() -> None:
    types = frozenset({"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT"})

    plan = _plan(order_types=types)

    assert plan.order_list is not None
    assert plan.order_list.below.type is OrderType.STOP_LOSS_LIMIT
    assert plan.order_list.below.price is not None
    assert plan.order_list.below.price < plan.exits.stop


def test_what_could_not_be_sold_at_the_stop_is_denied() -> None:
    denial = plan_entry(KEY, a_quote(), some_terms(trade_notional=Decimal("5.02")), an_instrument())

    assert isinstance(denial, Denial)
    assert denial.code is DenialCode.NOTIONAL_BELOW_MINIMUM


@given(
    ask=st.decimals(min_value="0.05", max_value="90000", places=2),
    notional=st.decimals(min_value="6", max_value="5000", places=2),
    slippage=st.integers(min_value=1, max_value=200),
)
def test_no_plan_costs_more_than_asked_or_leaves_the_grid(
    ask: Decimal, notional: Decimal, slippage: int
) -> None:
    instrument = an_instrument()
    terms = some_terms(trade_notional=notional, max_slippage_bps=slippage)

    plan = plan_entry(KEY, a_quote(str(ask), str(ask)), terms, instrument)

    if isinstance(plan, EntryPlan):
        assert plan.reserved_notional <= notional
        assert plan.qty % instrument.step_size == 0
        assert plan.limit_price % instrument.tick_size == 0
        assert plan.exits.stop < ask < plan.exits.take_profit


def test_exits_of_a_held_position_have_ids_of_their_own() -> None:
    exits = _plan().exits
    instrument = an_instrument()

    first = plan_protection(KEY, 1, exits, qty=Decimal(1), instrument=instrument)
    second = plan_protection(KEY, 2, exits, qty=Decimal(1), instrument=instrument)
    stop = plan_stop(KEY, 3, exits, qty=Decimal(1), instrument=instrument)
    sale = plan_exit(KEY, 0, qty=Decimal(1), instrument=instrument)

    ids = [order.client_order_id for order in (*first.orders, *second.orders, stop, sale)]
    assert len(set(ids)) == len(ids)
    assert all(len(order_id) <= 36 for order_id in ids)
