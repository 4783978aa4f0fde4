"""What the bench seeds must look like what the product writes, on both databases."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bench.seeding import seed_trades
from tests.support.builders import NOON
from trading.domain.trades import TradeState
from trading.models import FillRow, Order, OrderList, Trade
from trading.selectors.trades import fold_trade

pytestmark = pytest.mark.django_db(transaction=True)


def test_copies_have_orders_and_fills_of_their_own() -> None:
    seed_trades(2000, until=NOON)

    assert Trade.objects.filter(state=TradeState.CLOSED.value).count() == 2000
    assert (OrderList.objects.count(), Order.objects.count(), FillRow.objects.count()) == (2000, 6000, 4000)
    copied = Trade.objects.order_by("-pk")[0]
    fills = list(FillRow.objects.filter(order__trade=copied, trade=copied))
    assert len(fills) == 2
    assert fold_trade(copied, fills).qty == 0
    assert all(order.client_order_id.startswith(f"fc-{copied.key}-") for order in copied.orders.all())


def test_trades_are_spread_over_the_year_and_more_can_follow() -> None:
    seed_trades(1000, until=NOON)
    seed_trades(1000, until=NOON)

    moments = Trade.objects.order_by("decided_at").values_list("decided_at", flat=True)
    assert NOON - timedelta(days=366) < moments[0] < NOON - timedelta(days=364)
    assert NOON - timedelta(days=2) < moments[1999] < NOON
    assert 500 < Trade.objects.filter(realised_pnl__gt=Decimal(0)).count() < 1500


def test_blocks_are_whole() -> None:
    with pytest.raises(ValueError, match="multiple of 1000"):
        seed_trades(1500, until=NOON)
