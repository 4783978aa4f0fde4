"""The status of the whole system as one dictionary of documented shape, and as a table for people.

Called by the status command. The names of the fields are relied upon by scripts outside; what is not known
is null, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psutil
from django.conf import settings

from monitoring import live, rules
from monitoring.snapshot import bids_of, cache_figures, health_inputs, stream_json
from trading import events
from trading.domain.risk import TradingState
from trading.domain.values import to_ms
from trading.domain.workers import WorkerState
from trading.selectors import ledger, limits, overview, trades, workers
from trading.selectors.limits import LimitFigures
from trading.selectors.live import ApiFigures, LiveReading

MIB = 1024 * 1024


def build_status(*, now: datetime) -> dict[str, Any]:
    """Give the status; amounts are exact text, `alerts` are the points that health loses at this moment."""
    reading = live.read(now=now)
    inputs = health_inputs(reading, now=now)
    health = rules.judge(inputs)
    figures = overview.closed_figures(now=now)
    return {
        "health": health.score,
        "unknown": list(health.unknown),
        "venue": settings.VENUE.name,
        "trading_state": overview.get_trading_state(),
        "workers": [dict(events.worker_payload(worker)) for worker in workers.list_workers()],
        "open_trades": _open_trades(now=now),
        "closed_trades": sum(each["trades"] for each in figures),
        "figures": figures,
        "orders": trades.order_counts(),
        "feed": stream_json(reading.feed if reading else None),
        "user_stream": stream_json(reading.user_stream if reading else None),
        "api": asdict(reading.api if reading else ApiFigures()),
        "cache": cache_figures(reading, inputs.house),
        "reconcile": ledger.reconcile_figures(now=now),
        "alerts": [asdict(loss) for loss in health.losses],
        "processes": process_rows(reading),
        "unprotected_s_total": round(trades.unprotected_s_total(now=now), 3),
        "limits": limits.limit_figures(now=now, bids=bids_of(reading)),
    }


def _open_trades(*, now: datetime) -> list[dict[str, Any]]:
    rows = [events.trade_payload(trade) for trade in trades.list_open()]
    return [
        {
            **row,
            # What holds nothing yet needs no protection.
            "protected": row["is_protected"] or row["qty"] == "0",
            "unprotected_s": round(row["unprotected_s"] + _running_s(row, now_ms=to_ms(now)), 3),
        }
        for row in rows
    ]


def _running_s(row: events.TradePayload, *, now_ms: int) -> float:
    since_ms = row["unprotected_since_ms"]
    return max(now_ms - since_ms, 0) / 1000 if since_ms is not None else 0.0


def process_rows(reading: LiveReading | None) -> list[dict[str, Any]]:
    """Give each process of the stack on this machine with its memory."""
    found: list[tuple[str, int]] = [(each.name, each.pid) for each in reading.processes] if reading else []
    supervisor = _supervisor_pid([pid for _, pid in found])
    if supervisor is not None:
        found.append(("up", supervisor))
    redis_pid = live.redis_pid()
    if redis_pid is not None:
        found.append(("redis", redis_pid))
    first_names = {pid: name for name, pid in reversed(found)}
    # A role that runs in another's process (beat in the trader) adds nothing to a sum over all rows.
    within = {"rss_mb": 0.0, "pss_mb": 0.0}
    return [
        {"name": name, "pid": pid, **(_memory(pid) if first_names[pid] == name else within)}
        for name, pid in found
    ]


def _supervisor_pid(pids: Sequence[int]) -> int | None:
    """Give the `manage.py up` that started these processes; None where each was started alone."""
    for pid in pids:
        try:
            parent = psutil.Process(pid).parent()
            if parent is not None and "up" in parent.cmdline():
                return parent.pid
        except psutil.Error:
            continue
    return None


def _memory(pid: int) -> dict[str, float | None]:
    """Give the memory of a process on this machine; null where it is elsewhere, gone or not ours."""
    try:
        figures = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return {"rss_mb": None, "pss_mb": None}
    pss = getattr(figures, "pss", None)  # Linux only
    return {
        "rss_mb": round(figures.rss / MIB, 1),
        "pss_mb": round(pss / MIB, 1) if pss is not None else None,
    }


def to_text(status: Mapping[str, Any]) -> str:
    """Give the status as lines for a terminal."""
    lines = [
        f"health       {status['health']} of 100",
        *(f"             -{alert['points']} {alert['code']}: {alert['text']}" for alert in status["alerts"]),
        f"not known    {', '.join(status['unknown']) or 'nothing'}",
        f"venue        {status['venue']}",
        f"trading      {status['trading_state']}",
        f"feed         {_stream_line(status['feed'])}",
        f"user stream  {_stream_line(status['user_stream'])}",
        f"api          {_api_line(status['api'])}",
        f"reconcile    {_reconcile_line(status['reconcile'])}",
        f"unprotected  {status['unprotected_s_total']} s in all trades so far",
        f"orders       {_counts(status['orders'])}",
        f"closed       {status['closed_trades']} trades",
        *(
            f"             {row['pnl']} {row['quote_asset']} after {row['fees']} fees, {row['wins']} won"
            for row in status["figures"]
        ),
        *(f"limits       {line}" for row in status["limits"] for line in _limit_lines(row)),
        "",
        *_table(
            ("WORKER", "STATE", "STRATEGY", "INTERVAL", "BUDGET"),
            (
                (row["name"], _worker_state(row, status), row["strategy"], row["interval"], row["budget"])
                for row in status["workers"]
            ),
        ),
        "",
        *_table(
            ("OPEN TRADE", "STATE", "QTY", "ENTRY", "PROTECTED", "UNPROTECTED S"),
            (
                (
                    row["symbol"],
                    row["state"],
                    row["qty"],
                    row["avg_entry_price"],
                    "yes" if row["protected"] else "NO",
                    row["unprotected_s"],
                )
                for row in status["open_trades"]
            ),
        ),
        "",
        *_table(
            ("PROCESS", "PID", "RSS MB", "PSS MB"),
            ((row["name"], row["pid"], row["rss_mb"], row["pss_mb"]) for row in status["processes"]),
        ),
    ]
    return "\n".join(lines)


def _limit_lines(row: LimitFigures) -> list[str]:
    """Give what is limited in one quote asset, a line each."""
    asset = row["quote_asset"]
    texts = (
        ("max_exposure", f"{row['exposure']} {asset} at risk of {row['max_exposure']}"),
        (
            "max_symbol_exposure",
            f"{row['largest_symbol_exposure']} {asset} in one symbol of {row['max_symbol_exposure']}",
        ),
        ("max_daily_loss", f"{row['daily_loss']} {asset} lost today of {row['max_daily_loss']}"),
    )
    lines = [text for name, text in texts if row[name] is not None]  # type: ignore[literal-required]  # the three limits
    return [*lines, f"DAILY LOSS REACHED in {asset}: no new entries"] if row["daily_loss_reached"] else lines


def _worker_state(row: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Give a worker's state, with what keeps an active one from entering."""
    is_held = row["state"] == WorkerState.ACTIVE and status["trading_state"] != TradingState.ACTIVE
    return f"{row['state']}, but {status['trading_state']}" if is_held else str(row["state"])


