"""From the closing candle's frame arriving to the order's bytes leaving, on symbols that close together.

The floor is a bare python-binance order on the same loopback in the same run: call to reply. Bare orders are
spread over the run and over every moment of a second, so that both meet the same machine. Beside our own
stamps stands the venue's view, which nobody of ours can flatter: closing boundary to acceptance.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

from binance.client import Client

from bench.stack import ROOT, Stack, quantile, running, wait_until

SYMBOLS = (
    "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT,XRPUSDT,ADAUSDT,DOGEUSDT,LTCUSDT,LINKUSDT,DOTUSDT,AVAXUSDT,TRXUSDT,"
    "UNIUSDT,ATOMUSDT,ETCUSDT,FILUSDT,NEARUSDT,APTUSDT,ARBUSDT,OPUSDT"
)
# Nobody of ours trades it, so that the floor's orders touch no trade.
FLOOR_SYMBOL = "XLMUSDT"
FLOOR_EVERY_S = 0.37  # no divisor of a second: the orders fall on every moment of it
# As willing as the strategy can be set: entries come from many symbols at the same second.
WILLING = ("z_entry=0.5", "rsi_entry=60", "reward_bps=0", "trend_fall_bps=2000", "volume_ratio=100")
STAGES = ("frame to decision", "decision to claim", "claim to bytes")
LATENCIES = """
    select t.symbol, t.candle_open_at, o.venue_order_id, t.signal_arrived_at, t.decided_at, o.submitted_at,
           o.left_at
    from trading_order o join trading_trade t on t.id = o.trade_id
    where o.role = 'ENTRY' and o.left_at is not null and t.signal_arrived_at is not null
"""
UNSENT = "select count(*) from trading_order where role = 'ENTRY' and reason = 'NOT_SENT'"
LIMIT_S = 600.0


def measure(*, entries: int = 200, workers: int = 50) -> dict[str, Any]:
    """Run until so many entries have left, and give quantiles in ms and their ratios to the floor."""
    with running(
        "--symbols", f"{SYMBOLS},{FLOOR_SYMBOL}", "--seed", "11", "--balance", "USDT=1000000"
    ) as stack:
        stack.delete_starters()
        hire(stack, workers)

        def is_trading() -> bool:
            """the first entry"""
            return bool(stack.rows(LATENCIES))

        wait_until(is_trading, limit_s=LIMIT_S, every_s=0.5)
        before = len(stack.rows(LATENCIES))

        def is_enough() -> bool:
            """entries that left"""
            return len(stack.rows(LATENCIES)) >= before + entries

        with Floor(stack) as floor:
            wait_until(is_enough, limit_s=LIMIT_S, every_s=2.0)
        load = os.getloadavg()[0]
        rows = stack.rows(LATENCIES)[before:]
        unsent = stack.rows(UNSENT)[0][0]
        accepted = {
            (order["symbol"], order["orderId"]): order for order in stack.ask_venue("/paper/ledger")["orders"]
        }
    return {
        "workers": workers,
        **_report(rows, accepted, floor.times_ms),
        "not_sent": unsent,
        "load_1m": load,
    }


def hire(stack: Stack, count: int) -> None:
    """Let so many willing workers act on all symbols of a running stack, set in five ways."""
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "fastcycle.settings"}
    subprocess.run([sys.executable, "-m", "bench.crowd", str(count)], env=environment, cwd=ROOT, check=True)


class Floor:
    """Times bare market orders of python-binance, which fill, from a thread until the block ends."""

    def __init__(self, stack: Stack) -> None:
        class Bare(Client):  # type: ignore[misc]  # python-binance carries no types
            API_URL = f"http://127.0.0.1:{stack.paper_port}/api"

        self.times_ms: list[float] = []
        self._client = Bare("paper", "paper", ping=False)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="floor")

    def __enter__(self) -> "Floor":
        self._thread.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        # What is bought is a little more than what is sold: the fee is taken from it.
        turns = ({"side": "BUY", "quantity": "102"}, {"side": "SELL", "quantity": "100"})
        while not self._is_over.wait(FLOOR_EVERY_S):
            began = time.perf_counter()
            self._client.create_order(symbol=FLOOR_SYMBOL, type="MARKET", **turns[len(self.times_ms) % 2])
            self.times_ms.append((time.perf_counter() - began) * 1000)


def _report(rows: list[tuple[Any, ...]], accepted: dict[Any, Any], floor: list[float]) -> dict[str, Any]:
    left, seen = [], []
    stages: dict[str, list[float]] = {name: [] for name in STAGES}
    for symbol, candle_open_at, venue_id, *moments in rows:
        at = [_ms(moment) for moment in moments]
        left.append(at[-1] - at[0])
        for name, (begin, end) in zip(STAGES, pairwise(at), strict=True):
            stages[name].append(end - begin)
        order = accepted.get((symbol, venue_id))
        if order is not None:
            seen.append(float(order["time"]) - (_ms(candle_open_at) + 1000))
    batches = Counter(row[1] for row in rows)
    ours, bare = _quantiles(left), _quantiles(floor)
    return {
        "entries": len(left),
        "entries_of_a_batch": {"p50": quantile(list(batches.values()), 0.5), "max": max(batches.values())},
        "frame_to_order_ms": {**ours, "max": max(left)},
        "boundary_to_accepted_ms": _quantiles(seen),
        "stages_ms": {name: _quantiles(times) for name, times in stages.items()},
        "bare_orders": len(floor),
        "bare_order_ms": {**bare, "p90": quantile(floor, 0.9), "max": max(floor)},
        "ratio": {name: ours[name] / bare[name] for name in ours},
    }


def _quantiles(times: list[float]) -> dict[str, float]:
    return {"p50": quantile(times, 0.5), "p99": quantile(times, 0.99)}


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000
