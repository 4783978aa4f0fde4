"""`python -m bench onlookers`: fifty dashboards open at once, and what they cost an order.

Orders are timed as in bench/latency.py, in windows without dashboards before and after one with them, so that
a machine that changes is seen. The dashboards are sockets that answer as the page's script does; one more
never answers, as a page asleep: it must be sent next to nothing, and nothing may be kept for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import psutil

from bench.hands import find_process
from bench.latency import LATENCIES, SYMBOLS, hire
from bench.stack import Stack, quantile, running, wait_until
from bench.visitor import cookie_header, log_in

DASHBOARDS = 50
WORKERS = 20
CONNECT_LIMIT_S = 60.0
SAMPLE_EVERY_S = 5.0
MIB = 1024 * 1024
BAR_RATIO = 1.1


@dataclass(slots=True)
class Dashboard:
    """One open page: what it was sent. `answers` as a page does that is awake."""

    answers: bool = True
    messages: int = 0
    bytes: int = 0
    is_live: bool = False

    async def look(self, address: str, headers: dict[str, str], is_over: asyncio.Event) -> None:
        """Stay connected until told otherwise."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, headers=headers, max_msg_size=0) as socket,
        ):
            while not is_over.is_set():
                try:
                    message = await socket.receive(timeout=1.0)
                except TimeoutError:
                    continue
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise SystemExit(f"a dashboard was closed: {message}")
                self.messages += 1
                self.bytes += len(message.data)
                self.is_live = True
                if self.answers and '"type":"live"' in message.data[:40]:
                    await socket.send_str("heard")


@dataclass
class Crowd:
    """Many dashboards in a thread of their own, from entering the block to its end."""

    stack: Stack
    count: int
    pages: list[Dashboard] = field(default_factory=list)

    def __enter__(self) -> Crowd:
        self.pages = [*(Dashboard() for _ in range(self.count)), Dashboard(answers=False)]
        self._loop = asyncio.new_event_loop()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="crowd")
        self._thread.start()

        def all_live() -> bool:
            """every dashboard has its snapshot"""
            return all(page.is_live for page in self.pages)

        wait_until(all_live, limit_s=CONNECT_LIMIT_S, every_s=0.2)
        return self

    def __exit__(self, *_why: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    def _run(self) -> None:
        site = f"127.0.0.1:{self.stack.port}"
        headers = {"Cookie": cookie_header(log_in(self.stack)), "Origin": f"http://{site}"}

        async def look() -> None:
            address = f"ws://{site}/ws/dashboard"
            await asyncio.gather(*(page.look(address, headers, self._is_over) for page in self.pages))

        self._loop.run_until_complete(look())
        self._loop.close()


def measure(*, minutes: float = 5.0) -> dict[str, Any]:
    """Give ms from frame to order with and without dashboards, MiB of web, and what each page was sent."""
    with running("--symbols", SYMBOLS, "--seed", "11", "--balance", "USDT=1000000") as stack:
        stack.delete_starters()
        hire(stack, WORKERS)

        def is_trading() -> bool:
            """the first entries"""
            return len(stack.rows(LATENCIES)) >= WORKERS

        wait_until(is_trading, limit_s=300, every_s=0.5)
        alone_s = minutes * 30
        before, _ = _window(stack, alone_s)
        with Crowd(stack, DASHBOARDS) as crowd:
            beside, web_mib = _window(stack, minutes * 60)
        after, _ = _window(stack, alone_s)
    alone = before + after
    *others, asleep = crowd.pages
    return {
        "dashboards": DASHBOARDS,
        "minutes": minutes,
        "alone": _figures(alone),
        "watched": _figures(beside),
        "ratio": {name: _figures(beside)[name] / _figures(alone)[name] for name in ("p50_ms", "p99_ms")},
        "bar_ratio": BAR_RATIO,
        "web_mib": {"first": web_mib[0], "last": web_mib[-1], "most": max(web_mib)},
        "messages": {
            "of_a_page": statistics.median(page.messages for page in others),
            "asleep": asleep.messages,
        },
        "kib_a_second": statistics.median(page.bytes for page in others) / 1024 / (minutes * 60),
        "load_1m": os.getloadavg()[0],
    }


def _window(stack: Stack, seconds: float) -> tuple[list[float], list[float]]:
    """Give the latencies of the entries of so many seconds, and MiB of web meanwhile."""
    known = len(stack.rows(LATENCIES))
    end_s, memory = time.monotonic() + seconds, []
    while time.monotonic() < end_s:
        time.sleep(min(SAMPLE_EVERY_S, max(end_s - time.monotonic(), 0.1)))
        pid = find_process(stack, "web")
        memory.append(psutil.Process(pid).memory_full_info().pss / MIB if pid else 0.0)
    rows = stack.rows(LATENCIES)[known:]
    return [_ms(left_at) - _ms(arrived_at) for *_, arrived_at, _, _, left_at in rows], memory


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def _figures(times: list[float]) -> dict[str, float]:
    if len(times) < 20:
        raise SystemExit(f"only {len(times)} entries in a window")
    return {"entries": len(times), "p50_ms": quantile(times, 0.5), "p99_ms": quantile(times, 0.99)}


if __name__ == "__main__":
    print(json.dumps(measure(minutes=1.0), indent=2))  # noqa: T201 -- a command
