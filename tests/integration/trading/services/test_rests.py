"""Rests that a coarser step leaves behind: sold once the rules allow it, dust only by the present rules."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, assert_ledger_agrees, prepare, turn
from trading.domain.trades import ExitReason
from trading.models import InstrumentRow, Trade
from trading.services import instruments, upkeep
from trading.services.exits import exit_trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]


@pytest.fixture
def scene() -> Scene:
    """A desk that read coarse rules a minute ago; of one BTC less the fee they let 0.9 be sold."""
    made = a_scene()
    prepare(made)
    _set_step(made, "0.1", oto_allowed=False, opo_allowed=False)
    instruments.refresh_instruments(venue=made.venue, now=made.clock() - timedelta(seconds=60))
    made.quote("BTCUSDT", "100.00", "100.01")
    return made


def _set_step(scene: Scene, step: str, **changes: bool) -> None:
    scene.venue.catalogue.update("BTCUSDT", step_size=Decimal(step), min_qty=Decimal(step), **changes)


def _held(scene: Scene, *, is_coarse_at_venue: bool) -> Trade:
    if not is_coarse_at_venue:
        _set_step(scene, "0.00001")
    a_worker(scene)
    turn(scene)
    scene.pump()
    return Trade.objects.get()


def _round(scene: Scene) -> Trade:
    scene.clock.advance(2)
    scene.quote("BTCUSDT", "100.00", "100.01")
    upkeep.run(desk=scene.desk)
    return Trade.objects.get()


def test_what_stands_beside_the_stop_by_old_rules_is_not_called_protected(scene: Scene) -> None:
    trade = _held(scene, is_coarse_at_venue=False)

    assert (trade.state, trade.is_protected) == ("OPEN", False)


def test_everything_is_sold_once_the_rules_are_read_and_allow_it(scene: Scene) -> None:
    _held(scene, is_coarse_at_venue=False)

    trade = _round(scene)

    assert (trade.state, trade.exit_reason, trade.dust_qty) == ("CLOSED", "UNPROTECTED", trade.qty)
    assert trade.qty * 100 < InstrumentRow.objects.get(symbol="BTCUSDT").min_notional
    assert_ledger_agrees(scene)


def test_where_the_rules_are_still_coarse_the_rest_needs_no_protection_and_is_dust_in_the_end(
    scene: Scene,
) -> None:
    _held(scene, is_coarse_at_venue=True)

    trade = _round(scene)

    assert (trade.state, trade.is_protected) == ("OPEN", True)
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    trade.refresh_from_db()
    assert (trade.state, trade.exit_reason) == ("CLOSED", "MANUAL")
    assert trade.dust_qty * 100 > InstrumentRow.objects.get(symbol="BTCUSDT").min_notional


def test_a_rest_after_the_sale_is_sold_too(scene: Scene) -> None:
    trade = _held(scene, is_coarse_at_venue=False)
    exit_trade(trade.pk, ExitReason.MANUAL, desk=scene.desk)
    trade.refresh_from_db()
    assert trade.state == "CLOSING"

    trade = _round(scene)

    assert (trade.state, trade.exit_reason) == ("CLOSED", "MANUAL")
    assert trade.dust_qty * 100 < InstrumentRow.objects.get(symbol="BTCUSDT").min_notional
    assert_ledger_agrees(scene)
