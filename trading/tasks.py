"""Celery shells: read the arguments, call one service, keep what the operator wants to know.

Delivery may double or lose a task; nothing about money rests on it (see services.cycle and
services.upkeep). Arguments are JSON.
"""

import logging

from celery import shared_task

from trading import bootstrap
from trading.domain.market import INTERVAL_S, ClosedCandle
from trading.domain.ports import VenueError
from trading.domain.values import from_ms
from trading.market.decisions import keep_decisions
from trading.services import cycle, delistings, figures, instruments, reconcile, upkeep

log = logging.getLogger(__name__)


@shared_task(name="trading.run_batch")
def run_batch(*, closed: list[list[str | int]], arrived_ms: int) -> None:
    """Take one turn over candles that closed together: [[symbol, interval, open_ms], ...]."""
    desk = bootstrap.get_desk()
    candles = [
        ClosedCandle(str(symbol), str(interval), from_ms(int(open_ms)))
        for symbol, interval, open_ms in closed
        if interval in INTERVAL_S
    ]
    turn = cycle.run_batch(candles, desk=desk, arrived_at=from_ms(arrived_ms))
    keep_decisions(bootstrap.get_redis(), turn.decisions, arrived_ms=arrived_ms)
    cycle.note_turn(turn, desk=desk)


@shared_task(name="trading.run_triggers")
def run_triggers(*, symbols: list[str]) -> None:
    """Look after open trades whose watched price was crossed."""
    upkeep.run_triggers(symbols, desk=bootstrap.get_desk())


@shared_task(name="trading.run_upkeep")
def run_upkeep() -> None:
    """Make one watchdog round."""
    upkeep.run(desk=bootstrap.get_desk())


@shared_task(name="trading.reconcile")
def run_reconcile(*, reason: str) -> None:
    """Make our ledger agree with the venue; the next timer tries again when it cannot be asked."""
    try:
        reconcile.run(desk=bootstrap.get_desk(), reason=reason)
    except VenueError as error:
        log.warning("reconcile.postponed: %s", error)


@shared_task(name="trading.refresh_instruments")
def refresh_instruments() -> None:
    """Read symbols, rules, volumes and fees again; the next timer tries again when the venue is away."""
    try:
        instruments.refresh_instruments(venue=bootstrap.get_venue(), now=bootstrap.utc_now())
        instruments.refresh_fees(venue=bootstrap.get_venue(), now=bootstrap.utc_now())
    except VenueError as error:
        log.warning("instruments.postponed: %s", error)


@shared_task(name="trading.review_delistings")
def review_delistings() -> None:
    """Bar what the venue will delist; the next timer asks again when it cannot be asked or understood."""
    try:
        delistings.review_delistings(venue=bootstrap.get_venue(), now=bootstrap.utc_now())
    except VenueError as error:
        log.warning("delistings.postponed: %s", error)


@shared_task(name="trading.roll_up")
def roll_up() -> None:
    """Sum up the trades of days that are over."""
    figures.roll_up(now=bootstrap.utc_now())
