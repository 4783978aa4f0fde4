"""What the venue says about the market becomes domain objects; one odd symbol never hides the others."""

from decimal import Decimal
from typing import Any

import pytest

from trading.domain.instrument import ProtectionMode
from trading.domain.values import from_ms
from trading.exchange import decode_market
from trading.exchange.fields import MalformedMessage

SYMBOL: dict[str, Any] = {
    "symbol": "TSLABUSDT",
    "status": "TRADING",
    "baseAsset": "TSLAB",
    "quoteAsset": "USDT",
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS"],
    "ocoAllowed": True,
    "otoAllowed": True,
    "opoAllowed": True,
    "allowTrailingStop": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "922327", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "585.20788284", "stepSize": "0"},
        {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
        {"filterType": "T_PLUS_SELL", "endTime": 1},
    ],
}
KLINE: list[Any] = [60_000, "1.0", "2.0", "0.5", "1.5", "100.25", 119_999, "150", 7, "50", "75", "0"]


def test_rules_are_read_and_unknown_filters_counted() -> None:
    listed = decode_market.instruments({"symbols": [SYMBOL]})

    (rules,) = listed.instruments
    assert (rules.tick_size, rules.step_size, rules.min_notional) == (
        Decimal("0.01"),
        Decimal("0.001"),
        Decimal(5),
    )
    assert rules.market_max_qty == Decimal("585.20788284")
    assert rules.protection is ProtectionMode.OPOCO
    assert listed.unknown_filters == {"T_PLUS_SELL": 1}


def test_a_symbol_without_lot_size_is_left_out_and_named() -> None:
    broken = SYMBOL | {"symbol": "BROKEN", "filters": []}

    listed = decode_market.instruments({"symbols": [broken, SYMBOL]})

    assert [rules.symbol for rules in listed.instruments] == ["TSLABUSDT"]
    assert listed.left_out == {"BROKEN": "filters: LOT_SIZE is missing"}


@pytest.mark.parametrize("symbols", [[], [SYMBOL | {"filters": []}]])
def test_symbols_of_which_none_can_be_read_are_refused_together(symbols: list[Any]) -> None:
    with pytest.raises(MalformedMessage, match="no symbol"):
        decode_market.instruments({"symbols": symbols})


def test_limits_are_read_by_name_and_odd_ones_passed_over() -> None:
    def row(kind: object, unit: object, number: object, limit: object) -> dict[str, object]:
        return {"rateLimitType": kind, "interval": unit, "intervalNum": number, "limit": limit}

    rows = [
        row("REQUEST_WEIGHT", "MINUTE", 1, 6000),
        row("ORDERS", "SECOND", 10, 100),
        row("ORDERS", "HOUR", 1, 9),
        row("ORDERS", "DAY", 1, "many"),
        row("RAW_REQUESTS", "MINUTE", 5, 0),
        row(["ORDERS"], None, 1, 7),
        "nothing",
    ]

    assert decode_market.request_limits({"rateLimits": rows}) == {"weight_1m": 6000, "orders_10s": 100}
    assert decode_market.request_limits({"rateLimits": 7}) == {}


def test_a_symbol_that_tells_no_lists_gets_a_supervised_exit() -> None:
    names = ("ocoAllowed", "otoAllowed", "opoAllowed")
    silent = {name: value for name, value in SYMBOL.items() if name not in names}

    assert decode_market.instrument(silent).protection is ProtectionMode.SUPERVISED


def test_the_candle_that_is_still_open_is_left_out() -> None:
    open_now = [120_000, *KLINE[1:6], 179_999, *KLINE[7:]]

    candles = decode_market.candles(
        [KLINE, open_now], symbol="BTCUSDT", interval="1m", closed_before_ms=150_000
    )

    assert [(candle.open_ms, candle.close, candle.volume) for candle in candles] == [(60_000, 1.5, 100.25)]


@pytest.mark.parametrize("row", [[], ["x"] * 12, [60_000, "NaN", *KLINE[2:]], [*KLINE[:6], "x", *KLINE[7:]]])
def test_a_malformed_candle_is_refused(row: list[Any]) -> None:
    with pytest.raises(MalformedMessage):
        decode_market.candles([row], symbol="BTCUSDT", interval="1m", closed_before_ms=10**13)


def test_delistings_are_read_by_symbol_and_the_first_of_several_counts() -> None:
    told = [
        {"delistTime": 1_686_222_232_000, "symbols": ["ETHUSDT", "ADAUSDT"]},
        {"delistTime": 1_686_161_202_000, "symbols": ["ADAUSDT"], "news": "of tomorrow"},
    ]

    assert decode_market.delistings(told) == {
        "ETHUSDT": from_ms(1_686_222_232_000),
        "ADAUSDT": from_ms(1_686_161_202_000),
    }
    assert decode_market.delistings([]) == {}


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"symbols": ["ETHUSDT"]}, "delistTime is missing"),
        ({"delistTime": "1686222232000", "symbols": []}, "delistTime: '1686222232000' is not a whole number"),
        ({"delistTime": 10**18, "symbols": []}, "is not a moment in milliseconds"),
        ({"delistTime": 1}, "symbols is NoneType, not a list"),
        ({"delistTime": 1, "symbols": "ETHUSDT"}, "symbols is str, not a list"),
        ({"delistTime": 1, "symbols": [7]}, "symbols: '7' is not the name of a symbol"),
        ({"delistTime": 1, "symbols": [""]}, "symbols: '' is not the name of a symbol"),
        ("ETHUSDT", "an entry is str, not an object"),
    ],
)
def test_one_odd_delisting_refuses_them_all(odd: object, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        decode_market.delistings([{"delistTime": 1, "symbols": ["ADAUSDT"]}, odd])


def test_a_schedule_that_is_no_list_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="delist schedule is dict, not a list"):
        decode_market.delistings({"code": 0})
