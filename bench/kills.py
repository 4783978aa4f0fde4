"""kill -9 of each process in turn while trading: seconds until it is back, and what the oracles say.

Afterwards entries are stopped, everything is sold, and the ledger is compared with the venue's own.
"""

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import redis

from bench import oracles
from bench.coverage import gaps
from bench.facts import read_facts
from bench.hands import find_process
from bench.latency import SYMBOLS, WILLING
from bench.mischief import FORKED
from bench.stack import Stack, start, wait_until


def measure(*, pause_s: float = 6.0, rounds: int = 2) -> dict[str, Any]:
    """Kill every process so many times, then the supervisor with all of them; start again and judge."""
    options = ("--symbols", SYMBOLS, "--seed", "5", "--balance", "USDT=1000000")
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder:
        back: dict[str, list[float]] = {}
        with start(Path(folder), *options) as stack:
            _begin(stack)
            time.sleep(pause_s)
            for _ in range(rounds):
                for name in (*FORKED, "paper", "redis"):
                    back.setdefault(name, []).append(_kill(stack, name))
                    time.sleep(pause_s)
            family = psutil.Process(stack.process.pid).children(recursive=True)
            stack.process.kill()
            gone, alive = psutil.wait_procs(family, timeout=10)
        with start(Path(folder), *options) as stack:
            return {
                "back_s": {name: max(times) for name, times in back.items()},
                "left_after_supervisor_was_killed": len(alive),
                "ended_with_it": len(gone),
                "ready_again_s": stack.ready_s,
                **_judge(stack),
            }


def _begin(stack: Stack) -> None:
    stack.delete_starters()
    stack.create_worker(
        "bench",
        *("--strategy", "DIP_REVERSION", "--symbols", SYMBOLS, "--interval", "1s"),
        *("--trade-notional", "100", "--budget", "100000", "--max-open-trades", "100"),
        *("--take-profit-bps", "20", "--stop-loss-bps", "20", "--max-hold-s", "8"),
        *("--max-spread-bps", "100", *(part for each in WILLING for part in ("--param", each))),
    )


def _kill(stack: Stack, name: str) -> float:
    old = _pid(stack, name)
    assert old is not None
    os.kill(old, signal.SIGKILL)

    def is_back() -> bool:
        """the killed process under another pid, with a heartbeat"""
        new = _pid(stack, name)
        return new is not None and new != old

    return wait_until(is_back, limit_s=30, every_s=0.02)


def _pid(stack: Stack, name: str) -> int | None:
    if name in FORKED:
        try:
            with redis.Redis(unix_socket_path=str(stack.home / "redis" / "redis.sock")) as client:
                value = client.get(f"fc:process:{name}")
        except redis.ConnectionError:
            return None
        return int(json.loads(value)["pid"]) if isinstance(value, bytes) else None
    return find_process(stack, name)


def _judge(stack: Stack) -> dict[str, Any]:
    stack.manage("kill", "--level", "flatten")

    def is_flat() -> bool:
        """no open trade and no unknown order"""
        stack.manage("reconcile", "--json")
        return not oracles.judge(read_facts(stack), ("left",))

    wait_until(is_flat, limit_s=90, every_s=1)
    facts = read_facts(stack)
    return {
        "closed": sum(row["state"] == "CLOSED" for row in facts.trades),
        "fills": len(facts.fills),
        "longest_unprotected_s": max((gap.length_s for gap in gaps(facts)), default=0.0),
        "violations": oracles.judge(facts),
    }
