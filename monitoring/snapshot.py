"""The dashboard's whole state as typed dictionaries: what is stored, and what is live.

Called by the consumer and the status command. Each stored part has the very shape of its event's payload,
so that an old snapshot plus the events since is a new snapshot. Reads only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypedDict

from intelligence.standing import list_drifted
from monitoring import live, rows, rules
from monitoring.models import Alert
from trading import events
from trading.domain.risk import TradingState
from trading.domain.values import to_ms
from trading.selectors import account, ledger, limits, overview, trades, work, workers
from trading.selectors.limits import LimitFigures
from trading.selectors.live import LiveReading, StreamStatus, WhyNot

CLOSED_TRADES = 30
ORDERS = 30
ALERTS = 12
# Of a worker's newest decisions; all of them are on the page that asks why.
DECISIONS_SHOWN = 1
JOURNAL_ROWS = 30
# The sum reads every trade (34 ms with 100,000 of them), and each open page asks every second.
TOTAL_KEPT = timedelta(seconds=10)


class Snapshot(TypedDict):
    """Everything stored that the dashboard shows; events numbered above `seq` come on top."""

    seq: int
    at_ms: int
    control: events.ControlPayload
    workers: list[events.WorkerPayload]
    open_trades: list[events.TradePayload]
    closed_trades: list[events.TradePayload]
    orders: list[events.OrderPayload]
    journal: list[events.JournalPayload]
    figures: list[overview.ClosedFigures]
    today: list[account.DayFigures]
    worker_figures: list[account.WorkerFigures]
    tick_sizes: dict[str, str]
    live: Live


class AlertRow(TypedDict):
    """One alert that is not over, and what to do about it."""

    id: int
    code: str
    level: str
    text: str
    todo: str
    opened_at_ms: int
    acknowledged_by: str


class Live(TypedDict):
    """What has no number: streams, prices, health. It is sent again and again."""

    at_ms: int
    health: dict[str, Any]
    feed: dict[str, Any] | None
    user_stream: dict[str, Any] | None
    api: dict[str, Any]
    cache: dict[str, Any]
    processes: list[dict[str, Any]]
    why_not: dict[int, WhyNot]
    unprotected_s_total: float
    limits: list[LimitFigures]
    holdings: list[account.Holdings]
    alerts: list[AlertRow]
    work: list[dict[str, Any]]
    prices: list[list[Any]]


def build_snapshot(*, now: datetime) -> Snapshot:
    """Read the stored state with the number of the newest event that it surely contains.

    The number is read first: an event that is sent while the rows are read is then applied once more,
    which changes nothing, instead of being lost.
    """
    reading = live.read(now=now)
    control = overview.get_control()
    open_trades = trades.list_open()
    quoted = set(reading.quotes) if reading else set()
    return Snapshot(
        seq=reading.seq if reading else 0,
        at_ms=to_ms(now),
        control=events.control_payload(control) if control else _never_set(),
        workers=[events.worker_payload(worker) for worker in workers.list_workers()],
        open_trades=[events.trade_payload(trade) for trade in open_trades],
        closed_trades=[events.trade_payload(trade) for trade in trades.list_closed(CLOSED_TRADES)],
        orders=[events.order_payload(order) for order in overview.list_orders(ORDERS)],
        journal=[events.journal_payload(entry) for entry in overview.list_journal(JOURNAL_ROWS)],
        figures=overview.closed_figures(now=now),
        today=account.day_figures(now=now),
        worker_figures=account.worker_figures(now=now),
        tick_sizes=overview.tick_sizes(quoted | {trade.symbol for trade in open_trades}),
        live=build_live(now=now, reading=reading, with_prices=True),
    )


def cache_figures(reading: LiveReading | None, house: rules.HouseInputs | None) -> dict[str, float | None]:
    """Give the part of the questions for prices that the cache answered: in ten minutes, and in all."""
    return {
        "hit_ratio": house.cache_hit_ratio if house else None,
        "hit_ratio_since_start": reading.cache.hit_ratio if reading else None,
    }


def build_live(*, now: datetime, reading: LiveReading | None, with_prices: bool = False) -> Live:
    """Judge one reading; prices are left out where the feed's own messages carry them."""
    worker_ids = [worker.id for worker in workers.list_workers()]
    inputs = health_inputs(reading, now=now)
    health = rules.judge(inputs)
    quotes = reading.quotes.items() if reading and with_prices else ()
    return Live(
        at_ms=to_ms(now),
        health={
            "score": health.score,
            "losses": [asdict(loss) for loss in health.losses],
            "unknown": list(health.unknown),
        },
        feed=stream_json(reading.feed if reading else None),
        user_stream=stream_json(reading.user_stream if reading else None),
        api=asdict(reading.api) if reading else {},
        cache=cache_figures(reading, inputs.house),
        processes=[asdict(process) for process in reading.processes] if reading else [],
        why_not=live.read_why_not(worker_ids, shown=DECISIONS_SHOWN) if reading else {},
        unprotected_s_total=_unprotected_total(now=now),
        limits=limits.limit_figures(now=now, bids=bids_of(reading)),
        holdings=account.list_holdings(),
        alerts=[_alert_row(alert) for alert in rows.newest_open(ALERTS)],
        work=[asdict(each) for each in (*work.running_out(now=now), *live.read_work(now=now))],
        prices=[[symbol, quote["bid"], quote["ask"], quote["arrival_ms"]] for symbol, quote in quotes],
    )


