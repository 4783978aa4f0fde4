"""Subscriptions are spread over connections, and the newest quote is told by its update id."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest

from trading.exchange import market_stream, silence
from trading.exchange.connection import Connection, MarketTalk
from trading.exchange.market_frames import MarketEvent
from trading.exchange.market_stream import (
    COUNTS_ANEW_AFTER,
    COUNTS_ANEW_MS,
    MALFORMED,
    STREAMS_PER_CONNECTION,
    UNKNOWN_SYMBOL,
    MarketStream,
)
from trading.exchange.sockets import Link
from trading.market.ingest import Quoted

SYMBOL = "BTCUSDT"
NOW_MS = 1_790_000_000_000


@pytest.fixture(autouse=True)
def _flushes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_stream, "FLUSH_EVERY_S", 0)
    monkeypatch.setattr(market_stream, "FLUSH_S_PER_QUOTE", 0)


def a_stream(heard: list[str]) -> MarketStream:
    """Give a stream of one symbol that is not run; the bids that it hands on are kept."""

    def on_quotes(quotes: Sequence[Quoted]) -> None:
        heard.extend(quote.bid for quote in quotes)

    stream = MarketStream(
        "ws://127.0.0.1:9",
        clock=lambda: datetime.now(UTC),
        on_quotes=on_quotes,
        on_candle=lambda candle, arrived_ms: None,
    )
    stream.set_subscriptions({(SYMBOL, "1m")})
    return stream


def a_quote(update_id: int, symbol: str = SYMBOL) -> MarketEvent:
    return MarketEvent(
        symbol=symbol,
        update_id=update_id,
        bid=f"{update_id}.0",
        bid_qty="1",
        ask=f"{update_id}.5",
        ask_qty="1",
    )


async def bids_of(quotes: Sequence[tuple[int, int]]) -> list[str]:
    """Give the bids that are handed on of these (update id, milliseconds), each flushed by itself."""
    heard: list[str] = []
    stream = a_stream(heard)
    for update_id, after_ms in quotes:
        stream.take_quote(a_quote(update_id), NOW_MS + after_ms)
        for _ in range(3):
            await asyncio.sleep(0)
    return heard


async def test_a_count_that_begins_anew_is_followed() -> None:
    late_ms = COUNTS_ANEW_MS
    anew = [(number, late_ms + number) for number in range(1, COUNTS_ANEW_AFTER + 2)]

    assert await bids_of([(900, 0), *anew]) == ["900.0", "3.0", "4.0"]


async def test_a_node_that_lags_among_others_is_never_followed() -> None:
    lagging = [(90 + number // 2 + (10 if number % 2 else 0), number * COUNTS_ANEW_MS) for number in range(8)]

    assert await bids_of([(99, 0), *lagging]) == ["99.0", "100.0", "101.0", "102.0", "103.0"]


def a_talk() -> tuple[MarketStream, Link, MarketTalk]:
    """Give what is said over a connection that is not open, with its stream."""
    stream = a_stream([])
    connection = Connection(stream, stream.open_socket, number=1)
    link = Link(connection.socket, None)
    return stream, link, connection.begin(link)


def framed(data: object) -> bytes:
    return orjson.dumps({"stream": "any", "data": data})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"s": SYMBOL, "u": "1", "b": "1", "B": "1", "a": "1", "A": "1"}, MALFORMED),
        ({"s": SYMBOL, "b": "1", "B": "1", "a": "1", "A": "1"}, MALFORMED),
        ({"s": SYMBOL, "u": 1, "b": 1.5, "B": "1", "a": "1", "A": "1"}, MALFORMED),
        ({"e": "kline", "E": NOW_MS, "s": SYMBOL}, MALFORMED),
        ({"e": "kline", "E": NOW_MS, "s": SYMBOL, "k": {"x": True}}, MALFORMED),
        ({"s": "ETHUSDT", "u": 1, "b": "1", "B": "1", "a": "1", "A": "1"}, UNKNOWN_SYMBOL),
    ],
)
def test_a_frame_that_is_not_what_it_should_be_is_counted_and_a_sign_of_life(
    data: object, reason: str
) -> None:
    stream, link, talk = a_talk()

    talk.hear(framed(data), NOW_MS)

    assert dict(stream.refused) == {reason: 1}
    assert (link.heard, link.heard_ms) == (1, NOW_MS)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (framed({"e": "trade", "E": NOW_MS, "s": SYMBOL, "b": 7, "a": 8}), "trade"),
        (framed({"e": "aggTrade", "E": NOW_MS, "s": SYMBOL}), "aggTrade"),
        (framed({"e": ["x"]}), "['x']"),
        (framed([1]), "frame"),
        (b"[]", "frame"),
        (b"{", "not JSON"),
        (b'{"result":null,"id":99}', "answer"),
    ],
)
def test_what_was_not_asked_for_is_counted_by_its_name(message: bytes, name: str) -> None:
    stream, _, talk = a_talk()

    talk.hear(message, NOW_MS)

    assert dict(stream.unknown) == {name: 1}
    assert not stream.refused


@pytest.mark.parametrize(
    "message",
    [
        framed({"e": "serverShutdown", "E": NOW_MS}),
        framed({"e": "serverShutdown", "E": "soon"}),
        b'{"e":"serverShutdown","E":1}',
    ],
)
async def test_an_announced_shutdown_is_heeded_whatever_its_shape(message: bytes) -> None:
    _, link, talk = a_talk()

    talk.hear(message, NOW_MS)

    assert (link.leaving, link.is_planned) == ("serverShutdown", True)


def streams_of(stream: MarketStream) -> list[int]:
    return [each["streams"] for each in stream.status()["connections"]]


def test_no_connection_carries_more_than_its_streams_and_room_is_used_again() -> None:
    stream = a_stream([])
    many = {(f"S{number:03}USDT", "1m") for number in range(STREAMS_PER_CONNECTION)}
    stream.set_subscriptions(many)
    full = streams_of(stream)
    stream.set_subscriptions({each for each in many if each[0] >= "S100USDT"})
    left = streams_of(stream)
    stream.set_subscriptions(many)

    assert full == [STREAMS_PER_CONNECTION] * 2
    assert sum(left) == STREAMS_PER_CONNECTION
    assert streams_of(stream) == full


async def test_a_symbol_that_falls_silent_among_others_is_named_until_it_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(market_stream, "SYMBOLS_EVERY_S", 0.02)
    monkeypatch.setattr(silence, "SEEN_ENOUGH_S", 0.2)
    monkeypatch.setattr(silence, "MIN_LIMIT_S", 0.1)
    stream = a_stream([])
    stream.set_subscriptions({(SYMBOL, "1m"), ("ETHUSDT", "1m")})
    update_id = 0

    async def until_silent(expected: list[str], *told: str, at_least_s: float = 0.0) -> None:
        nonlocal update_id
        began_s = time.monotonic()
        async with asyncio.timeout(10):
            while time.monotonic() - began_s < at_least_s or stream.status()["silent_symbols"] != expected:
                update_id += 1
                for symbol in told:
                    stream.take_quote(a_quote(update_id, symbol), time.time_ns() // 1_000_000)
                await asyncio.to_thread(int)

    running = asyncio.create_task(stream.run())
    await until_silent([], SYMBOL, "ETHUSDT", at_least_s=0.5)
    await until_silent(["ETHUSDT"], SYMBOL)
    await until_silent([], SYMBOL, "ETHUSDT")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
