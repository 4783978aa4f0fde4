"""The executions process books in order, reconciles first, and comes back to what failed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper_venue import wait_until
from trading.domain.executions import AssetBalance, ExecutionReport, Transfer
from trading.domain.orders import OrderStatus
from trading.domain.ports import VenueUnavailable
from trading.domain.values import ZERO, from_ms
from trading.management.commands import run_executions
from trading.management.commands.run_executions import FAILED, TAKEN, Bookkeeper
from trading.models import ExternalChange

CONNECTED = "USER_STREAM_CONNECTED"


def a_report(name: str) -> ExecutionReport:
    return ExecutionReport(name, "BTCUSDT", 1, OrderStatus.ACCEPTED, ZERO, from_ms(0))


@dataclass
class Ledger:
    """Remembers what was asked of the services, in order; fails as often as told."""

    told: list[str] = field(default_factory=list)
    reconcile_failures: int = 0
    unbookable: str = ""

    def reconcile(self, *, desk: object, reason: str) -> None:
        self.told.append(reason)
        if self.reconcile_failures:
            self.reconcile_failures -= 1
            raise VenueUnavailable("away")

    def reports(self, reports: Sequence[ExecutionReport], **_: Any) -> None:
        if self.unbookable in [report.client_order_id for report in reports]:
            raise RuntimeError("no such status")
        self.told.extend(report.client_order_id for report in reports)

    def transfers(self, transfers: Sequence[Transfer], **_: Any) -> list[ExternalChange]:
        self.told.extend(f"{each.asset} {each.amount}" for each in transfers)
        return [ExternalChange(asset=each.asset, amount=each.amount) for each in transfers]

    def balances(self, balances: Sequence[AssetBalance], **_: Any) -> None:
        self.told.extend(balance.asset for balance in balances)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The services, at the rim of the process."""
    ledger = Ledger()
    nothing: Callable[[], None] = lambda: None  # noqa: E731 -- a stand-in for two functions
    monkeypatch.setattr("trading.services.reconcile.run", ledger.reconcile)
    monkeypatch.setattr(run_executions, "apply_reports", ledger.reports)
    monkeypatch.setattr(run_executions, "apply_balances", ledger.balances)
    monkeypatch.setattr(run_executions, "book_foreign", lambda *_, **__: [])
    monkeypatch.setattr(run_executions, "book_transfers", ledger.transfers)
    monkeypatch.setattr(run_executions, "is_held", lambda assets: "BTC" in assets)
    monkeypatch.setattr(run_executions, "close_old_connections", nothing)
    monkeypatch.setattr("trading.bootstrap.get_desk", nothing)
    monkeypatch.setattr("trading.bootstrap.get_market", nothing)
    monkeypatch.setattr(run_executions, "RETRY_S", 0.02)
    return ledger


@pytest.fixture
def bookkeeper(ledger: Ledger) -> Iterator[Bookkeeper]:
    """A bookkeeper at work."""
    bookkeeper = Bookkeeper(may_book=lambda: True)
    bookkeeper.start()
    yield bookkeeper
    bookkeeper.stop()


def test_events_are_booked_in_the_order_of_the_venue(bookkeeper: Bookkeeper, ledger: Ledger) -> None:
    bookkeeper.put(a_report("A"))
    bookkeeper.put((AssetBalance("BTC", ZERO, ZERO),))
    bookkeeper.put(a_report("B"))

    wait_until(lambda: len(ledger.told) == 3)
    assert [each for each in ledger.told if each != "BTC"] == ["A", "B"]
    assert bookkeeper.booked == 3


def test_a_reconcile_goes_before_what_comes_later(bookkeeper: Bookkeeper, ledger: Ledger) -> None:
    bookkeeper.resync(CONNECTED)
    bookkeeper.put(a_report("A"))

    wait_until(lambda: len(ledger.told) == 2)
    assert ledger.told == [CONNECTED, "A"]


def test_a_reconcile_that_failed_is_tried_again_while_booking_goes_on(
    bookkeeper: Bookkeeper, ledger: Ledger
) -> None:
    ledger.reconcile_failures = 2

    bookkeeper.resync(CONNECTED)
    bookkeeper.put(a_report("A"))

    wait_until(lambda: ledger.told.count(CONNECTED) == 3)
    assert ledger.told.index("A") < 3


def test_it_is_reconciled_only_once_a_reconcile_has_ended_well(
    bookkeeper: Bookkeeper, ledger: Ledger
) -> None:
    assert not bookkeeper.is_reconciled
    ledger.reconcile_failures = 1

    bookkeeper.resync(CONNECTED)

    assert not bookkeeper.is_reconciled
    wait_until(lambda: bookkeeper.is_reconciled)
    assert ledger.told.count(CONNECTED) == 2


def test_an_event_that_cannot_be_booked_leads_to_a_reconcile(bookkeeper: Bookkeeper, ledger: Ledger) -> None:
    ledger.unbookable = "A"

    bookkeeper.put(a_report("A"))
    bookkeeper.put(a_report("B"))

    wait_until(lambda: len(ledger.told) == 2)
    assert sorted(ledger.told) == ["B", FAILED]


@pytest.mark.parametrize(
    ("asset", "amount", "told"),
    [
        ("BTC", "-1", ["BTC -1", TAKEN]),
        ("BTC", "1", ["BTC 1"]),
        ("USDT", "-1", ["USDT -1"]),
    ],
)
def test_only_a_loss_of_what_a_trade_holds_leads_to_a_reconcile(
    ledger: Ledger, asset: str, amount: str, told: list[str]
) -> None:
    bookkeeper = Bookkeeper(may_book=lambda: True)
    bookkeeper.start()

    bookkeeper.put(Transfer(asset, Decimal(amount), from_ms(0), from_ms(0)))

    wait_until(lambda: len(ledger.told) == len(told))
    bookkeeper.stop()
    assert ledger.told == told


def test_what_was_heard_is_booked_before_the_end(ledger: Ledger) -> None:
    bookkeeper = Bookkeeper(may_book=lambda: True)
    for number in range(200):
        bookkeeper.put(a_report(str(number)))
    bookkeeper.start()

    bookkeeper.stop()

    assert len(ledger.told) == 200
