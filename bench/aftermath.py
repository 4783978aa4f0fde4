"""What must be true after anything: our rows against the venue's own ledger. Read inside a process with rows.

Each violation is one line that begins with the name of the rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from trading.domain.orders import ON_BOOK, UNRESOLVED, OrderStatus
from trading.domain.trades import TradeState
from trading.models import Balance, FillRow, Order, Trade
from trading.selectors.instruments import get_instruments
from trading.selectors.trades import OPEN_STATE_NAMES, fold_trade

VENUE_OPEN = ("NEW", "PENDING_NEW", "PARTIALLY_FILLED")
ENTRY_ID = re.compile(r"fc-(\w+)-E\d+")
UNKNOWN = (OrderStatus.INITIALIZED.value, OrderStatus.SUBMITTED.value)
LIVE = [status.value for status in UNRESOLVED]
RESTING = [status.value for status in ON_BOOK]


def judge(truth: dict[str, Any], *, is_flat: bool = False) -> list[str]:
    """Name what is wrong. `truth` is the venue's ledger; `is_flat` demands that nothing is held or open."""
    found = [*_unequal_ledger(truth), *_unequal_fills(truth), *_doubles(truth), *_unknown(truth)]
    found += [*_unprotected(truth), *_wrong_figures()]
    return [*found, *_not_flat(truth)] if is_flat else found


def entries_by_decision(truth: dict[str, Any]) -> Counter[str]:
    """Count the entry orders that the venue accepted, by the key of the decision."""
    ids = (ENTRY_ID.fullmatch(order["clientOrderId"]) for order in truth["orders"])
    return Counter(match[1] for match in ids if match is not None)


def _unequal_ledger(truth: dict[str, Any]) -> Iterator[str]:
    ours = dict(Balance.objects.values_list("asset", "ledger"))
    theirs = {
        asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in truth["balances"].items()
    }
    for asset in sorted(ours.keys() | theirs.keys()):
        our, their = ours.get(asset, Decimal(0)), theirs.get(asset, Decimal(0))
        if our != their:
            yield f"LEDGER {asset}: ours {our}, venue {their}"


def _unequal_fills(truth: dict[str, Any]) -> Iterator[str]:
    ours = {(row.symbol, row.venue_fill_id): (row.qty, row.price) for row in FillRow.objects.all()}
    theirs = {
        (fill["symbol"], fill["tradeId"]): (Decimal(fill["qty"]), Decimal(fill["price"]))
        for fill in truth["fills"]
    }
    if ours != theirs:
        missing, surplus = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        yield f"FILLS missing {missing}, of our own making {surplus}"


def _doubles(truth: dict[str, Any]) -> Iterator[str]:
    # A cancelled order carries the id of its cancel, which the legs of a list share.
    ids = Counter(
        order["clientOrderId"]
        for order in truth["orders"]
        if order["status"] != "CANCELED" or Decimal(order["executedQty"])
    )
    yield from (f"DOUBLE order {name}: {number} at the venue" for name, number in ids.items() if number > 1)
    yield from (
        f"DOUBLE entry of decision {key}: {number} at the venue"
        for key, number in entries_by_decision(truth).items()
        if number > 1
    )


def _unknown(truth: dict[str, Any]) -> Iterator[str]:
    for order in Order.objects.filter(status__in=UNKNOWN):
        yield f"UNKNOWN order {order.client_order_id} is {order.status}"
    for order in Order.objects.filter(fills_missing=True):
        yield f"UNKNOWN fills of {order.client_order_id}"
    ours = dict(Order.objects.values_list("venue_order_id", "status"))
    for each in truth["orders"]:
        status = ours.get(each["orderId"])
        if status is None:
            yield f"UNKNOWN to us: order {each['clientOrderId']} is {each['status']} at the venue"
        elif (each["status"] in VENUE_OPEN) != (status in LIVE):
            yield f"UNKNOWN change: {each['clientOrderId']} is {status} here, {each['status']} at the venue"


def _unprotected(truth: dict[str, Any]) -> Iterator[str]:
    instruments = get_instruments(set(Trade.objects.values_list("symbol", flat=True)))
    for trade in Trade.objects.filter(state__in=OPEN_STATE_NAMES):
        needed = instruments[trade.symbol].fit_qty(trade.qty)
        covered = Decimal(truth["protected"].get(trade.symbol, 0))
        if trade.state != TradeState.OPEN.value:
            yield f"UNPROTECTED {trade.symbol}: still {trade.state}"
        elif not trade.is_protected or covered < needed:
            yield f"UNPROTECTED {trade.symbol}: holds {needed}, the venue protects {covered}"


def _wrong_figures() -> Iterator[str]:
    for trade in Trade.objects.all():
        folded = fold_trade(trade, FillRow.objects.filter(trade=trade))
        if trade.qty != folded.qty:
            yield f"FIGURES of {trade.symbol}: row holds {trade.qty}, fills say {folded.qty}"
    for order in Order.objects.all():
        total = sum((row.qty for row in FillRow.objects.filter(order=order)), Decimal(0))
        if order.filled_qty != total:
            yield f"FIGURES of {order.client_order_id}: row {order.filled_qty}, fills {total}"


def _not_flat(truth: dict[str, Any]) -> Iterator[str]:
    for trade in Trade.objects.filter(state__in=OPEN_STATE_NAMES):
        yield f"LEFT {trade.symbol} is {trade.state}, holds {trade.qty}"
    for order in truth["orders"]:
        if order["status"] in VENUE_OPEN:
            yield f"LEFT {order['clientOrderId']} is open at the venue"
