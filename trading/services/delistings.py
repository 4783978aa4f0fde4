"""Bars symbols whose delisting the venue has announced, and lifts the bar where it took that back.

Called by a timer. A bar only denies entries: what is open on the symbol stays followed, protected and sold.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from trading.domain.ports import Venue
from trading.domain.universe import DELISTING_ANNOUNCED
from trading.models import BlacklistEntry, InstrumentRow
from trading.services.blacklist import bar_symbol, lift_symbol

log = logging.getLogger(__name__)

ACTOR = "delistings"
# A delisting may come late; afterwards the symbol's status refuses entries by itself.
KEPT_FOR = timedelta(days=7)


def review_delistings(*, venue: Venue, now: datetime) -> None:
    """Read the venue's schedule and make our bars agree with it, all of them or none.

    Bars of others stay as they are; when one is over, the next review bars the symbol. An announcement that
    somebody lifted stays lifted until the venue names another moment.

    Raises:
        VenueError: The venue could not be asked, or its answer not be read; our bars stay as they were.
    """
    announced = venue.delistings()
    if announced is None:
        log.info("delistings.not_available")
        return
    with transaction.atomic():
        _bar_announced(announced, now=now)
        _lift_withdrawn(announced, now=now)


def _bar_announced(announced: Mapping[str, datetime], *, now: datetime) -> None:
    known = InstrumentRow.objects.filter(symbol__in=announced).order_by("symbol")
    entries = BlacklistEntry.objects.filter(symbol__in=announced).order_by("created_at", "pk")
    newest = {entry.symbol: entry for entry in entries}
    for symbol in known.values_list("symbol", flat=True):
        at = announced[symbol]
        is_over = at <= now - KEPT_FOR
        if is_over or (symbol in newest and _is_settled(newest[symbol], at, now=now)):
            continue
        bar_symbol(
            symbol,
            reason=DELISTING_ANNOUNCED,
            actor=ACTOR,
            now=now,
            note=f"delisting announced for {at:%Y-%m-%d %H:%M} UTC",
            evidence={"delist_at": at.isoformat()},
            expires_at=at + KEPT_FOR,
        )


def _is_settled(newest: BlacklistEntry, at: datetime, *, now: datetime) -> bool:
    """Tell whether the newest entry of a symbol leaves nothing to do about a delisting at a moment."""
    if newest.created_by == ACTOR:
        # It bars, or somebody lifted it: what we lifted ourselves was withdrawn, and is announced again.
        return _delist_at(newest) == at and newest.lifted_by != ACTOR
    return newest.lifted_at is None and (newest.expires_at is None or newest.expires_at > now)


def _lift_withdrawn(announced: Mapping[str, datetime], *, now: datetime) -> None:
    ours = BlacklistEntry.objects.filter(created_by=ACTOR, lifted_at__isnull=True)
    for entry in ours.exclude(symbol__in=announced).order_by("symbol"):
        # What is delisted leaves the schedule too.
        if _delist_at(entry) > now:
            lift_symbol(entry.symbol, actor=ACTOR, now=now, reason="the venue withdrew the delisting")


def _delist_at(entry: BlacklistEntry) -> datetime:
    return datetime.fromisoformat(entry.evidence["delist_at"])
