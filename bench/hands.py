"""The hands of chaos: carries out one act on the running stack and says what came of it.

An act that finds nobody (the venue or Redis is down at that moment), or that the venue refuses, is left out
and says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psutil
from binance.client import Client
from binance.exceptions import BinanceAPIException, BinanceRequestException
from celery import Celery
from kombu.exceptions import OperationalError
from requests import RequestException

from bench.mischief import FORKED, Act
from bench.stack import Stack

MARKS = {"paper": "trading.paper", "redis": "redis.sock"} | {name: f"fast-cycle: {name}" for name in FORKED}
NOBODY = "nobody there"
# A broken answer of the venue breaks python-binance in ways of its own.
HAND_FAILURES = (
    BinanceAPIException,
    BinanceRequestException,
    RequestException,
    AttributeError,
    TypeError,
    ValueError,
)
HAND_SIZES = {"BTCUSDT": "0.0012", "ETHUSDT": "0.02", "ADAUSDT": "150"}
RECENT = """
    select symbol, candle_open_at, version.interval from trading_trade trade
    join trading_workerversion version on version.id = trade.version_id
    order by trade.id desc limit 6
"""


def find_process(stack: Stack, name: str) -> int | None:
    """Give the pid of a role's living process, or None."""
    for child in psutil.Process(stack.process.pid).children():
        try:
            if MARKS[name] in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                return child.pid
        except psutil.NoSuchProcess:
            continue
    return None


def carry_out(act: Act, stack: Stack) -> str:
    """Do it, and say in a few words what came of it. A restart is the caller's."""
    match act.kind:
        case "fault":
            return _arm(act.details, stack)
        case "kill":
            return _kill(act.what, stack)
        case "freeze":
            return _freeze(act.what, stack, **act.details)
        case "task":
            return _publish(act.what, stack, **act.details)
        case _:
            return _meddle(act, stack)


def _arm(request: Mapping[str, Any], stack: Stack) -> str:
    try:
        stack.tell_venue("/paper/faults", request)
    except OSError:
        return NOBODY
    except SystemExit as refusal:  # such as a symbol that another fault has just taken off the list
        return f"refused: {refusal}"
    return "armed"


def _kill(name: str, stack: Stack) -> str:
    pid = find_process(stack, name)
    if pid is None:
        return NOBODY
    os.kill(pid, signal.SIGKILL)
    return f"pid {pid}"


def _freeze(name: str, stack: Stack, *, for_s: float) -> str:
    pid = find_process(stack, name)
    if pid is None:
        return NOBODY
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(for_s, _thaw, [pid]).start()
    return f"pid {pid}"


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # killed meanwhile
        os.kill(pid, signal.SIGCONT)


def _publish(name: str, stack: Stack, *, times: int, late_s: int) -> str:
    """Give a task to the queue again and again, as a broker may."""
    arguments = _arguments(name, stack)
    if arguments is None:
        return "no trade to repeat"
    with _broker(stack) as app:
        try:
            for _ in range(times):
                app.send_task(
                    f"trading.{name}",
                    kwargs=arguments,
                    queue="trading",
                    ignore_result=True,
                    countdown=late_s or None,
                    retry=False,
                )
        except (OperationalError, OSError):
            return NOBODY
    return "sent"


def _arguments(name: str, stack: Stack) -> dict[str, Any] | None:
    if name == "run_upkeep":
        return {}
    if name == "reconcile":
        return {"reason": "schedule"}
    recent = stack.rows(RECENT)
    if not recent:
        return None
    if name == "run_triggers":
        return {"symbols": sorted({row[0] for row in recent})}
    # The very candles of the newest trades: each of these decisions was taken already.
    closed = [[symbol, interval, _ms(open_at)] for symbol, open_at, interval in recent]
    return {"closed": closed, "arrived_ms": time.time_ns() // 1_000_000}


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _broker(stack: Stack) -> Celery:
    app = Celery(
        "chaos", broker=f"redis+socket://{stack.home}/redis/redis.sock?virtual_host=0", set_as_current=False
    )
    app.conf.broker_transport_options = {"global_keyprefix": "fc:celery:", "max_retries": 1}
    app.conf.task_ignore_result = True
    return app


def _meddle(act: Act, stack: Stack) -> str:
    if act.what in ("deposit", "withdraw"):
        try:
            stack.tell_venue("/paper/control", {act.what: dict(act.details)})
        except OSError:
            return NOBODY
        except SystemExit as refusal:  # more than there is
            return f"refused: {refusal}"
        return "done"
    symbol = act.details["symbol"]
    try:
        _by_hand(stack).create_order(
            symbol=symbol, side=act.what.upper(), type="MARKET", quantity=HAND_SIZES[symbol]
        )
    except HAND_FAILURES as error:
        return f"refused: {str(error)[:80]}"
    return "done"


def _by_hand(stack: Stack) -> Client:
    class Hand(Client):  # type: ignore[misc]  # python-binance carries no types
        API_URL = f"http://127.0.0.1:{stack.paper_port}/api"

    return Hand("paper", "paper", ping=False, requests_params={"timeout": 5})
