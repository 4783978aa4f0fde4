"""Keeps the venue's symbols, their rules, 24 h volumes and fees. Called at start and by a timer."""

import logging
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F

from trading.domain.instrument import Instrument
from trading.domain.ports import Venue, VenueRefused
from trading.domain.values import from_ms
from trading.models import InstrumentRow
from trading.selectors.workers import list_subscriptions

log = logging.getLogger(__name__)

STATUS_LENGTH = 20
_LONGEST = {"symbol": 30, "base_asset": 20, "quote_asset": 20}  # as the columns of InstrumentRow
_FEES = ("maker_fee", "taker_fee", "discount_asset")
_RULES = [field.name for field in fields(Instrument) if field.name not in ("symbol", "read_at", *_FEES)]
# One question costs 20 of the 6,000 a minute: 1,000 every ten minutes at most.
MAX_FEES = 50


def refresh_instruments(*, venue: Venue, now: datetime) -> int:
    """Ask the venue for all symbols and keep what it says. Gives how many there are.

    A symbol that the venue no longer lists keeps its row with status DELISTED: open trades and the
    ledger still refer to it.

    Raises:
        VenueError: The venue could not be asked; what is kept stays as it was.
    """
    # What was there at the first look was listed before: it counts as old (universes by age).
    first_seen_at = now if InstrumentRow.objects.exists() else from_ms(0)
    instruments = {each.symbol: each for each in venue.instruments() if _can_be_kept(each)}
    volumes = venue.quote_volumes()
    with transaction.atomic():
        InstrumentRow.objects.bulk_create(
            [
                _row(each, volumes.get(symbol), first_seen_at=first_seen_at, now=now)
                for symbol, each in sorted(instruments.items())
            ],
            update_conflicts=True,
            unique_fields=["symbol"],
            update_fields=[*_RULES, "quote_volume_24h", "updated_at"],
        )
        InstrumentRow.objects.exclude(symbol__in=instruments).update(status="DELISTED", updated_at=now)
    return len(instruments)


def refresh_rules(symbol: str, *, venue: Venue, now: datetime) -> None:
    """Ask for the rules of one symbol and keep them. One that is listed no longer becomes DELISTED.

    Raises:
        VenueError: The venue could not be asked; what is kept stays as it was.
    """
    told = venue.instrument(symbol)
    if told is None:
        InstrumentRow.objects.filter(symbol=symbol).update(status="DELISTED", updated_at=now)
        return
    InstrumentRow.objects.filter(symbol=symbol).update(**_rules(told), updated_at=now)


def refresh_fees(*, venue: Venue, now: datetime) -> int:
    """Ask for the fees of the symbols that acting workers and open trades need, the oldest answers first.

    Gives how many were asked for. What was not asked yet counts as the venue's standard fee.

    Raises:
        VenueError: The venue could not be asked; what was learned before is kept.
    """
    symbols = {symbol for symbol, _ in list_subscriptions(now=now)}
    wanted = InstrumentRow.objects.filter(symbol__in=symbols, status="TRADING")
    rows = list(wanted.order_by(F("fees_at").asc(nulls_first=True), "symbol")[:MAX_FEES])
    for row in rows:
        row.fees_at = now
        try:
            fees = venue.fees(row.symbol)
        except VenueRefused as error:
            # One odd symbol must not hide the others; it is asked again in its turn.
            log.warning("fees.refused: %s", error, extra={"symbol": row.symbol})
        else:
            row.maker_fee, row.taker_fee = fees.maker, fees.taker
            row.discount_asset = fees.paying_asset or ""
        row.save(update_fields=["fees_at", *_FEES])
    return len(rows)


def _can_be_kept(instrument: Instrument) -> bool:
    """Tell whether the names fit their columns: one odd symbol must not end the refresh of all others."""
    fits = all(len(getattr(instrument, name)) <= longest for name, longest in _LONGEST.items())
    if not fits:
        log.warning("instruments.left_out", extra={"symbol": instrument.symbol[:40]})
    return fits


def _row(
    instrument: Instrument, volume: Decimal | None, *, first_seen_at: datetime, now: datetime
) -> InstrumentRow:
    return InstrumentRow(
        symbol=instrument.symbol,
        quote_volume_24h=volume,
        first_seen_at=first_seen_at,
        updated_at=now,
        **_rules(instrument),
    )


def _rules(instrument: Instrument) -> dict[str, Any]:
    rules = {name: getattr(instrument, name) for name in _RULES}
    # A word that is cut short is as unknown as the whole one: anything but TRADING lets no entry out.
    rules["status"] = instrument.status[:STATUS_LENGTH]
    rules["order_types"] = sorted(instrument.order_types)
    return rules
