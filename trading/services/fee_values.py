"""Finds out what fees in a third asset were worth, where no quote was at hand when they were booked.

Called by services.reconcile. Until then the trade's fees and PnL are unknown, not wrong.
"""

import logging
from datetime import timedelta
from decimal import Decimal

from django.db import transaction

from trading.domain.fees import worth
from trading.domain.ports import VenueError
from trading.domain.values import ONE
from trading.models import FillRow, InstrumentRow
from trading.services.books import open_books
from trading.services.context import Desk

log = logging.getLogger(__name__)

# One klines request each (weight 2), the newest first; the rest follows with the next run.
MAX_PRICES = 20
# Where the venue could not tell a price for so long, it has none.
GIVEN_UP_AFTER = timedelta(days=2)


def fill_in(*, desk: Desk) -> int:
    """Value fees whose worth is not known at the price of the minute in which they were taken.

    Gives how many were valued. Their trades are concluded again.
    """
    unknown = FillRow.objects.filter(fee_value__isnull=True, filled_at__gte=desk.clock() - GIVEN_UP_AFTER)
    rows = list(unknown.select_related("trade").order_by("-filled_at")[:MAX_PRICES])
    values: dict[int, Decimal] = {}
    for row in rows:
        try:
            price = _price_at(row, desk=desk)
        except VenueError as error:
            log.warning("fee_value.not_asked: %s", error, extra={"fill_id": row.pk})
            break
        if price is not None:
            values[row.pk] = worth(row.fee, price)
    if values:
        _write(values, {row.trade_id for row in rows if row.pk in values}, desk=desk)
    return len(values)


def _price_at(row: FillRow, *, desk: Desk) -> Decimal | None:
    """Give the fee asset's price in the trade's quote asset at the fill, from either direction's symbol."""
    fee_asset, quote_asset = row.fee_asset, row.trade.quote_asset
    for base, quote in ((fee_asset, quote_asset), (quote_asset, fee_asset)):
        symbol = (
            InstrumentRow.objects.filter(base_asset=base, quote_asset=quote).values_list("symbol").first()
        )
        price = desk.venue.price_at(symbol[0], row.filled_at) if symbol is not None else None
        if price:
            return price if base == fee_asset else ONE / price
    return None


def _write(values: dict[int, Decimal], trade_ids: set[int], *, desk: Desk) -> None:
    now = desk.clock()
    with transaction.atomic():
        for book in open_books(trade_ids).values():
            for fill in book.fills:
                if fill.fee_value is None and fill.pk in values:
                    fill.fee_value = values[fill.pk]
                    fill.save(update_fields=["fee_value"])
            book.conclude(at=now, now=now)
            book.save()
