"""Makes our ledger agree with the venue: one road for start, crash, reconnect and timer.

Called by the executions process after every (re)connect, by the reconcile task, and by hand. Asks for
every order whose end is not known, for fills that are missing, and compares balances. What differs is
reported with its numbers, never papered over; foreign orders are counted and left alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading.domain.executions import AssetBalance, ExecutionReport
from trading.domain.orders import UNRESOLVED, OrderStatus
from trading.domain.values import to_text
from trading.models import Balance, FillRow, Order
from trading.services import journal
from trading.services.context import Desk
from trading.services.executions import apply_balances, apply_reports
from trading.services.resolve import fetch_missing_fills, resolve_order

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
# Rounds of "ask for orders, then compare" while fills keep arriving between the two.
COMPARE_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """An asset of which the ledger and the venue hold different totals."""

    asset: str
    ledger: Decimal
    venue: Decimal

    def to_json(self) -> dict[str, str]:
        """Give the figures as text."""
        return {
            "asset": self.asset,
            "ledger": to_text(self.ledger),
            "venue": to_text(self.venue),
            "difference": to_text(self.venue - self.ledger),
        }


@dataclass(slots=True)
class ReconcileReport:
    """What a reconcile found and mended."""

    resolved: int = 0
    fills_added: int = 0
    unknown_orders: int = 0
    foreign_orders: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is unknown and nothing differs."""
        return not self.unknown_orders and not self.differences


def run(*, desk: Desk, reason: str) -> ReconcileReport:
    """Reconcile once. Raises VenueError when the venue cannot be asked at all; nothing is lost then."""
    report = ReconcileReport()
    fills_before = FillRow.objects.count()
    _settle_orders(report, desk=desk)
    for _ in range(COMPARE_ROUNDS):
        report.differences = _compare_balances(desk=desk)
        if not report.differences:
            break
        _settle_orders(report, desk=desk)
    report.fills_added = FillRow.objects.count() - fills_before
    report.unknown_orders = Order.objects.filter(status=OrderStatus.SUBMITTED.value).count()
    _keep(report, reason=reason, now=desk.clock())
    return report


def _settle_orders(report: ReconcileReport, *, desk: Desk) -> None:
    """Book the open orders from one request, then ask singly for those that are not among them."""
    open_now = list(desk.venue.list_open_orders())
    ours = {order.client_order_id: order for order in _unresolved()}
    known = [each for each in open_now if each.client_order_id in ours]
    apply_reports(known, now=desk.clock(), market=desk.market)
    listed = {each.client_order_id for each in open_now}
    report.foreign_orders = _count_foreign(open_now, set(ours))
    for order in ours.values():
        if order.client_order_id not in listed and resolve_order(order, desk=desk):
            report.resolved += 1
    for order in Order.objects.filter(fills_missing=True):
        fetch_missing_fills(order, desk=desk)


def _unresolved() -> Sequence[Order]:
    return list(Order.objects.filter(status__in=_UNRESOLVED).order_by("id"))


def _count_foreign(open_now: Sequence[ExecutionReport], ours: set[str]) -> int:
    others = [each.client_order_id for each in open_now if each.client_order_id not in ours]
    known = set(Order.objects.filter(client_order_id__in=others).values_list("client_order_id", flat=True))
    return len(set(others) - known)


def _compare_balances(*, desk: Desk) -> list[Difference]:
    """Compare totals by asset. Nothing is concluded while a fill was booked during the question."""
    before = _ledger()
    venue = {each.asset: each for each in desk.venue.balances()}
    if not before:
        _open_ledger(list(venue.values()), now=desk.clock())
        return []
    after = _ledger()
    # The venue leaves out what is zero; an asset that we hold a row of and it does not name is zero.
    for asset in after.keys() - venue.keys():
        venue[asset] = AssetBalance(asset, Decimal(0), Decimal(0))
    apply_balances(list(venue.values()), now=desk.clock())
    _add_missing_assets(list(venue.values()), now=desk.clock())
    differences = []
    for asset in sorted(venue):
        ledger = after.get(asset, Decimal(0))
        if before.get(asset, Decimal(0)) == ledger and venue[asset].total != ledger:
            differences.append(Difference(asset, ledger, venue[asset].total))
    return differences


def _ledger() -> dict[str, Decimal]:
    return dict(Balance.objects.values_list("asset", "ledger"))


def _open_ledger(balances: Sequence[AssetBalance], *, now: datetime) -> None:
    """Start the ledger from what the venue holds at the first reconcile, before any fill of ours."""
    with transaction.atomic():
        Balance.objects.bulk_create(
            [
                Balance(
                    asset=each.asset, free=each.free, locked=each.locked, ledger=each.total, updated_at=now
                )
                for each in balances
            ],
            ignore_conflicts=True,
        )
        assets = {each.asset: to_text(each.total) for each in balances}
        journal.write("ledger.opened", "account", actor="reconcile", now=now, after=assets)


def _add_missing_assets(balances: Sequence[AssetBalance], *, now: datetime) -> None:
    """Keep what the venue says of an asset that the ledger never saw; its ledger figure stays 0."""
    Balance.objects.bulk_create(
        [Balance(asset=each.asset, free=each.free, locked=each.locked, updated_at=now) for each in balances],
        ignore_conflicts=True,
    )


def _keep(report: ReconcileReport, *, reason: str, now: datetime) -> None:
    """Write a journal row where something was found; a clean round leaves none."""
    if report.is_clean and not report.fills_added and not report.resolved:
        return
    journal.write(
        "ledger.reconciled",
        "account",
        actor="reconcile",
        now=now,
        after={
            "resolved": report.resolved,
            "fills_added": report.fills_added,
            "unknown_orders": report.unknown_orders,
            "foreign_orders": report.foreign_orders,
            "differences": [each.to_json() for each in report.differences],
        },
        reason=reason,
    )
