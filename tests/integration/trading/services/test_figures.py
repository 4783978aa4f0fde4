"""Sums of past days plus what came since are the sum of everything, whatever was summed when."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest
from django.db import transaction

from bench import seeding
from tests.support.builders import NOON
from trading.domain.trades import TradeState
from trading.models import DayFigures, Trade
from trading.selectors.overview import ClosedFigures, closed_figures
from trading.selectors.trades import unprotected_s_total
from trading.services import figures

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOON + timedelta(days=40)


@pytest.fixture
def weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand trades of three weeks: some in another asset, of unknown PnL, or that bought nothing."""
    monkeypatch.setattr(seeding, "SPREAD_OVER", timedelta(days=21))
    seeding.seed_trades(1000, until=NOON)
    trades = list(Trade.objects.order_by("id"))
    for place, trade in enumerate(trades):
        trade.unprotected_s = place % 7 / 4
        if place % 5 == 0:
            trade.quote_asset = "BTC"
        if place % 11 == 0:
            trade.realised_pnl = trade.fees = None
        if place % 13 == 0:
            trade.state, trade.realised_pnl = TradeState.ABORTED.value, None
    changed = ["unprotected_s", "quote_asset", "realised_pnl", "fees", "state"]
    Trade.objects.bulk_update(trades, changed, batch_size=100)


def by_hand(now: datetime) -> list[ClosedFigures]:
    """Add up every closed trade in Python."""
    closed = Trade.objects.filter(state=TradeState.CLOSED.value).order_by("quote_asset")
    return [
        _by_hand(quote, list(rows), now=now) for quote, rows in groupby(closed, lambda each: each.quote_asset)
    ]


def _by_hand(quote_asset: str, trades: list[Trade], *, now: datetime) -> ClosedFigures:
    pnls = [each.realised_pnl for each in trades if each.realised_pnl is not None]
    recent = [each for each in trades if each.closed_at and each.closed_at >= now - timedelta(hours=24)]
    return ClosedFigures(
        quote_asset=quote_asset,
        trades=len(trades),
        wins=sum(pnl > 0 for pnl in pnls),
        unknown=len(trades) - len(pnls),
        pnl=_text(pnls),
        fees=_text([each.fees for each in trades if each.fees is not None]),
        gains=_text([pnl for pnl in pnls if pnl > 0]),
        losses=_text([pnl for pnl in pnls if pnl < 0]),
        trades_24h=len(recent),
        pnl_24h=_text([each.realised_pnl for each in recent if each.realised_pnl is not None]),
    )


def _text(amounts: list[Decimal]) -> str:
    return format(sum(amounts, Decimal(0)).normalize(), "f") if amounts else "0"


@pytest.mark.usefixtures("weeks")
def test_figures_are_the_same_before_and_after_days_are_summed() -> None:
    before = closed_figures(now=NOON), unprotected_s_total(now=NOON)

    summed = figures.roll_up(now=NOON)

    assert summed > 15
    assert (closed_figures(now=NOON), unprotected_s_total(now=NOON)) == before
    assert before[0] == by_hand(NOON)


@pytest.mark.usefixtures("weeks")
def test_a_day_is_summed_once_and_only_when_it_is_over() -> None:
    figures.roll_up(now=NOON)
    stored = set(DayFigures.objects.values_list("pk", flat=True))

    assert figures.roll_up(now=NOON) == 0
    assert set(DayFigures.objects.values_list("pk", flat=True)) == stored
    newest = max(DayFigures.objects.values_list("day", flat=True))
    assert newest < (NOON - timedelta(hours=24)).date()
    assert figures.roll_up(now=LATER) > 0
    assert closed_figures(now=LATER) == by_hand(LATER)


@pytest.mark.usefixtures("weeks")
def test_an_old_trade_that_changes_is_in_the_sums() -> None:
    figures.roll_up(now=NOON)
    trade = Trade.objects.filter(state=TradeState.CLOSED.value, realised_pnl__isnull=False).earliest(
        "closed_at"
    )
    was = trade.closed_at
    assert was is not None
    trade.realised_pnl = Decimal("-7.25")
    trade.closed_at = was + timedelta(days=30)
    trade.save()

    with transaction.atomic():
        figures.correct((was, trade.closed_at), now=NOON)

    assert closed_figures(now=NOON) == by_hand(NOON)


@pytest.mark.usefixtures("weeks")
def test_a_day_whose_trades_are_gone_is_no_longer_summed() -> None:
    figures.roll_up(now=NOON)
    oldest = DayFigures.objects.earliest("day").day
    moved = Trade.objects.filter(closed_at__date=oldest)
    was = [trade.closed_at for trade in moved]
    moved.update(closed_at=NOON)

    with transaction.atomic():
        figures.correct(was, now=NOON)

    assert not DayFigures.objects.filter(day=oldest).exists()
    assert closed_figures(now=NOON) == by_hand(NOON)
