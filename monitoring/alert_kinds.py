"""Every alert that can be raised: how bad, what to do, and what else explains it. Pure data.

The codes are those of the health rules, so that each lost point has its alert. docs/operations.md has an
entry for each (tested).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitoring import links, rules

# Long enough that what belongs together is seen together, short enough for five seconds in all.
TOGETHER_S = 1.5


class AlertLevel(StrEnum):
    """How soon somebody must look."""

    CRITICAL = "CRITICAL"  # money or its protection is at stake now
    WARNING = "WARNING"  # today


@dataclass(frozen=True, slots=True)
class AlertKind:
    """One code. `hold_s` is how long it must be so before it counts; `causes` are codes, or CODE:subject.

    `page` is where somebody who was told of it looks first.
    """

    level: AlertLevel
    todo: str
    causes: tuple[str, ...] = ()
    hold_s: float = TOGETHER_S
    page: str = links.ALERTS


_FEED = f"{rules.PROCESS_MISSING.code}:feed"
_EXECUTIONS = f"{rules.PROCESS_MISSING.code}:executions"
_TRADER = f"{rules.PROCESS_MISSING.code}:trader"
_REDIS = rules.REDIS_SILENT.code
_DATABASE = (rules.DATABASE_SILENT.code, rules.DATABASE_READ_ONLY.code)
_VENUE = rules.VENUE_DOWN.code
_BLOCKED = rules.VENUE_BLOCKED.code

KINDS: dict[str, AlertKind] = {
    rules.UNPROTECTED.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at the trade and at the venue's open orders. The watchdog protects or sells by itself within "
        "seconds; if it does not, sell by hand: manage.py kill --level flatten.",
        hold_s=1.0,
    ),
    _REDIS: AlertKind(
        AlertLevel.CRITICAL,
        "Start Redis again (`up` does it by itself). Nothing is entered meanwhile; exits rest at the venue.",
        hold_s=0.5,
    ),
    rules.DATABASE_SILENT.code: AlertKind(
        AlertLevel.CRITICAL,
        "Start the database again; look at its log. Nothing is entered meanwhile; exits rest at the venue.",
        hold_s=0.5,
    ),
    rules.DATABASE_READ_ONLY.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at the disk (full? read-only?) and for a process that holds a write lock. Nothing is entered "
        "meanwhile; exits rest at the venue.",
        causes=(rules.DATABASE_SILENT.code,),
        hold_s=0.5,
    ),
    _VENUE: AlertKind(
        AlertLevel.CRITICAL,
        "Look at the venue's status page and at this machine's network. Exits rest at the venue; both "
        "streams come back by themselves, and a reconcile follows.",
        causes=(_REDIS,),
        hold_s=0.5,
    ),
    _BLOCKED: AlertKind(
        AlertLevel.CRITICAL,
        "Wait: every process does. Find out what else uses this address or key; a second time means a ban.",
        causes=(_REDIS,),
        hold_s=0.5,
    ),
    rules.BREAKER_OPEN.code: AlertKind(
        AlertLevel.WARNING,
        "Look at the last errors of the venue in trader.log; the breaker tries again by itself.",
        causes=(_REDIS, _VENUE, _BLOCKED),
    ),
    rules.FEED_DOWN.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at feed.log. Nothing is entered without prices; the feed reconnects by itself.",
        causes=(_REDIS, _VENUE, _BLOCKED, _FEED),
    ),
    rules.PRICE_AGE.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at feed.log: the socket is open and silent. It is replaced by itself within 20 s.",
        causes=(_REDIS, _VENUE, _BLOCKED, _FEED, rules.FEED_DOWN.code),
        hold_s=0.0,
    ),
    rules.USER_STREAM_DOWN.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at feed.log: keys, clock, network. Nothing is entered meanwhile; a reconcile follows.",
        causes=(_REDIS, _VENUE, _BLOCKED, _FEED, _EXECUTIONS),
    ),
    rules.USER_STREAM_AGE.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at feed.log: the socket is open and silent. It is replaced by itself within 20 s.",
        causes=(_REDIS, _VENUE, _BLOCKED, _FEED, _EXECUTIONS, rules.USER_STREAM_DOWN.code),
        hold_s=0.0,
    ),
    rules.LEDGER_DIFFERS.code: AlertKind(
        AlertLevel.CRITICAL,
        "See 'A ledger difference' in docs/operations.md before anything is accepted.",
        hold_s=0.0,
        page=links.RECONCILES,
    ),
    rules.ORDERS_UNKNOWN.code: AlertKind(
        AlertLevel.WARNING,
        "Nothing yet: the watchdog asks the venue until it is certain. After ten minutes look at the orders.",
        causes=(_VENUE, _BLOCKED),
        hold_s=0.0,
        page=links.UNANSWERED_ORDERS,
    ),
    rules.POSITION_MISSING.code: AlertKind(
        AlertLevel.CRITICAL,
        "Somebody sold or withdrew coins of open trades: find out who. What is left stays protected.",
        hold_s=0.0,
        page=links.RECONCILES,
    ),
    rules.PROCESS_MISSING.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at the last lines of the process's log. `up` and systemd start it again by themselves.",
        causes=(_REDIS,),
        hold_s=0.0,
    ),
    rules.WATCH_SILENT.code: AlertKind(
        AlertLevel.WARNING, "Look at web.log: the watch runs in the web process.", causes=(_REDIS,)
    ),
    rules.MODEL_DRIFTED.code: AlertKind(
        AlertLevel.WARNING,
        "Look at Models in the admin for what moved. Automatic workers stop asking it at their next review; "
        "in others untick Ask the model.",
        causes=_DATABASE,
    ),
    rules.WEIGHT_USED.code: AlertKind(
        AlertLevel.WARNING,
        "Data is asked for less by itself. Look for another program on this address.",
        causes=(_REDIS,),
    ),
    rules.ERROR_RATIO.code: AlertKind(
        AlertLevel.WARNING,
        "Look at the venue's answers in trader.log.",
        # Prices and calls that fail together have one reason, the venue or the way to it.
        causes=(
            *(_REDIS, _VENUE, _BLOCKED, rules.BREAKER_OPEN.code, rules.CLOCK_SKEW.code),
            *(rules.FEED_DOWN.code, rules.PRICE_AGE.code),
        ),
    ),
    rules.RECONCILE_AGE.code: AlertKind(
        AlertLevel.WARNING,
        "Run manage.py reconcile and read what it says.",
        causes=(_REDIS, _VENUE, _TRADER, rules.QUEUE_LAG.code, _BLOCKED, *_DATABASE),
        page=links.RECONCILES,
    ),
    rules.QUEUE_LAG.code: AlertKind(
        AlertLevel.CRITICAL,
        "Look at trader.log and at the processor: the trader does not keep up, or it hangs; then restart it.",
        causes=(_REDIS, _TRADER, *_DATABASE),
        hold_s=0.0,
    ),
    rules.CLOCK_SKEW.code: AlertKind(
        AlertLevel.CRITICAL,
        "Set the clock right (chrony or systemd-timesyncd). Ages of prices and candles err.",
        causes=(_REDIS,),
    ),
    rules.MEMORY_USED.code: AlertKind(
        AlertLevel.WARNING, "See which process grew (manage.py status) and restart it when nothing is open."
    ),
    rules.MEMORY_GROWTH.code: AlertKind(
        AlertLevel.WARNING, "See which process grows (manage.py status); restart it when nothing is open."
    ),
    rules.DISK_FREE.code: AlertKind(
        AlertLevel.CRITICAL, "Make room in FASTCYCLE_HOME: old backups first, then logs. Never the database."
    ),
    rules.DRAWDOWN.code: AlertKind(
        AlertLevel.WARNING,
        "Look at the losing workers; stop or drain them. A daily limit stops by itself.",
        page=links.TODAY,
    ),
    rules.EXCEPTIONS.code: AlertKind(
        AlertLevel.WARNING,
        "Read the traceback in the log that is named, and report it.",
        causes=(_REDIS, *_DATABASE, _VENUE),
    ),
    rules.RESTARTS.code: AlertKind(
        AlertLevel.WARNING,
        "Look at the last lines of the log of the process that died.",
        causes=(rules.PROCESS_MISSING.code, _REDIS),
    ),
}