def _stream_line(stream: Mapping[str, Any] | None) -> str:
    if stream is None:
        return "not known"
    state = "connected" if stream["connected"] else "NOT CONNECTED"
    return f"{state}, newest message {_known(stream['age_ms'])} ms old, up {_percent(stream['uptime_ratio'])}"


def _reconcile_line(newest: Mapping[str, Any] | None) -> str:
    if newest is None:
        return "none has ended yet"
    differs = ", ".join(f"{each['difference']} {each['asset']}" for each in newest["differences"])
    found = "clean" if newest["clean"] else f"NOT CLEAN: {newest['unknown_orders']} unknown orders"
    foreign = f", {newest['foreign_orders']} foreign orders" if newest["foreign_orders"] else ""
    return f"{found}{f', differs by {differs}' if differs else ''}{foreign}, {newest['age_s']:.0f} s ago"


def _api_line(api: Mapping[str, Any]) -> str:
    weight = f"weight {_known(api['weight_1m'])} of {_known(api['weight_limit'])}"
    return f"{weight}, {_known(api['requests_1m'])} requests, {_percent(api['errors_ratio'])} failed"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items())) or "none"


def _known(value: object) -> str:
    return "?" if value is None else str(value)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    cells = [head, *(tuple(_known(value) for value in row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _percent(ratio: float | None) -> str:
    return "?" if ratio is None else f"{ratio:.2%}"
