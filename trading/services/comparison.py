"""Compares the ledger with the venue's totals, and what open trades hold with what is there to be sold.

Called by services.reconcile. One request; nothing is concluded of an asset that moved during the question.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction

from trading.domain.executions import AssetBalance
from trading.domain.orders import OrderStatus
from trading.domain.values import ZERO, to_decimal, to_text
from trading.models import FILLS_MISSING, Balance, Order, Trade
from trading.selectors.trades import OPEN_STATE_NAMES
from trading.services import journal, ledger
from trading.services.books import open_books
from trading.services.context import Desk
from trading.services.executions import apply_balances


@dataclass(frozen=True, slots=True)
class Difference:
    """An asset of which the ledger and the venue hold different totals."""

    asset: str
    ledger: Decimal
    venue: Decimal

    @property
    def amount(self) -> Decimal:
        """What the venue holds more; negative where it holds less."""
        return self.venue - self.ledger

    def __str__(self) -> str:
        ours, theirs = to_text(self.ledger), to_text(self.venue)
        return f"{self.asset}: ledger {ours}, venue {theirs}, difference {to_text(self.amount)}"

    @classmethod
    def from_json(cls, figures: Mapping[str, str]) -> "Difference":
        """Read what `to_json` wrote."""
        return cls(figures["asset"], to_decimal(figures["ledger"]), to_decimal(figures["venue"]))

    def to_json(self) -> dict[str, str]:
        """Give the figures as text."""
        return {
            "asset": self.asset,
            "ledger": to_text(self.ledger),
            "venue": to_text(self.venue),
            "difference": to_text(self.amount),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one look at the venue's balances showed. `held` is what open trades hold, by trade and asset.

    Only what stood still during the question is in it: `venue` has no asset of which ledger or trades moved.
    """

    differences: tuple[Difference, ...] = ()
    venue: Mapping[str, Decimal] = field(default_factory=dict)
    held: Mapping[int, tuple[str, Decimal]] = field(default_factory=dict)


def compare(*, desk: Desk) -> Comparison:
    """Ask for the balances once and compare. The first time it opens the ledger instead."""
    held, before = _held(), _ledger()
    asked_at = desk.venue.server_time() if not before else None
    told = desk.venue.balances()
    if asked_at is not None:
        ledger.open_ledger(told, at=asked_at, now=desk.clock())
        return Comparison()
    after = _ledger()
    moved = {asset for asset in after if before.get(asset, ZERO) != after[asset]}
    still = _held()
    moved |= {asset for pk, (asset, _) in (held | still).items() if held.get(pk) != still.get(pk)}
    # The venue leaves out what is zero; an asset that we hold a row of and it does not name is zero.
    named = {each.asset: each for each in told}
    venue = {asset: AssetBalance(asset, ZERO, ZERO) for asset in after} | named
    apply_balances(list(venue.values()), now=desk.clock())
    _add_missing_assets(venue, desk=desk)
    totals = {asset: each.total for asset, each in venue.items() if asset not in moved}
    differences = tuple(
        Difference(asset, after.get(asset, ZERO), total)
        for asset, total in sorted(totals.items())
        if total != after.get(asset, ZERO)
    )
    return Comparison(differences, totals, still)


def _ledger() -> dict[str, Decimal]:
    return dict(Balance.objects.values_list("asset", "ledger"))


def _held() -> dict[int, tuple[str, Decimal]]:
    rows = Trade.objects.filter(state__in=OPEN_STATE_NAMES).values_list("pk", "base_asset", "qty")
    return {pk: (asset, qty) for pk, asset, qty in rows if qty > ZERO}


def _add_missing_assets(balances: Mapping[str, AssetBalance], *, desk: Desk) -> None:
    """Keep what the venue says of an asset that the ledger never saw; its ledger figure stays 0."""
    now = desk.clock()
    rows = [
        Balance(asset=asset, free=each.free, locked=each.locked, updated_at=now)
        for asset, each in sorted(balances.items())
    ]
    Balance.objects.bulk_create(rows, ignore_conflicts=True)


def mark_missing(comparison: Comparison, *, certain: Collection[str], desk: Desk) -> None:
    """Keep on each open trade what of it the account no longer holds.

    The fold over the fills stays the truth of what was bought; what others took is never sold by us. Of
    several trades of one asset the newest lack it first.

    Args:
        certain: Assets of which the venue's total is to be believed.
    """
    trades_of: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for pk, (asset, qty) in sorted(comparison.held.items(), reverse=True):
        trades_of[asset].append((pk, qty))
    for asset, trades in trades_of.items():
        if asset not in comparison.venue or asset not in certain or _is_in_doubt([pk for pk, _ in trades]):
            continue
        short = max(sum((qty for _, qty in trades), ZERO) - comparison.venue[asset], ZERO)
        for pk, qty in trades:
            missing = min(short, qty)
            short -= missing
            _mark(pk, qty, missing, venue_total=comparison.venue[asset], desk=desk)


def _is_in_doubt(trade_ids: Collection[int]) -> bool:
    """Tell whether an order of the trades may have sold what seems to be missing."""
    orders = Order.objects.filter(trade_id__in=trade_ids)
    return orders.filter(status=OrderStatus.SUBMITTED.value).exists() or orders.filter(FILLS_MISSING).exists()


def _mark(trade_id: int, qty: Decimal, missing: Decimal, *, venue_total: Decimal, desk: Desk) -> None:
    with transaction.atomic():
        book = open_books([trade_id])[trade_id]
        trade, now = book.trade, desk.clock()
        if trade.qty != qty or trade.missing_qty == missing:
            return
        journal.write(
            "trade.missing" if missing else "trade.complete",
            f"trade:{trade_id}",
            actor="reconcile",
            now=now,
            before={"missing_qty": to_text(trade.missing_qty)},
            after={
                "symbol": trade.symbol,
                "missing_qty": to_text(missing),
                "qty": to_text(qty),
                "on_account": to_text(venue_total),
            },
            reason="others took it from the account" if missing else "it is on the account again",
        )
        trade.missing_qty = missing
        book.conclude(at=now, now=now)
        book.save()
