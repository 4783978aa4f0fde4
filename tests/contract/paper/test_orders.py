"""Orders through python-binance's own client, as the product places them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import requests
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.support.paper_venue import PaperServer, now_ms


def resting_buy(client: Client, **changes: Any) -> dict[str, Any]:
    order = {"symbol": "BTCUSDT", "quantity": "0.001", "price": "20000", **changes}
    placed: dict[str, Any] = client.order_limit_buy(**order)
    return placed


def test_a_limit_order_rests_until_it_is_cancelled(client: Client) -> None:
    placed = resting_buy(client, newClientOrderId="entry-1")

    cancelled = client.cancel_order(symbol="BTCUSDT", origClientOrderId="entry-1")

    assert placed["status"] == "NEW"
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "entry-1")
    assert client.get_order(symbol="BTCUSDT", orderId=placed["orderId"])["status"] == "CANCELED"


def test_a_market_order_tells_its_fills(client: Client) -> None:
    filled = client.order_market_buy(symbol="BTCUSDT", quantity="0.01")

    assert filled["status"] == "FILLED"
    assert sum(Decimal(fill["qty"]) for fill in filled["fills"]) == Decimal("0.01")
    assert client.get_my_trades(symbol="BTCUSDT", orderId=filled["orderId"])


def test_open_orders_show_what_rests(client: Client) -> None:
    placed = resting_buy(client)

    ids = [order["orderId"] for order in client.get_open_orders(symbol="BTCUSDT")]
    client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])

    assert placed["orderId"] in ids


def test_an_oco_is_placed_and_cancelled_as_one(client: Client) -> None:
    price = Decimal(client.get_symbol_ticker(symbol="BTCUSDT")["price"])
    placed = client.create_oco_order(
        symbol="BTCUSDT",
        side="SELL",
        quantity="0.01",
        aboveType="LIMIT_MAKER",
        abovePrice=f"{price * 2:.2f}",
        belowType="STOP_LOSS",
        belowStopPrice=f"{price / 2:.2f}",
    )

    gone = client.v3_delete_order_list(symbol="BTCUSDT", orderListId=placed["orderListId"])

    assert len(placed["orderReports"]) == 2
    assert gone["listOrderStatus"] == "ALL_DONE"


def test_a_second_cancel_is_unknown(client: Client) -> None:
    placed = resting_buy(client)
    client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])

    with pytest.raises(BinanceAPIException) as refusal:
        client.cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])

    assert (refusal.value.code, refusal.value.message) == (-2011, "Unknown order sent.")


def test_an_amendment_keeps_the_order_and_shrinks_it(client: Client) -> None:
    placed = resting_buy(client, quantity="0.002")

    client._put(
        "order/amend/keepPriority",
        True,  # python-binance takes `signed` by position
        data={"symbol": "BTCUSDT", "orderId": placed["orderId"], "newQty": "0.001"},
    )

    order = client.get_order(symbol="BTCUSDT", orderId=placed["orderId"])
    assert (order["status"], Decimal(order["origQty"])) == ("NEW", Decimal("0.001"))


def test_an_order_may_be_sent_in_the_query(venue: PaperServer) -> None:
    answer = venue.signed(
        "POST",
        "order",
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.001",
            "price": "20000",
        },
    )

    assert answer.json()["status"] == "NEW"


def test_market_data_has_the_venues_shapes(client: Client) -> None:
    klines = client.get_klines(symbol="BTCUSDT", interval="1m", limit=5)
    info = client.get_exchange_info()

    assert [len(row) for row in klines] == [12] * 5
    assert [row["symbol"] for row in info["symbols"]] == ["BTCUSDT", "ETHUSDT", "BNBUSDT"]
    assert abs(client.get_server_time()["serverTime"] - now_ms()) < 1000


def test_an_unknown_path_is_not_found(venue: PaperServer) -> None:
    assert requests.get(f"{venue.url}/api/v3/userDataStream", timeout=20).status_code == 404


def test_an_unknown_symbol_is_named_so(client: Client) -> None:
    with pytest.raises(BinanceAPIException, match="Invalid symbol"):
        client.get_klines(symbol="NOPE", interval="1m")


def test_the_ledger_agrees_with_the_account(venue: PaperServer, client: Client) -> None:
    client.order_market_buy(symbol="ETHUSDT", quantity="0.1")

    told = {row["asset"]: Decimal(row["free"]) for row in client.get_account()["balances"]}
    known = {asset: Decimal(row["free"]) for asset, row in venue.paper("ledger")["balances"].items()}

    assert {asset: told[asset] for asset in known} == known
