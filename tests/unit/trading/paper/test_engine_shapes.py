"""The engine's answers and events against recorded ones: no field of the venue may be missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.paper_desk import Desk

FIXTURES = Path(__file__).parents[5] / "shared" / "data" / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recorded payloads are not here")
MARGIN_ONLY = {"marginBuyBorrowAmount", "marginBuyBorrowAsset", "isIsolated"}


def recorded(name: str) -> Any:
    """Give a recorded payload."""
    return json.loads((FIXTURES / name).read_text())


def missing(ours: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    """Give the recorded fields that our answer lacks."""
    return set(theirs) - set(ours) - MARGIN_ONLY


@pytest.mark.parametrize("kind", ["new", "trade", "canceled", "expired"])
def test_execution_reports_have_every_recorded_field(kind: str) -> None:
    desk = Desk()
    desk.limit("BUY", "3", "100", timeInForce="IOC")
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    desk.call("order.cancel", orderId=order_id)
    ours = next(event for event in desk.events() if event["x"] == kind.upper())
    theirs = recorded(f"nautilus_py/ws_spot_execution_report_{kind}.json")["data"]
    assert missing(ours, theirs) == set()
    assert {name: type(ours[name]) for name in "qplzi"} == {name: type(theirs[name]) for name in "qplzi"}


def test_a_list_status_has_every_recorded_field() -> None:
    desk = Desk()
    desk.oco()
    lines = (FIXTURES / "gct_ws_messages.ndjson").read_text().splitlines()
    messages = [json.loads(line)["data"] for line in lines]
    theirs = next(m for m in messages if isinstance(m, dict) and m.get("e") == "listStatus")
    ours = desk.events("listStatus")[0]
    assert missing(ours, theirs) == set()
    assert set(ours["O"][0]) == set(theirs["O"][0])


def test_orders_and_the_account_have_every_recorded_field() -> None:
    desk = Desk()
    order_id = desk.limit("BUY", "1", "99")["orderId"]
    shown = recorded("gct_api_v3_openOrders_GET.json")["captures"][0]["response"][0]
    assert missing(desk.order(order_id), shown) == set()
    cancelled = recorded("gct_api_v3_order_DELETE.json")["captures"][0]["response"]
    assert missing(desk.call("order.cancel", orderId=order_id), cancelled) == set()
    account = recorded("nautilus_py/http_spot_wallet_account.json")
    assert missing(desk.engine.execute("account.status", {}), account) == set()


def test_exchange_info_has_every_recorded_field_of_a_symbol() -> None:
    theirs = recorded("nautilus_py/http_spot_market_exchange_info.json")
    ours = Desk().catalogue.exchange_info()
    assert missing(ours, theirs) == set()
    assert missing(ours["symbols"][0], theirs["symbols"][0]) == set()
