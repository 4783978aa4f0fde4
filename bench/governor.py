"""Eight processes that together want ten times the request budget of one address, over a minute boundary.

The venue is a real process with lowered limits; what it refused is read from its own tally, not from ours.
What an exit waits is taken from the call to the moment its bytes are handed to the socket: breaker, clock,
reservation, signature. Everything that the governor refuses is counted as a wish that was not served.
"""

import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import redis

from bench.stack import ROOT, free_port, quantile, wait_until
from tests.support.servers import run_redis
from trading.domain.orders import OrderIntent, OrderType, Side, TimeInForce
from trading.domain.ports import OrderNotFound, VenueError, VenueUnavailable
from trading.domain.values import OrderRole, client_order_id
from trading.exchange.api_figures import read_statistics
from trading.exchange.client import BinanceVenue
from trading.exchange.throttle import Throttle

PROCESSES = 8
SYMBOL = "BTCUSDT"
QTY = Decimal("0.001")
REQUESTS_1M = 600
TIMES_THE_BUDGET = 10
LOWERED: dict[str, Any] = {
    "limits": {"weight_limit": 4000, "raw_limit": 20_000},
    "order_limits": {"10s": 40, "1d": 2000},
}
# Parts of what is wanted. Exits want about what is left to them alone (a tenth of 600), evenly spread.
WISHES = {"data": 0.70, "account": 0.14, "entry": 0.10, "cancel": 0.05, "exit": 0.008}
CODES_429 = ("-1003", "-1015", "429", "418")
MINUTE_S = 60


@dataclass
class Said:
    """What one process did: wishes and answers by class, waits of exits in ms."""

    wanted: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    exit_waits_ms: list[float] = field(default_factory=list)
    refusal_ms: list[float] = field(default_factory=list)


def measure(*, seconds: float = 95.0) -> dict[str, Any]:
    """Run for so long (at least one minute boundary) and give counts, shares and waits."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, _venue(Path(folder)) as port:
        socket = Path(folder) / "redis.sock"
        with run_redis(socket):
            account = _account(port, socket)
            account.instruments()  # the limits of exchangeInfo reach all processes through Redis
            minutes = _Minutes(port)
            said = _run_all(port, socket, seconds=seconds)
            minutes.stop()
            status = _ask(port, "status")
            shown = read_statistics(redis.Redis(unix_socket_path=str(socket)), now=datetime.now(UTC))
            account.close()
    return _report(said, status, minutes, seconds=seconds) | {
        "headroom_at_the_end": shown.headroom,
        "breakers_open": list(shown.breakers),
        "clock_error_ms": round(shown.clock.error_ms, 2) if shown.clock else None,
    }


@contextmanager
def _venue(home: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "trading.paper", "--port", str(port), "--symbols", SYMBOL]
    command += ["--state", str(home / "venue.jsonl"), "--balance", "USDT=1000000,BTC=10"]
    with subprocess.Popen(command, cwd=ROOT) as process:

        def is_up() -> bool:
            """the venue's answer"""
            try:
                return bool(_ask(port, "status"))
            except OSError:
                return False

        wait_until(is_up, limit_s=30, every_s=0.1)
        _ask(port, "control", LOWERED)
        try:
            yield port
        finally:
            process.terminate()
            process.wait(timeout=10)


def _ask(port: int, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/paper/{what}", data=data, timeout=10) as reply:
        answer: dict[str, Any] = json.loads(reply.read())
    return answer


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _account(port: int, socket: Path) -> BinanceVenue:
    return BinanceVenue(
        rest_url=f"http://127.0.0.1:{port}/api",
        api_key="paper",
        api_secret="paper",  # noqa: S106 -- the documented key of a venue that holds no money
        throttle=Throttle(redis.Redis(unix_socket_path=str(socket)), clock=_utc_now, requests_1m=REQUESTS_1M),
        clock=_utc_now,
    )


def _run_all(port: int, socket: Path, *, seconds: float) -> list[Said]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES) as pool:
        starts_at = time.time() + 5.0  # processes start together once all are there
        tasks = [(port, socket, number, starts_at, seconds) for number in range(PROCESSES)]
        return pool.starmap(_wish, tasks, chunksize=1)


