"""From the closing candle's frame arriving to the order's bytes leaving, on symbols that close together.

The floor is a bare python-binance order on the same loopback in the same run: call to reply. Beside our
own stamps stands the venue's view, which nobody of ours can flatter: closing boundary to acceptance.
"""

import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from typing import Any

from binance.client import Client

from bench.stack import ROOT, Stack, quantile, running, wait_until

SYMBOLS = (
    "BTCUSDT,ETHUSDT,BNBUSDT,SOLUSDT,XRPUSDT,ADAUSDT,DOGEUSDT,LTCUSDT,LINKUSDT,DOTUSDT,AVAXUSDT,TRXUSDT,"
    "UNIUSDT,ATOMUSDT,ETCUSDT,FILUSDT,NEARUSDT,APTUSDT,ARBUSDT,OPUSDT"
)
# As willing as the strategy can be set: entries come from many symbols at the same second.
WILLING = ("z_entry=0.5", "rsi_entry=60", "reward_bps=0", "trend_fall_bps=2000", "volume_ratio=100")
STAGES = ("frame to decision", "decision to claim", "claim to bytes")
LATENCIES = """
    select t.symbol, t.candle_open_at, o.venue_order_id, t.signal_arrived_at, t.decided_at, o.submitted_at,
           o.left_at
    from trading_order o join trading_trade t on t.id = o.trade_id
    where o.role = 'ENTRY' and o.left_at is not null and t.signal_arrived_at is not null
"""


def measure(*, entries: int = 200, workers: int = 50) -> dict[str, Any]:
    """Run until so many entries have left, and give quantiles in ms and their ratios to the floor."""
    with running("--symbols", SYMBOLS, "--seed", "11", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        hire(stack, workers)
        floor = _bare_orders(stack)

        def is_enough() -> bool:
            """entries that left"""
            return len(stack.rows(LATENCIES)) >= entries

        wait_until(is_enough, limit_s=600, every_s=2.0)
        rows = stack.rows(LATENCIES)
        accepted = {
            (order["symbol"], order["orderId"]): order for order in stack.ask_venue("/paper/ledger")["orders"]
        }
    return _report(rows, accepted, floor)


def hire(stack: Stack, count: int) -> None:
    """Let so many willing workers act on all symbols of a running stack, set in five ways."""
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "fastcycle.settings"}
    subprocess.run([sys.executable, "-m", "bench.crowd", str(count)], env=environment, cwd=ROOT, check=True)


def _bare_orders(stack: Stack, count: int = 200) -> list[float]:
    """Time bare orders of python-binance: small market orders, which fill and so use up no order count."""

    class Bare(Client):  # type: ignore[misc]  # python-binance carries no types
        API_URL = f"http://127.0.0.1:{stack.paper_port}/api"

    client = Bare("paper", "paper", ping=False)
    # What is bought is a little more than what is sold: the fee is taken from it.
    turns = ({"side": "BUY", "quantity": "0.00052"}, {"side": "SELL", "quantity": "0.0005"})
    times = []
    for number in range(count):
        began = time.perf_counter()
        client.create_order(symbol="BTCUSDT", type="MARKET", **turns[number % 2])
        times.append((time.perf_counter() - began) * 1000)
    return times


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
    p50, p99 = quantile(floor, 0.5), quantile(floor, 0.99)
    return {
        "entries": len(left),
        "frame_to_order_ms": {"p50": quantile(left, 0.5), "p99": quantile(left, 0.99), "max": max(left)},
        "boundary_to_accepted_ms": {"p50": quantile(seen, 0.5), "p99": quantile(seen, 0.99)},
        "stages_ms": {
            name: {"p50": quantile(times, 0.5), "p99": quantile(times, 0.99)}
            for name, times in stages.items()
        },
        "bare_order_ms": {"p50": p50, "p99": p99},
        "ratio": {"p50": quantile(left, 0.5) / p50, "p99": quantile(left, 0.99) / p99},
    }


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000