def _alert_row(alert: Alert) -> AlertRow:
    return AlertRow(
        id=alert.pk,
        code=str(alert),
        level=alert.level,
        text=alert.text,
        todo=alert.todo,
        opened_at_ms=to_ms(alert.opened_at),
        acknowledged_by=alert.acknowledged_by,
    )


@dataclass(slots=True)
class _Kept:
    """A figure and the moment it was read."""

    value: float
    at: datetime


_total: list[_Kept] = []


def _unprotected_total(*, now: datetime) -> float:
    """Give the unprotected seconds of all trades, read again after TOTAL_KEPT for all pages together."""
    if not _total or not timedelta(0) <= now - _total[-1].at < TOTAL_KEPT:
        _total[:] = [_Kept(round(trades.unprotected_s_total(now=now), 3), now)]
    return _total[-1].value


def unprotected_symbols(*, now: datetime) -> tuple[str, ...]:
    """Give the symbols of positions that are held and have been bare for longer than a fill may take."""
    bare_since = now - rules.BARE_AFTER
    return tuple(
        trade.symbol
        for trade in trades.list_open()
        if trade.unprotected_since is not None and trade.unprotected_since <= bare_since and trade.qty > 0
    )


@dataclass(frozen=True, slots=True)
class StoredInputs:
    """What the database adds to the health of this moment."""

    unprotected_symbols: tuple[str, ...] = ()
    reconcile: rules.ReconcileInputs | None = None
    drifted_models: tuple[str, ...] = ()


def read_stored(*, now: datetime) -> StoredInputs:
    """Ask the database what is unprotected, what the newest reconcile found, and which models drifted."""
    reconciled = _reconcile_inputs(ledger.reconcile_figures(now=now))
    return StoredInputs(unprotected_symbols(now=now), reconciled, list_drifted())


def health_inputs(reading: LiveReading | None, *, now: datetime) -> rules.HealthInputs:
    """Put one reading, what the database knows and what the watch measured into the terms of the rules."""
    return put_together(reading, read_stored(now=now), live.read_house() if reading else None)


def put_together(
    reading: LiveReading | None, stored: StoredInputs | None, house: rules.HouseInputs | None
) -> rules.HealthInputs:
    """Put what three places know into the terms of the health rules; None = that place does not answer."""
    feed = reading.feed if reading else None
    user_stream = reading.user_stream if reading else None
    api = reading.api if reading else None
    return rules.HealthInputs(
        is_reading=reading is not None,
        feed_is_connected=feed.is_connected if feed else None,
        price_age_s=_seconds(feed),
        user_stream_is_connected=user_stream.is_connected if user_stream else None,
        user_stream_age_s=_seconds(user_stream),
        unprotected_symbols=stored.unprotected_symbols if stored else (),
        weight_ratio=api.weight_ratio if api else None,
        error_ratio=api.errors_ratio if api else None,
        processes=frozenset(process.name for process in reading.processes) if reading else frozenset(),
        reconcile=stored.reconcile if stored else None,
        house=house,
        is_stored=stored is not None,
        blocked_s=api.blocked_s if api else None,
        breakers=api.breakers if api else (),
        drifted_models=stored.drifted_models if stored else (),
    )


def _reconcile_inputs(newest: ledger.ReconcileFigures | None) -> rules.ReconcileInputs | None:
    if newest is None:
        return None
    return rules.ReconcileInputs(
        age_s=newest["age_s"],
        different_assets=tuple(each["asset"] for each in newest["differences"]),
        unknown_orders=newest["unknown_orders"],
        missing_symbols=ledger.list_lacking(),
    )


def _seconds(stream: StreamStatus | None) -> float | None:
    return stream.age_ms / 1000 if stream and stream.age_ms is not None else None


def bids_of(reading: LiveReading | None) -> dict[str, Decimal] | None:
    """Give the best bids of a reading; None where nothing could be read."""
    return {symbol: Decimal(quote["bid"]) for symbol, quote in reading.quotes.items()} if reading else None


def stream_json(stream: StreamStatus | None) -> dict[str, Any] | None:
    """Give a stream's status in the names that scripts outside rely on."""
    if stream is None:
        return None
    figures = asdict(stream)
    return {"connected": figures.pop("is_connected"), **figures}


def _never_set() -> events.ControlPayload:
    return events.ControlPayload(
        state=TradingState.ACTIVE.value, changed_at_ms=None, changed_by="", reason="never changed"
    )
