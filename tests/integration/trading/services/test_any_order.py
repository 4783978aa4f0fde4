"""Reports of a whole trade, booked in any order and repeated, end in the same rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.desk import Scene, a_scene
from tests.support.trading import a_worker, always, close_candles, prepare
from trading.domain.executions import ExecutionReport
from trading.domain.orders import OrderStatus
from trading.exchange import decode
from trading.models import Balance, FillRow, Order, Trade
from trading.services.cycle import run_batch
from trading.services.executions import NOT_FOUND, apply_report, expire_unsent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always")]
__all__ = ["always"]
ENDS = {"target": ("101.00", "101.01"), "stop": ("98.00", "98.01"), "still open": ("100.00", "100.01")}


def _reports(scene: Scene, end: tuple[str, str]) -> list[ExecutionReport]:
    """Open a trade of which nobody hears, let the market end it, and give all that the venue says."""
    prepare(scene)
    scene.quote("BTCUSDT", "100.00", "100.01")
    a_worker(scene)
    scene.venue.lose_replies = 1
    run_batch(close_candles(scene), desk=scene.desk)
    scene.clock.advance(1)
    scene.quote("BTCUSDT", *end)
    told = [decode.user_event(event) for event in scene.engine.drain_events()]
    return [each for each in told if isinstance(each, ExecutionReport)]


def _rows() -> dict[str, object]:
    return {
        "orders": sorted(
            Order.objects.values_list(
                "client_order_id", "status", "filled_qty", "reported_qty", "fills_missing", "venue_order_id"
            )
        ),
        "fills": sorted(FillRow.objects.values_list("venue_fill_id", "order__client_order_id", "qty", "fee")),
        "trade": list(
            Trade.objects.values_list("state", "qty", "realised_pnl", "exit_reason", "is_protected")
        ),
        "ledger": dict(Balance.objects.values_list("asset", "ledger")),
    }


def _book(scene: Scene, reports: Sequence[ExecutionReport], *, is_given_up: bool) -> dict[str, object]:
    """Book the reports on the rows as they are, give the outcome, and undo it."""
    now = scene.clock() + timedelta(seconds=1)
    with transaction.atomic():
        if is_given_up:
            rows = list(Order.objects.all())
            expire_unsent(rows, reason=NOT_FOUND, now=now, status=OrderStatus.EXPIRED)
        for report in reports:
            apply_report(report, now=now, market=scene.market)
        outcome = _rows()
        transaction.set_rollback(True)
    return outcome


@pytest.mark.parametrize("end", ENDS)
def test_reports_in_any_order_and_repeated_end_in_the_same_rows(end: str) -> None:
    scene = a_scene()
    reports = _reports(scene, ENDS[end])
    expected = _book(scene, reports, is_given_up=False)
    assert len(expected["fills"]) == sum(len(report.fills) for report in reports)  # type: ignore[arg-type]  # a list

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data(), is_given_up=st.booleans())
    def check(data: st.DataObject, is_given_up: bool) -> None:
        again = data.draw(st.lists(st.sampled_from(reports), max_size=3))
        assert _book(scene, data.draw(st.permutations(reports + again)), is_given_up=is_given_up) == expected

    check()


def test_what_the_venue_ended_is_not_opened_again_by_an_older_report_after_we_gave_it_up() -> None:
    scene = a_scene()
    prepare(scene)
    scene.quote("BTCUSDT", "100.00", "100.01")
    a_worker(scene)
    scene.engine.set_book("BTCUSDT", bids=[(Decimal(100), Decimal(1))], asks=[(Decimal(200), Decimal(1))])
    scene.venue.lose_replies = 1
    run_batch(close_candles(scene), desk=scene.desk)
    told = [decode.user_event(event) for event in scene.engine.drain_events()]
    reports = [replace(each, reason="") for each in told if isinstance(each, ExecutionReport)]
    expire_unsent(list(Order.objects.all()), reason=NOT_FOUND, now=scene.clock(), status=OrderStatus.EXPIRED)

    for report in reversed(reports):
        apply_report(report, now=scene.clock(), market=scene.market)

    assert set(Order.objects.values_list("status", flat=True)) == {"EXPIRED"}
    assert Trade.objects.get().state == "ABORTED"
