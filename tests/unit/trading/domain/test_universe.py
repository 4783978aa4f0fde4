"""Universes: lists and rules, and one clear line for what is wrong."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.builders import NOON, an_instrument
from trading.domain.universe import (
    InvalidUniverse,
    ListedSymbol,
    parse_universe,
    resolve,
    universe_to_json,
)


def _listed(symbol: str, volume: int | None, *, status: str = "TRADING", age_days: int = 100) -> ListedSymbol:
    instrument = an_instrument(symbol=symbol, status=status)
    seen = NOON - timedelta(days=age_days)
    return ListedSymbol(instrument, None if volume is None else Decimal(volume), seen)


LISTED = [
    _listed("AUSDT", 10),
    _listed("BUSDT", 30),
    _listed("CUSDT", 20, status="HALT"),
    _listed("DUSDT", 40, age_days=1),
    _listed("EUSDT", None),
]


def test_a_rule_takes_the_largest_by_volume() -> None:
    universe = parse_universe({"quote_asset": "USDT", "top": 2})

    assert resolve(universe, LISTED, barred=(), now=NOON) == ["DUSDT", "BUSDT"]


def test_a_rule_leaves_out_the_young_the_small_and_the_barred() -> None:
    raw = {"quote_asset": "USDT", "top": 9, "minimum_age_days": 30, "min_quote_volume": "5"}

    assert resolve(parse_universe(raw), LISTED, barred={"BUSDT"}, now=NOON) == ["AUSDT"]


def test_a_list_leaves_out_what_is_not_trading() -> None:
    universe = parse_universe({"symbols": ["BUSDT", "CUSDT", "AUSDT"]})

    assert resolve(universe, LISTED, barred=(), now=NOON) == ["BUSDT", "AUSDT"]


@pytest.mark.parametrize("raw", [{"symbols": ["AUSDT"]}, {"quote_asset": "USDT", "top": 3}])
def test_a_universe_survives_its_stored_form(raw: dict[str, Any]) -> None:
    universe = parse_universe(raw)

    assert parse_universe(universe_to_json(universe)) == universe


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "quote_asset: an asset in capitals"),
        ({"symbols": []}, "symbols: a list of at least one"),
        ({"symbols": ["btcusdt"]}, "symbols: 'btcusdt' is not a symbol in capitals"),
        ({"symbols": ["A"], "top": 3}, "symbols: either a list"),
        ({"quote_asset": "USDT", "top": 0}, "top: a whole number from 1 to 400"),
        ({"quote_asset": "USDT", "top": 1, "min_quote_volume": "x"}, "min_quote_volume"),
        ({"quote": "USDT"}, "quote: unknown; allowed are symbols"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidUniverse, match=message):
        parse_universe(raw)
