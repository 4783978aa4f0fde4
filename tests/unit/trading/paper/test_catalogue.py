"""The paper venue's symbols: plausible facts, exchangeInfo's shape, changes at run time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.paper.catalogue import Catalogue, default_catalogue, spec_of
from trading.paper.catalogue_symbols import known_symbols
from trading.paper.errors import VenueError


def test_twelve_symbols_are_listed_by_default_and_sixty_are_known() -> None:
    assert list(default_catalogue())[:3] == ["BTCUSDT", "ETHUSDT", "BNBUSDT"]
    assert len(default_catalogue()) == 12
    assert len(known_symbols()) == 60


def test_an_unknown_name_always_gets_the_same_plausible_facts() -> None:
    first, second = spec_of("NOVELUSDT"), spec_of("NOVELUSDT")
    assert first == second
    assert (first.base, first.quote) == ("NOVEL", "USDT")
    assert first.start_price % first.tick_size == 0


def test_a_name_without_a_known_quote_asset_is_no_symbol() -> None:
    with pytest.raises(ValueError, match="quote asset"):
        spec_of("NONSENSE")


@pytest.mark.parametrize("symbol", known_symbols())
def test_every_known_symbol_allows_a_small_order_on_its_own_grid(symbol: str) -> None:
    spec = spec_of(symbol)
    assert spec.start_price % spec.tick_size == 0
    assert spec.min_qty % spec.step_size == 0
    assert spec.min_qty * spec.start_price < spec.min_notional
    assert spec.market_max_qty * spec.start_price > 1000
    assert spec.start_price <= spec.max_price


def test_every_ladder_of_protection_has_a_symbol() -> None:
    allowed = {(s.opo_allowed, s.oto_allowed, s.oco_allowed) for s in default_catalogue().values()}
    assert allowed == {
        (True, True, True),
        (False, True, True),
        (False, False, True),
        (False, False, False),
    }


def test_exchange_info_shows_every_symbol_with_all_fields() -> None:
    info = default_catalogue().exchange_info(server_time_ms=7)
    assert (info["serverTime"], len(info["symbols"])) == (7, 12)
    shown = info["symbols"][0]
    assert shown["permissionSets"] == [["SPOT", "MARGIN"]]
    assert {f["filterType"] for f in shown["filters"]} == {
        "PRICE_FILTER",
        "LOT_SIZE",
        "ICEBERG_PARTS",
        "MARKET_LOT_SIZE",
        "TRAILING_DELTA",
        "PERCENT_PRICE_BY_SIDE",
        "NOTIONAL",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ORDER_AMENDS",
    }


def test_one_symbol_has_a_filter_that_nobody_knows() -> None:
    filters = default_catalogue().exchange_info(["DOTUSDT"])["symbols"][0]["filters"]
    assert filters[-1]["filterType"] == "T_PLUS_SELL"


def test_the_ws_api_shows_the_limit_of_connections_instead_of_raw_requests() -> None:
    limits = default_catalogue().exchange_info(websocket=True)["rateLimits"]
    kinds = [limit["rateLimitType"] for limit in limits]
    assert kinds == ["REQUEST_WEIGHT", "ORDERS", "ORDERS", "CONNECTIONS"]


def refused(catalogue: Catalogue, symbols: list[str] | None, status: str | None) -> int:
    """Give the code by which exchangeInfo refuses."""
    with pytest.raises(VenueError) as caught:
        catalogue.exchange_info(symbols, symbol_status=status)
    return caught.value.code


@pytest.mark.parametrize(
    ("symbols", "status", "code"),
    [
        (["NOPEUSDT"], None, -1121),
        (["BTCUSDT", "BTCUSDT"], None, -1151),
        (["BTCUSDT"], "TRADING", -1128),
        (None, "ASLEEP", -1122),
    ],
)
def test_exchange_info_refuses_what_it_cannot_show(
    symbols: list[str] | None, status: str | None, code: int
) -> None:
    assert refused(default_catalogue(), symbols, status) == code


def test_rules_change_while_the_venue_runs() -> None:
    catalogue = default_catalogue()
    catalogue.update("BTCUSDT", status="BREAK", tick_size=Decimal("0.1"))
    assert [s["symbol"] for s in catalogue.exchange_info(symbol_status="BREAK")["symbols"]] == ["BTCUSDT"]
    catalogue.remove("BTCUSDT")
    assert "BTCUSDT" not in catalogue


def test_the_limits_of_the_account_are_exchange_filters() -> None:
    catalogue = default_catalogue()
    catalogue.exchange_filters["EXCHANGE_MAX_NUM_ORDERS"] = 1000
    assert catalogue.exchange_info()["exchangeFilters"] == [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}
    ]


def test_the_price_range_rule_is_shown_where_it_holds() -> None:
    catalogue = default_catalogue(["BTCUSDT", "ETHUSDT"])
    catalogue.update("BTCUSDT", price_range_up=Decimal("1.05"), price_range_down=Decimal("0.95"))
    bitcoin, ether = catalogue.execution_rules()["symbolRules"]
    assert ether["rules"] == []
    assert bitcoin["rules"][0]["bidLimitMultUp"] == "1.05"
    assert bitcoin["rules"][0]["askLimitMultDown"] == "0.95"
