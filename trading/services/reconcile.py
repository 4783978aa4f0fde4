"""Makes our ledger agree with the venue: one road for start, crash, reconnect and timer.

Called by the executions process after every (re)connect, by the reconcile task, and by hand. Asks for every
order whose end is not known, for fills that are missing, and compares balances. What differs is reported with
its numbers and kept as a sample, never papered over; foreign orders are named and left alone.

What a run costs of the 6,000 a minute: openOrders 80 + account 20, and 4 to 9 for each order of ours that is
not among the open ones. A difference adds as much again, and what services.foreign asks; it is then reported
at every run until it is explained or accepted.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trading.domain.orders import UNRESOLVED, OrderStatus
from trading.domain.values import to_decimal
from trading.models import FILLS_MISSING, ExternalChange, FillRow, Order, ReconcileRun
from trading.selectors.ledger import newest_run
from trading.selectors.trades import busy_symbols
from trading.services import fee_values, foreign, journal, ledger
from trading.services.comparison import Comparison, Difference, compare, mark_missing
from trading.services.context import Desk
from trading.services.executions import apply_reports
from trading.services.foreign import ForeignOrder
from trading.services.resolve import fetch_missing_fills, resolve_orders

log = logging.getLogger(__name__)

_UNRESOLVED = [status.value for status in UNRESOLVED]
# Rounds of "ask for orders, then compare" while what differs keeps changing.
COMPARE_ROUNDS = 3
# A shortfall of what trades hold is believed when the ledger explains it, or when an earlier run saw the very
# same difference at least this long ago: an account query may lag behind a fill by seconds.
CONFIRM_AFTER = timedelta(seconds=10)
RUNS_KEPT = timedelta(days=30)


@dataclass(slots=True)
class ReconcileReport:
    """What a reconcile found and mended."""

    resolved: int = 0
    fills_added: int = 0
    unknown_orders: int = 0
    foreign: list[ForeignOrder] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def foreign_orders(self) -> int:
        """How many open orders are not ours."""
        return len(self.foreign)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is unknown and nothing differs."""
        return not self.unknown_orders and not self.differences


def run(*, desk: Desk, reason: str) -> ReconcileReport:
    """Reconcile once. Raises VenueError when the venue cannot be asked at all; nothing is lost then."""
    report, began_at, last = ReconcileReport(), desk.clock(), newest_run()
    last_fill = FillRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    _settle_orders(report, desk=desk)
    comparison = _explain(compare(desk=desk), report, last, desk=desk)
    report.differences = list(comparison.differences)
    mark_missing(comparison, certain=_certain(comparison, now=desk.clock()), desk=desk)
    fee_values.fill_in(desk=desk)
    report.fills_added = FillRow.objects.filter(pk__gt=last_fill).count()
    report.unknown_orders = Order.objects.filter(status=OrderStatus.SUBMITTED.value).count()
    _keep(report, last, reason=reason, began_at=began_at, now=desk.clock())
    return report


def _settle_orders(report: ReconcileReport, *, desk: Desk) -> None:
    """Book the open orders from one request, then ask singly for those that are not among them."""
    open_now = list(desk.venue.list_open_orders())
    ours = list(Order.objects.filter(status__in=_UNRESOLVED).order_by("id"))
    names = {order.client_order_id for order in ours}
    known = [each for each in open_now if each.client_order_id in names]
    apply_reports(known, now=desk.clock(), market=desk.market)
    listed = {each.client_order_id for each in open_now}
    report.foreign = foreign.list_foreign(each for each in open_now if each.client_order_id not in names)
    report.resolved += resolve_orders(
        [order for order in ours if order.client_order_id not in listed], desk=desk
    )
    for order in Order.objects.filter(FILLS_MISSING):
        fetch_missing_fills(order, desk=desk)


