"""Proportional memory (PSS) of every process of the stack, the paper venue apart, under load."""

import time
from typing import Any

import psutil

from bench.latency import WILLING
from bench.stack import Stack, running, wait_until
from trading.paper.catalogue_symbols import known_symbols

SYMBOLS = 50
WORKERS = 10
CLOSED = "select count(*) from trading_trade where state = 'CLOSED'"
MIB = 1024 * 1024


def measure(*, seconds: float = 60.0) -> dict[str, Any]:
    """Trade with 10 workers on 50 symbols for a while and give MiB by process."""
    with running("--symbols", _symbols(), "--seed", "11", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        for number in range(WORKERS):
            _create(stack, number)

        def trades() -> bool:
            """closed trades"""
            return bool(stack.rows(CLOSED)[0][0] >= 20)

        wait_until(trades, limit_s=120)
        time.sleep(seconds)
        return _read(stack)


def _create(stack: Stack, number: int) -> None:
    parameters = [part for each in WILLING for part in ("--param", each)]
    stack.create_worker(
        f"bench {number}",
        *("--strategy", "DIP_REVERSION", "--quote-asset", "USDT", "--top", str(SYMBOLS), "--interval", "1s"),
        *("--trade-notional", "50", "--budget", "500", "--max-open-trades", "10"),
        *("--take-profit-bps", "30", "--stop-loss-bps", "30", "--max-hold-s", str(10 + number)),
        *("--max-spread-bps", "100", *parameters),
    )


def _symbols() -> str:
    return ",".join(known_symbols()[:SYMBOLS])


def _read(stack: Stack) -> dict[str, Any]:
    parent = psutil.Process(stack.process.pid)
    by_process = {"supervisor": parent.memory_full_info().pss / MIB}
    for process in parent.children(recursive=True):
        name = _name(" ".join(process.cmdline()))
        if name != "paper":
            by_process[name] = by_process.get(name, 0.0) + process.memory_full_info().pss / MIB
    return {"total_mib": sum(by_process.values()), "by_process_mib": by_process}


def _name(line: str) -> str:
    for mark, name in (("trading.paper", "paper"), ("redis.sock", "redis"), ("/bin/sh", "guard")):
        if mark in line:
            return name
    return line.removeprefix("fast-cycle: ").strip()
