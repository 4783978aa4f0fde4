"""CPU of one stream message in our feed, from the socket into Redis, against aiohttp and orjson alone.

Both read the same frames from the same server at the same time, each in a process of its own: a bare reader
that parses every frame and does nothing with it, and the product's feed with its flushes into a private
Redis. What counts is the processor time of each process while the frames came; the ratio is the middle one of
six windows, for which processor a process shares with the server changes by the second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import orjson
import psutil
import redis
from uvloop import new_event_loop

from bench.frame_server import INTERVAL_MS, name_of
from tests.support.servers import run_redis
from trading.domain.market import Candle
from trading.domain.values import to_ms
from trading.exchange.market_stream import MarketStream
from trading.market.cache import MarketCache, MarketWriter
from trading.market.ingest import Feed, FeedDoors, OnCandle, OnQuotes, Price
from trading.market.lease import Lease
from trading.market.packed_redis import open_redis

SYMBOLS, PER_S, SECONDS = 400, 25.0, 45.0
WINDOWS = 6
WARM_S = 3.0
STREAMS_PER_CONNECTION = 200
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Frames:
    """A running frame server."""

    port: int
    process: subprocess.Popen[str]

    def ended(self) -> dict[str, Any]:
        """Wait for the last frame; give how many were sent and what was sent last."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told


@contextlib.contextmanager
def frames(*, symbols: int, per_s: float, seconds: float) -> Iterator[Frames]:
    """Run a frame server until the block ends."""
    options = ["--symbols", str(symbols), "--per-s", str(per_s), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "bench.frame_server", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Frames(int(process.stdout.readline()), process)
        finally:
            process.kill()


async def read_bare(port: int, symbols: int) -> None:
    """Read and parse as many connections as the feed has, and do nothing with what they bring."""
    names = [
        f"{name_of(number).lower()}@{tail}"
        for number in range(symbols)
        for tail in ("bookTicker", "kline_1m")
    ]
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for begin in range(0, len(names), STREAMS_PER_CONNECTION):
            tasks.create_task(_read(session, port, names[begin : begin + STREAMS_PER_CONNECTION]))


async def _read(session: aiohttp.ClientSession, port: int, names: Sequence[str]) -> None:
    async with session.ws_connect(f"ws://127.0.0.1:{port}/stream", max_msg_size=0) as ws:
        await ws.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                orjson.loads(message.data)


class FlatVenue:
    """A venue on which no price ever moved: the feed has its histories at once, and streams are measured."""

    def candles(self, symbol: str, interval: str, *, limit: int) -> Sequence[Candle]:
        """Give the newest closed ones."""
        now = to_ms(_utc_now()) // INTERVAL_MS * INTERVAL_MS
        opens = range(now - limit * INTERVAL_MS, now, INTERVAL_MS)
        return [Candle(symbol, interval, open_ms, *(100.0,) * 4, 1.0) for open_ms in opens]


async def read_as_the_feed(port: int, symbols: int, address: str) -> None:
    """Run the product's feed on the frame server."""

    def open_stream(on_quotes: OnQuotes, on_candle: OnCandle) -> MarketStream:
        return MarketStream(
            f"ws://127.0.0.1:{port}", clock=_utc_now, on_quotes=on_quotes, on_candle=on_candle
        )

    client = open_redis(address)
    wanted = {(name_of(number), "1m") for number in range(symbols)}
    doors = FeedDoors(
        list_subscriptions=lambda: wanted,
        list_triggers=dict,
        publish_batch=lambda closed, arrived_ms: None,
        publish_triggers=lambda crossed: None,
        publish_prices=_paint_nothing,
    )
    await Feed(
        open_stream=open_stream,
        venue=FlatVenue(),  # type: ignore[arg-type]  # the feed asks for candles alone
        writer=MarketWriter(client),
        lease=Lease(client, "feed"),
        source="frames",
        clock=_utc_now,
        doors=doors,
    ).run()


async def _paint_nothing(prices: Sequence[Price]) -> None:
    """Nobody looks."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def reader(
    kind: str, port: int, symbols: int, *, address: str = "", core: int | None = None
) -> Iterator[int]:
    """Run a reader in a process of its own until the block ends; give its process id."""
    command = [sys.executable, "-m", "bench.stream_cost", kind, str(port), str(symbols), address]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        if core is not None:
            psutil.Process(process.pid).cpu_affinity([core])
        try:
            yield process.pid
        finally:
            process.kill()


def cpu_s(pid: int) -> float:
    """Give the processor seconds of a process so far, user and system."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def wrong_values(cache: MarketCache, told: dict[str, Any], *, limit_s: float = 2.0) -> list[str]:
    """Give the symbols whose last value in Redis is not the one that was sent last."""
    ends_s = time.monotonic() + limit_s
    while True:
        quotes = cache.quotes(list(told["last"]))
        wrong = [
            symbol
            for symbol, sent in told["last"].items()
            if symbol not in quotes
            or (f"{quotes[symbol].bid:.8f}", f"{quotes[symbol].ask:.8f}") != (sent["bid"], sent["ask"])
        ]
        if not wrong or time.monotonic() > ends_s:
            return wrong
        time.sleep(0.05)


def measure(*, symbols: int = SYMBOLS, per_s: float = PER_S, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure the processor time a message in both readers, side by side on the same frames."""
    with tempfile.TemporaryDirectory(prefix="fc-bench-") as folder, contextlib.ExitStack() as running:
        path = Path(folder) / "redis.sock"
        running.enter_context(run_redis(path))
        server = running.enter_context(frames(symbols=symbols, per_s=per_s, seconds=seconds + 2 * WARM_S))
        bare = running.enter_context(reader("bare", server.port, symbols))
        feed = running.enter_context(reader("feed", server.port, symbols, address=f"unix://{path}"))
        client = redis.Redis(unix_socket_path=str(path))
        cache = MarketCache(client)
        while len(cache.quotes([name_of(number) for number in range(symbols)])) < symbols:
            time.sleep(0.1)
        time.sleep(WARM_S)
        began_s, readings = time.monotonic(), [_reading(client, bare, feed)]
        for _ in range(WINDOWS):
            time.sleep((seconds - WARM_S) / WINDOWS)
            readings.append(_reading(client, bare, feed))
        passed_s = time.monotonic() - began_s
        told = server.ended()
        wrong = wrong_values(cache, told)
    spans = [[after - before for before, after in zip(*pair, strict=True)] for pair in pairwise(readings)]
    ratios = [feed_s / bare_s for _, bare_s, feed_s in spans]
    messages, bare_s, feed_s = (sum(each) for each in zip(*spans, strict=True))
    return {
        "messages_per_s": round(messages / passed_s),
        "bare_us": round(bare_s / messages * 1e6, 2),
        "feed_us": round(feed_s / messages * 1e6, 2),
        "ratio": round(median(ratios), 2),
        "ratios": [round(min(ratios), 2), round(max(ratios), 2)],
        "last_values_wrong": len(wrong),
    }


def _reading(client: redis.Redis, bare: int, feed: int) -> tuple[float, float, float]:
    # The feed counts what it heard; the bare reader is sent the same frames.
    status = client.get("fc:feed")
    heard = json.loads(status)["heard"] if isinstance(status, bytes) else 0
    return heard, cpu_s(bare), cpu_s(feed)


def main() -> int:
    """Be one of the readers."""
    kind, port, symbols, address = sys.argv[1:5]
    task = (
        read_bare(int(port), int(symbols))
        if kind == "bare"
        else read_as_the_feed(int(port), int(symbols), address)
    )
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(task)
    return 0


if __name__ == "__main__":
    sys.exit(main())
