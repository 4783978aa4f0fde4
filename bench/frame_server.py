"""A dumb server of market frames for measurements: book tickers of many symbols at a steady pace.

The paper venue matches orders and is too slow for ten thousand frames a second. Run as a process of its own
(`python -m bench.frame_server --symbols 400 --per-s 25 --seconds 300`); it prints its port, serves every
connection what that subscribes to, and prints the last frame of each symbol as JSON when it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import orjson
from aiohttp import web

ROUND_S = 0.01
INTERVAL_MS = 60_000
TEXT = b"\x81"  # a whole text message
SHORT, MEDIUM = 126, 1 << 16


@dataclass(eq=False)
class Listener:
    """A connection, the symbols whose prices go over it, and its streams of candles."""

    transport: asyncio.Transport
    names: set[str] = field(default_factory=set)
    symbols: set[str] = field(default_factory=set)
    klines: list[str] = field(default_factory=list)

    def wants(self, names: set[str]) -> None:
        """Take what is subscribed to now."""
        self.names = names
        self.symbols = {name.partition("@")[0].upper() for name in names if name.endswith("@bookTicker")}
        self.klines = sorted(name for name in names if "@kline_" in name)


@dataclass
class Pace:
    """How much is told, and what was told last. Frames begin with the first subscription to any stream."""

    symbols: int
    per_s: float
    seconds: float
    update_id: int = 0
    sent: int = 0
    last: dict[str, dict[str, str]] = field(default_factory=dict)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Listener] = field(default_factory=list)


def name_of(number: int) -> str:
    """Give the symbol of a number."""
    return f"S{number:03d}USDT"


def frame(payload: bytes) -> bytes:
    """Make the bytes of a message of less than 64 kB as a server sends it (RFC 6455, 5.2)."""
    size = len(payload)
    assert size < MEDIUM, "frames of a market are small"
    head = bytes((size,)) if size < SHORT else bytes((SHORT,)) + size.to_bytes(2, "big")
    return TEXT + head + payload


def ticker(pace: Pace, symbol: str, number: int) -> bytes:
    """Make the next frame of a symbol; its price moves with the update id."""
    pace.update_id += 1
    step = pace.update_id % 997
    body: dict[str, int | str] = {
        "u": pace.update_id,
        "E": time.time_ns() // 1_000_000,
        "s": symbol,
        "b": f"{100 + number}.{step:04d}0000",
        "B": f"{1 + step}.12300000",
        "a": f"{100 + number}.{step + 1:04d}0000",
        "A": f"{2 + step}.45600000",
    }
    pace.last[symbol] = {"bid": str(body["b"]), "ask": str(body["a"])}
    return frame(orjson.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": body}))


def candle(stream: str, now_ms: int, *, is_closed: bool = False) -> bytes:
    """Make the frame of the candle that grows, or of the one before, which has closed."""
    symbol = stream.partition("@")[0].upper()
    prices = dict.fromkeys("ohlc", "100.0")
    open_ms = (now_ms // INTERVAL_MS - is_closed) * INTERVAL_MS
    kline = {"t": open_ms, "s": symbol, "i": "1m", "v": "1", "x": is_closed}
    data = {"e": "kline", "E": now_ms, "s": symbol, "k": kline | prices}
    return frame(orjson.dumps({"stream": stream, "data": data}))


async def speak(pace: Pace) -> None:
    """Tell every symbol's price at its pace, spread evenly, until the time is over.

    What is due in a round of a hundredth of a second goes to each connection in one write, with one candle
    that grows, for those carry the venue's moment, and all of them at the end of their minute.
    """
    await pace.began.wait()
    began_s = time.monotonic()
    minute = time.time_ns() // 1_000_000 // INTERVAL_MS
    told = 0
    total = int(pace.seconds * pace.symbols * pace.per_s)
    while told < total:
        due = min(int((time.monotonic() - began_s) * pace.symbols * pace.per_s), total)
        made: dict[str, list[bytes]] = {}
        for count in range(told, due):
            number = count % pace.symbols
            made.setdefault(name_of(number), []).append(ticker(pace, name_of(number), number))
        told = due
        now_ms = time.time_ns() // 1_000_000
        has_closed, minute = now_ms // INTERVAL_MS > minute, now_ms // INTERVAL_MS
        for listener in pace.listeners:
            frames = [each for symbol in listener.symbols & made.keys() for each in made[symbol]]
            pace.sent += len(frames)
            frames += [candle(each, now_ms) for each in listener.klines[:1]]
            if has_closed:
                frames += [candle(each, now_ms, is_closed=True) for each in listener.klines]
            if not listener.transport.is_closing():
                listener.transport.write(b"".join(frames))
        await asyncio.sleep(ROUND_S)


async def serve_socket(request: web.Request) -> web.WebSocketResponse:
    """Take subscriptions; the frames come from `speak`."""
    pace = request.app[PACE]
    ws = web.WebSocketResponse(max_msg_size=0, compress=False)
    await ws.prepare(request)
    assert request.transport is not None, "it was prepared a moment ago"
    listener = Listener(request.transport)
    pace.listeners.append(listener)
    try:
        async for message in ws:
            asked = orjson.loads(message.data)
            listed = sorted(listener.names) if asked["method"] == "LIST_SUBSCRIPTIONS" else None
            if asked["method"] == "SUBSCRIBE":
                listener.wants(listener.names | set(asked["params"]))
            elif asked["method"] == "UNSUBSCRIBE":
                listener.wants(listener.names - set(asked["params"]))
            await ws.send_str(orjson.dumps({"result": listed, "id": asked["id"]}).decode())
            pace.began.set()
    finally:
        pace.listeners.remove(listener)
    return ws


PACE = web.AppKey("pace", Pace)


async def run(pace: Pace) -> None:
    """Serve until every frame was told and the last could be read."""
    app = web.Application()
    app[PACE] = pace
    app.router.add_get("/stream", serve_socket)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await speak(pace)
    sys.stdout.write(json.dumps({"sent": pace.sent, "last": pace.last}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the bench has looked
    await runner.cleanup()


def main() -> int:
    """Serve; give the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=400)
    parser.add_argument("--per-s", type=float, default=25.0)
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    asyncio.run(run(Pace(options.symbols, options.per_s, options.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
