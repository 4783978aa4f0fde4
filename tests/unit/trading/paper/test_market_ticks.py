"""The tick and mirror markets: frames become exact trades and books, in order, and bad lines are named."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from trading.paper.market_sink import Levels, MarketDataError
from trading.paper.markets.mirror import MirrorMarket, stream_url
from trading.paper.markets.ticks import TickMarket, read_frames, symbols_of, tick_files

SHARED = Path(__file__).parents[5] / "shared" / "data" / "ticks"
BASE_US = 1_680_652_800_000_000


def wall() -> int:
    return time.time_ns() // 1_000_000


class Recorder:
    """A sink that keeps what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []
        self.heard_four = asyncio.Event()

    def book(self, symbol: str, *, bids: Levels, asks: Levels, at_ms: int) -> None:
        self.told.append((symbol, "book", (list(bids), list(asks))))

    def trade(self, symbol: str, *, price: Decimal, qty: Decimal, buyer_is_maker: bool, at_ms: int) -> None:
        self.told.append((symbol, "trade", (price, qty, buyer_is_maker)))
        if len(self.told) >= 4:
            self.heard_four.set()


def frame(stream: str, **data: Any) -> dict[str, Any]:
    return {"stream": stream, "data": data}


def write(path: Path, frames: list[tuple[int, dict[str, Any]]]) -> Path:
    text = "".join(f"{BASE_US + at_us} {json.dumps(one)}\n" for at_us, one in frames)
    path.write_bytes(gzip.compress(text.encode()))
    return path


TOP = {"b": "100.01", "B": "1", "a": "100.02", "A": "2"}


async def test_files_are_merged_by_receive_time_and_prices_are_exact(tmp_path: Path) -> None:
    write(tmp_path / "b.ndjson.gz", [(0, frame("btcusdt@trade", p="100.01", q="0.5", m=True))])
    write(tmp_path / "a.ndjson.gz", [(9_000, frame("ethusdt@trade", p="7.10", q="3", m=False))])
    sink = Recorder()

    await TickMarket(tick_files(tmp_path), symbols=["BTCUSDT", "ETHUSDT"], clock=wall).run(sink)

    assert sink.told == [
        ("BTCUSDT", "trade", (Decimal("100.01"), Decimal("0.5"), True)),
        ("ETHUSDT", "trade", (Decimal("7.10"), Decimal(3), False)),
    ]


async def test_book_is_the_best_with_known_depth_behind_it(tmp_path: Path) -> None:
    depth = {"b": [["100.03", "9"], ["99.50", "4"], ["99.40", "0"]], "a": [["100.05", "3"]]}
    frames = [
        (0, frame("btcusdt@depth@100ms", **depth)),
        (10, frame("btcusdt@bookTicker", **TOP)),
        (20, frame("btcusdt@trade", p="100.01", q="1", m=True)),
    ]
    write(tmp_path / "a.ndjson.gz", frames)
    sink = Recorder()

    await TickMarket(tick_files(tmp_path), symbols=["BTCUSDT"], clock=wall).run(sink)

    assert [kind for _, kind, _ in sink.told] == ["book", "trade"]
    bids, asks = sink.told[0][2]
    assert bids == [(Decimal("100.01"), Decimal(1)), (Decimal("99.50"), Decimal(4))]
    assert asks == [(Decimal("100.02"), Decimal(2)), (Decimal("100.05"), Decimal(3))]


async def test_long_silence_is_left_out_and_speed_shortens_the_rest(tmp_path: Path) -> None:
    one = frame("btcusdt@trade", p="1", q="1", m=True)
    write(tmp_path / "a.ndjson.gz", [(0, one), (3_600_000_000, one), (3_604_000_000, one)])
    sink, began = Recorder(), wall()

    await TickMarket(tick_files(tmp_path), symbols=["BTCUSDT"], clock=wall, speed=20).run(sink)

    assert len(sink.told) == 3
    assert 240 <= wall() - began < 2_000  # (1 s + 4 s) / 20


@pytest.mark.parametrize(
    "line", ["x {}", f"{BASE_US} {{", f'{BASE_US} {{"stream":"btcusdt@trade","data":{{}}}}']
)
def test_bad_line_is_named_with_file_and_number(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "a.ndjson.gz", [(0, frame("btcusdt@trade", p="1", q="1", m=True))])
    path.write_bytes(path.read_bytes() + gzip.compress(line.encode()))

    with pytest.raises(MarketDataError, match=r"^a\.ndjson\.gz:2: "):
        list(read_frames(path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the captures are not on this machine")
def test_real_captures_can_be_read() -> None:
    paths = tick_files(SHARED)

    assert set(symbols_of(paths)) == {"BTCUSDT", "ETHUSDT"}
    received = [at_ms for (at_ms, _, _), _ in zip(read_frames(paths[0]), range(200), strict=False)]
    assert received == sorted(received)


def kline(open_ms: int, span_ms: int) -> list[Any]:
    return [open_ms, "10", "11", "9", "10.5", "3", open_ms + span_ms - 1, "31", 4, "1", "10", "0"]


async def serve_klines(request: web.Request) -> web.Response:
    span = {"1m": 60_000, "1s": 1000}[request.query["interval"]]
    last = wall() // span * span
    return web.json_response([kline(last - n * span, span) for n in range(180, -1, -1)])


async def serve_streams(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json(frame("btcusdt@bookTicker", **TOP))
    await socket.send_str("not json")
    await socket.send_json(frame("btcusdt@trade", p="100.02", q="1", m=False))
    await socket.close()
    return socket


async def test_mirror_passes_on_and_comes_back_after_a_broken_connection() -> None:
    app = web.Application()
    app.router.add_get("/api/v3/klines", serve_klines)
    app.router.add_get("/stream", serve_streams)
    sink = Recorder()
    async with TestServer(app) as server:
        mirror = MirrorMarket(str(server.make_url("")), symbols=["BTCUSDT"], clock=wall)
        await mirror.prepare()
        listening = asyncio.create_task(mirror.run(sink))
        await asyncio.wait_for(sink.heard_four.wait(), 5)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening

    assert [kind for _, kind, _ in sink.told[:4]] == ["book", "trade", "book", "trade"]
    spans = [row[1] for row in mirror.warm_klines("BTCUSDT")]
    assert spans == sorted(spans, reverse=True)
    assert {60_000, 1000} == set(spans)


def test_stream_address_follows_the_rest_address() -> None:
    assert stream_url("https://api.binance.com") == "wss://stream.binance.com:9443"
    assert stream_url("http://127.0.0.1:8099") == "ws://127.0.0.1:8099"
