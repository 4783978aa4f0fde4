"""Keeps the sums of past days right: adds up days that are over, and again where an old trade changes.

Called by the hourly task and, for the rare late fill, by services.books inside the transaction that books it.
Readers add up what is not summed yet by themselves (selectors.overview), so nothing waits for this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Min

from trading.domain.slices import cut
from trading.models import DayFigures, SliceFigures, Trade
from trading.selectors.analysis import iter_ended
from trading.selectors.overview import RECENT, day_range, newest_day, sum_trades


def first_unsettled_day(now: datetime) -> date:
    """Give the day of 24 hours ago; all days before it may be summed up.

    A trade that closes now is far from there, so that booking it costs nothing here.
    """
    return (now - RECENT).astimezone(UTC).date()


def roll_up(*, now: datetime) -> int:
    """Sum up all days that are over and not summed yet, each in a transaction; give how many."""
    end, number = first_unsettled_day(now), 0
    oldest = Trade.objects.aggregate(oldest=Min("closed_at"))["oldest"]
    while oldest is not None and _sum_next(oldest.astimezone(UTC).date(), end):
        number += 1
    return number


def correct(moments: Iterable[datetime | None], *, now: datetime) -> None:
    """Sum up again the days of these moments as far as they are summed. Call inside a transaction."""
    end = first_unsettled_day(now)
    days = {each.astimezone(UTC).date() for each in moments if each is not None}
    past = sorted(day for day in days if day < end)
    if not past:
        return
    _take_turn()
    newest = newest_day()
    for day in past:
        if newest is not None and day <= newest:
            _sum(day)


def _sum_next(oldest: date, end: date) -> bool:
    """Sum up the next days until one with trades was written; False where none is left before `end`."""
    with transaction.atomic():
        _take_turn()
        newest = newest_day()
        after = newest + timedelta(days=1) if newest is not None else oldest
        begin, _ = day_range(after)
        following = Trade.objects.filter(closed_at__gte=begin).aggregate(first=Min("closed_at"))["first"]
        if following is None or following.astimezone(UTC).date() >= end:
            return False
        _sum(following.astimezone(UTC).date())
        return True


def _take_turn() -> None:
    """Wait for whoever sums up or corrects, so that neither misses what the other has not committed yet.

    The oldest row is the lock; on SQLite the transaction itself is. The caller reads after it.
    """
    DayFigures.objects.select_for_update().order_by("day", "pk").first()


def _sum(day: date) -> None:
    begin, end = day_range(day)
    DayFigures.objects.filter(day=day).delete()
    DayFigures.objects.bulk_create(
        DayFigures(
            day=day,
            quote_asset=each.quote_asset,
            trades=each.trades,
            wins=each.wins,
            unknown=each.unknown,
            pnl=each.pnl,
            fees=each.fees,
            gains=each.gains,
            losses=each.losses,
            unprotected_s=each.unprotected_s,
        )
        for each in sum_trades(Trade.objects.filter(closed_at__gte=begin, closed_at__lt=end))
    )
    SliceFigures.objects.filter(day=day).delete()
    SliceFigures.objects.bulk_create(
        SliceFigures(
            day=day, quote_asset=quote_asset, worker_id=worker_id, cut=by.value, key=key, **asdict(tally)
        )
        for (quote_asset, worker_id, by, key), tally in cut(iter_ended(begin, end)).items()
    )
