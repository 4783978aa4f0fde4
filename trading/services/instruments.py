"""Keeps the venue's symbols, their rules and 24 h volumes. Called at start and by a timer."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from trading.domain.instrument import Instrument
from trading.domain.ports import Venue
from trading.domain.values import from_ms
from trading.models import InstrumentRow

_RULES = [field.name for field in fields(Instrument) if field.name != "symbol"]


def refresh_instruments(*, venue: Venue, now: datetime) -> int:
    """Ask the venue for all symbols and keep what it says. Gives how many there are.

    A symbol that the venue no longer lists keeps its row with status DELISTED: open trades and the
    ledger still refer to it.

    Raises:
        VenueError: The venue could not be asked; what is kept stays as it was.
    """
    # What was there at the first look was listed before: it counts as old (universes by age).
    first_seen_at = now if InstrumentRow.objects.exists() else from_ms(0)
    instruments = {each.symbol: each for each in venue.instruments()}
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


def _row(
    instrument: Instrument, volume: Decimal | None, *, first_seen_at: datetime, now: datetime
) -> InstrumentRow:
    rules = {name: getattr(instrument, name) for name in _RULES}
    rules["order_types"] = sorted(instrument.order_types)
    return InstrumentRow(
        symbol=instrument.symbol,
        quote_volume_24h=volume,
        first_seen_at=first_seen_at,
        updated_at=now,
        **rules,
    )