def _wish(port: int, socket: Path, number: int, starts_at: float, seconds: float) -> Said:
    """Be one process: want its part of ten budgets, evenly spread, whatever is refused."""
    account, dice, said = _account(port, socket), Random(number), Said()
    account.sync_clock()
    acts = _acts(account, number, said)
    per_s = TIMES_THE_BUDGET * REQUESTS_1M / MINUTE_S / PROCESSES
    time.sleep(max(starts_at - time.time(), 0))
    began = time.monotonic()
    for turn in range(round(per_s * seconds)):
        time.sleep(max(began + turn / per_s - time.monotonic(), 0))
        name = dice.choices(list(WISHES), list(WISHES.values()))[0]
        said.wanted[name] += 1
        asked_s = time.perf_counter()
        try:
            acts[name](turn)
        except VenueUnavailable:
            said.refused[name] += 1
            said.refusal_ms.append((time.perf_counter() - asked_s) * 1000)
        except (VenueError, OrderNotFound):
            said.sent[name] += 1
        else:
            said.sent[name] += 1
    account.close()
    return said


def _acts(account: BinanceVenue, number: int, said: Said) -> dict[str, Callable[[int], object]]:
    def intent(turn: int, role: OrderRole, kind: OrderType, side: Side, **terms: Any) -> OrderIntent:
        name = client_order_id(f"G{number:01d}T{turn:012d}", role, 1)
        return OrderIntent(name, SYMBOL, role, side, kind, QTY, **terms)

    def leave(turn: int) -> None:
        asked_at = datetime.now(UTC)
        report = account.submit_order(intent(turn, OrderRole.EXIT, OrderType.MARKET, Side.SELL))
        if report.request_left_at is not None:
            said.exit_waits_ms.append((report.request_left_at - asked_at).total_seconds() * 1000)

    def enter(turn: int) -> None:
        # Far below the market and good for no moment: it uses up the order count and fills nothing.
        terms = {"price": Decimal(20_000), "time_in_force": TimeInForce.IOC}
        account.submit_order(intent(turn, OrderRole.ENTRY, OrderType.LIMIT, Side.BUY, **terms))

    return {
        "data": lambda turn: account.candles(SYMBOL, "1m", limit=20),
        "account": lambda turn: account.balances(),
        "entry": enter,
        "cancel": lambda turn: account.cancel_order(SYMBOL, f"fc-N{number}T{turn}-S1"),
        "exit": leave,
    }


class _Minutes:
    """Counts the venue's answered calls by minute of the clock, from outside."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._done = threading.Event()
        self._seen: dict[int, list[int]] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            status = _ask(self._port, "status")
            self._seen.setdefault(int(status["time_ms"]) // 60_000, []).append(_calls(status).total())

    def stop(self) -> None:
        """End the count."""
        self._done.set()
        self._thread.join()

    def highest(self) -> int:
        """Give the most calls of one minute; the fifth of a second at each end is the count's own error."""
        return max(totals[-1] - totals[0] for totals in self._seen.values())

    def boundaries(self) -> int:
        """Give how many minutes turned."""
        return len(self._seen) - 1


def _calls(status: dict[str, Any]) -> Counter[str]:
    return Counter({method: sum(outcomes.values()) for method, outcomes in status["calls"].items()})


def _report(said: list[Said], status: dict[str, Any], minutes: _Minutes, *, seconds: float) -> dict[str, Any]:
    wanted, sent, refused = Counter[str](), Counter[str](), Counter[str]()
    for each in said:
        wanted += each.wanted
        sent += each.sent
        refused += each.refused
    outcomes = Counter[str]()
    for answers in status["calls"].values():
        outcomes.update(answers)
    waits = [wait for each in said for wait in each.exit_waits_ms]
    refusals = [wait for each in said for wait in each.refusal_ms]
    return {
        "processes": PROCESSES,
        "seconds": seconds,
        "minute_boundaries": minutes.boundaries(),
        "wanted_per_minute": round(wanted.total() / seconds * 60),
        "requests_allowed_per_minute": REQUESTS_1M,
        "requests_in_the_fullest_minute_at_the_venue": minutes.highest(),
        "venue_429_and_418": sum(outcomes[code] for code in CODES_429),
        "venue_outcomes": dict(outcomes),
        "peak_weight_1m": status["peak_weight_1m"],
        "weight_limit_1m": status["weight_limit_1m"],
        "exit_wait_ms": {
            "p50": round(quantile(waits, 0.5), 2),
            "p99": round(quantile(waits, 0.99), 2),
            "max": round(max(waits), 2),
            "count": len(waits),
        },
        "refusal_ms": {"p50": round(quantile(refusals, 0.5), 2), "p99": round(quantile(refusals, 0.99), 2)},
        "by_class": {
            name: {"wanted": wanted[name], "sent": sent[name], "refused": refused[name]} for name in WISHES
        },
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
