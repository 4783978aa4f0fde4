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
from aiohttp import WSMsgType, web

ROUND_S = 0.01
INTERVAL_MS = 60_000


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
    listeners: list[tuple[web.WebSocketResponse, set[str]]] = field(default_factory=list)


def name_of(number: int) -> str:
    """Give the symbol of a number."""
    return f"S{number:03d}USDT"


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
    return b'{"stream":"' + symbol.lower().encode() + b'@bookTicker","data":' + orjson.dumps(body) + b"}"


async def speak(pace: Pace) -> None:
    """Tell every symbol's price at its pace, spread evenly, until the time is over."""
    await pace.began.wait()
    began_s = time.monotonic()
    told, number = 0, 0
    while (passed_s := time.monotonic() - began_s) < pace.seconds:
        due = int(passed_s * pace.symbols * pace.per_s)
        while told < due:
            symbol = name_of(number)
            frame = ticker(pace, symbol, number)
            stream = f"{symbol.lower()}@bookTicker"
            for ws, names in pace.listeners:
                if stream in names and not ws.closed:
                    await ws.send_frame(frame, WSMsgType.TEXT)
                    pace.sent += 1
            told += 1
            number = (number + 1) % pace.symbols
        await tell_candles(pace)
        await asyncio.sleep(ROUND_S)


async def tell_candles(pace: Pace) -> None:
    """Tell the growing candle of one symbol a round: the frames that carry the venue's moment."""
    now_ms = time.time_ns() // 1_000_000
    for ws, names in pace.listeners:
        stream = next((name for name in names if "@kline_" in name), None)
        if stream is None or ws.closed:
            continue
        symbol = stream.partition("@")[0].upper()
        prices = dict.fromkeys("ohlc", "100.0")
        kline = {"t": now_ms // INTERVAL_MS * INTERVAL_MS, "s": symbol, "i": "1m", "v": "1", "x": False}
        data = {"e": "kline", "E": now_ms, "s": symbol, "k": kline | prices}
        await ws.send_frame(orjson.dumps({"stream": stream, "data": data}), WSMsgType.TEXT)


async def serve_socket(request: web.Request) -> web.WebSocketResponse:
    """Take subscriptions; the frames come from `speak`."""
    pace = request.app[PACE]
    ws = web.WebSocketResponse(max_msg_size=0, compress=False)
    await ws.prepare(request)
    names: set[str] = set()
    pace.listeners.append((ws, names))
    async for message in ws:
        asked = orjson.loads(message.data)
        if asked["method"] == "SUBSCRIBE":
            names.update(asked["params"])
        elif asked["method"] == "UNSUBSCRIBE":
            names.difference_update(asked["params"])
        await ws.send_bytes(orjson.dumps({"result": None, "id": asked["id"]}))
        pace.began.set()
    pace.listeners.remove((ws, names))
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