def _explain(
    comparison: Comparison, report: ReconcileReport, last: ReconcileRun | None, *, desk: Desk
) -> Comparison:
    """Look for what could explain the differences, until nothing differs or nothing changes any more."""
    seen = _amounts(last.differences) if last is not None else None
    if _amounts([each.to_json() for each in comparison.differences]) not in ({}, seen):
        # Mostly a fill of ours on its way, which needs no question about the fills of every busy symbol.
        _settle_orders(report, desk=desk)
        comparison = compare(desk=desk)
    for _ in range(COMPARE_ROUNDS):
        found = _amounts([each.to_json() for each in comparison.differences])
        if not found:
            break
        booked = foreign.ask_for_fills(
            {each.asset for each in comparison.differences},
            busy_symbols() | {order.symbol for order in report.foreign},
            since=_explained_until(desk.clock()),
            desk=desk,
        )
        if found == seen and not booked:
            break
        _settle_orders(report, desk=desk)
        comparison, seen = compare(desk=desk), found
    return comparison


def _amounts(differences: Sequence[dict[str, str]]) -> dict[str, str]:
    """Give how much each asset differs; the totals themselves move with every trade."""
    return {each["asset"]: each["difference"] for each in differences}


def _explained_until(now: datetime) -> datetime:
    """Give the moment of the newest run in which nothing differed; before it nothing needs to be asked."""
    clean = ReconcileRun.objects.filter(differences=[]).order_by("-at").values_list("at", flat=True).first()
    return clean or now - foreign.LONGEST_LOOK_BACK


def _certain(comparison: Comparison, *, now: datetime) -> set[str]:
    """Give the assets of which the venue's total is to be believed, see CONFIRM_AFTER."""
    earlier = ReconcileRun.objects.filter(at__lte=now - CONFIRM_AFTER).order_by("-at").first()
    seen = _amounts(earlier.differences) if earlier is not None else {}
    doubtful = {
        each.asset
        for each in comparison.differences
        if each.asset not in seen or to_decimal(seen[each.asset]) != each.amount
    }
    return set(comparison.venue) - doubtful


def accept(
    asset: str, *, actor: str, reason: str, desk: Desk, expected: Decimal | None = None
) -> tuple[ExternalChange, ReconcileReport]:
    """Reconcile, and book what still differs of one asset as accepted by the operator; then compare again.

    Args:
        expected: What the operator was shown and agreed to; None accepts whatever differs.

    Raises:
        NothingToAccept: The asset does not differ (any more), or by another amount than was shown.
        VenueError: The venue could not be asked; nothing was accepted.
    """
    asked_at = desk.venue.server_time()
    differences = {each.asset: each for each in run(desk=desk, reason="accept").differences}
    if asset not in differences:
        raise ledger.NothingToAccept(f"{asset} does not differ")
    if expected not in (None, differences[asset].amount):
        raise ledger.NothingToAccept(f"{differences[asset]}, which is not what was shown: look again")
    change = ledger.accept_difference(
        asset, differences[asset].amount, at=asked_at, actor=actor, reason=reason, now=desk.clock()
    )
    return change, run(desk=desk, reason="accepted")


def _keep(
    report: ReconcileReport, last: ReconcileRun | None, *, reason: str, began_at: datetime, now: datetime
) -> None:
    """Keep the run as a sample, and write a journal row where something is new."""
    differences = [each.to_json() for each in report.differences]
    others = [each.to_json() for each in report.foreign]
    ReconcileRun.objects.create(
        at=now,
        reason=reason[:40],
        took_ms=max(round((now - began_at).total_seconds() * 1000), 0),
        resolved=report.resolved,
        fills_added=report.fills_added,
        unknown_orders=report.unknown_orders,
        foreign_orders=others,
        differences=differences,
    )
    ReconcileRun.objects.filter(at__lt=now - RUNS_KEPT).delete()
    told = last.differences if last is not None else []
    new_orders = _not_seen(others, last.foreign_orders if last is not None else [])
    if not (report.resolved or report.fills_added or new_orders or _amounts(differences) != _amounts(told)):
        return
    journal.write(
        "ledger.reconciled",
        "account",
        actor="reconcile",
        now=now,
        before={"differences": told} if told else None,
        after={
            "resolved": report.resolved,
            "fills_added": report.fills_added,
            "unknown_orders": report.unknown_orders,
            "foreign_orders": new_orders,
            "differences": differences,
        },
        reason=reason,
    )


def _not_seen(
    orders: Sequence[dict[str, str | int | None]], seen: Sequence[dict[str, str | int | None]]
) -> list[dict[str, str | int | None]]:
    known = {(each["symbol"], each["id"]) for each in seen}
    return [each for each in orders if (each["symbol"], each["id"]) not in known]
