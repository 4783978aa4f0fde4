"""Frames of the market streams are read by their shape; what has another is refused, never guessed."""

from decimal import Decimal
from typing import Any

import msgspec
import orjson
import pytest

from trading.exchange.fields import MalformedMessage
from trading.exchange.market_frames import MarketEvent, closed_candle, quote_row, read_frame
from trading.market.cache import parse_quote

TICKER: dict[str, Any] = {"u": 1, "s": "BNBUSDT", "b": "25.35", "B": "31.21", "a": "25.36", "A": "40.66"}
KLINE: dict[str, Any] = {
    "t": 60_000, "T": 119_999, "s": "BTCUSDT", "i": "1m", "o": "1", "h": "2", "l": "0.5", "c": "1.5",
    "v": "9", "n": 7, "x": True, "q": "12",
}  # fmt: skip


def read(data: object) -> MarketEvent:
    """Read data in the wrapping that the venue gives it."""
    return read_frame(orjson.dumps({"stream": "any", "data": data})).data


@pytest.mark.parametrize(("moment", "told"), [({}, ""), ({"E": 1_790_000_000_000}, "1790000000000")])
def test_a_book_ticker_becomes_the_row_that_the_cache_reads(moment: dict[str, int], told: str) -> None:
    event = read(TICKER | moment)

    row = quote_row(event, 7)
    quote = parse_quote(row.symbol, row.text)

    assert event.kind is None
    assert (row.symbol, row.bid, row.ask, row.arrived_ms) == ("BNBUSDT", "25.35", "25.36", 7)
    assert row.text == f"25.35|31.21|25.36|40.66|{told}|7"
    assert (quote.bid, quote.ask) == (Decimal("25.35"), Decimal("25.36"))


@pytest.mark.parametrize(
    "change", [{"b": "1e5"}, {"a": "-1"}, {"A": "1|2"}, {"B": ""}, {"b": "1."}, {"a": ".5"}, {"b": "\u0661"}]
)
def test_a_quote_that_is_not_plain_digits_is_refused(change: dict[str, str]) -> None:
    event = read(TICKER | change)

    with pytest.raises(MalformedMessage, match="plain decimal"):
        quote_row(event, 7)


@pytest.mark.parametrize("missing", ["b", "B", "a", "A"])
def test_a_quote_without_a_price_or_a_quantity_is_refused(missing: str) -> None:
    event = read({name: value for name, value in TICKER.items() if name != missing})

    with pytest.raises(MalformedMessage, match="plain decimal"):
        quote_row(event, 7)


@pytest.mark.parametrize(
    "data",
    [TICKER | {"b": 25.35}, TICKER | {"b": None}, TICKER | {"u": "1"}, TICKER | {"u": True},
     TICKER | {"s": 1},
     TICKER | {"E": "now"}, {"e": "kline", "k": {}}, {"e": "kline", "k": KLINE | {"x": 1}},
     {"e": "kline", "k": KLINE | {"t": 1.5}}, {"e": "kline", "k": KLINE | {"o": 1}}, [TICKER], None],
)  # fmt: skip
def test_a_field_of_another_type_makes_the_frame_unreadable(data: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(data)


def test_a_kline_is_read_while_it_grows_and_when_it_has_closed() -> None:
    grows = read({"e": "kline", "E": 5, "s": "BTCUSDT", "k": KLINE | {"x": False}})
    closed = read({"e": "kline", "E": 6, "s": "BTCUSDT", "k": KLINE})

    assert grows.kline is not None
    assert not grows.kline.is_closed
    assert closed.kline is not None
    assert closed.kline.is_closed
    candle = closed_candle(closed.kline)
    assert (candle.symbol, candle.interval, candle.open_ms) == ("BTCUSDT", "1m", 60_000)
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == (1.0, 2.0, 0.5, 1.5, 9.0)


@pytest.mark.parametrize("change", [{"c": "NaN"}, {"v": "many"}, {"l": ""}])
def test_a_candle_that_is_not_of_finite_decimals_is_refused(change: dict[str, str]) -> None:
    kline = read({"e": "kline", "k": KLINE | change}).kline

    assert kline is not None
    with pytest.raises(MalformedMessage):
        closed_candle(kline)
