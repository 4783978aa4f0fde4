"""Faults of orders on the wire, against a market that sets its books five times a second."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from binance.client import Client
from binance.exceptions import BinanceAPIException

from tests.support.paper_venue import PaperServer, wait_until


def bid(client: Client) -> Decimal:
    """Give the best bid of BTCUSDT."""
    return Decimal(client.get_orderbook_ticker(symbol="BTCUSDT")["bidPrice"])


def calm_bid(client: Client) -> Decimal:
    """Give the best bid once the market moves in small steps: an earlier test may have left a bent book."""
    seen = [bid(client)]

    def is_calm() -> bool:
        if (now := bid(client)) != seen[-1]:
            seen.append(now)
        return len(seen) > 3 and max(seen[-3:]) < min(seen[-3:]) * Decimal("1.005")

    wait_until(is_calm)
    return seen[-1]


def protect(client: Client, price: Decimal, *, stop: str = "0.97") -> dict[str, Any]:
    """Place an OCO over 0.001 BTC: 5 % above, and stopped below."""
    answer: dict[str, Any] = client._post(
        "orderList/oco",
        True,
        data={
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.001",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": f"{price * Decimal('1.05'):.2f}",
            "belowType": "STOP_LOSS",
            "belowStopPrice": f"{price * Decimal(stop):.2f}",
        },
    )
    return answer


def statuses(client: Client, pair: dict[str, Any]) -> list[str]:
    """Ask for both legs."""
    ids = [order["orderId"] for order in pair["orders"]]
    return [client.get_order(symbol="BTCUSDT", orderId=order_id)["status"] for order_id in ids]


def test_fault_39_gaps_through_a_stop_and_the_market_comes_back(venue: PaperServer, client: Client) -> None:
    before = calm_bid(client)
    pair = protect(client, before)
    venue.arm(39, depth_bps=500, for_s=1.5, symbol="BTCUSDT")

    wait_until(lambda: bid(client) < before * Decimal("0.95"))
    wait_until(lambda: statuses(client, pair) == ["FILLED", "EXPIRED"])
    wait_until(lambda: bid(client) > before * Decimal("0.98"))

    sold = client.get_my_trades(symbol="BTCUSDT")[-1]
    assert Decimal(sold["price"]) < before * Decimal("0.94")
    wait_until(lambda: venue.paper("faults")["spent"][-1]["fault"] == 39)


def test_fault_14_refuses_a_cancel_of_what_has_filled(venue: PaperServer, client: Client) -> None:
    pair = protect(client, calm_bid(client))
    venue.arm("cancel-too-late")

    with pytest.raises(BinanceAPIException) as refusal:
        client.cancel_order(symbol="BTCUSDT", orderId=pair["orders"][0]["orderId"])

    assert (refusal.value.code, refusal.value.message) == (-2011, "Unknown order sent.")
    assert statuses(client, pair) == ["EXPIRED", "FILLED"]
    assert venue.paper("faults")["spent"][-1]["fired"] == 1


def test_fault_30_fills_a_market_order_in_part(venue: PaperServer, client: Client) -> None:
    venue.arm(30, fraction=0.4)

    order = client.order_market_buy(symbol="BTCUSDT", quantity="0.01")

    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.00400000")


def test_fault_27_ends_by_itself(venue: PaperServer, client: Client) -> None:
    venue.arm(27, count=None, status="HALT", duration_s=0.2)
    assert client.get_symbol_info("BTCUSDT")["status"] == "HALT"

    wait_until(lambda: client.get_symbol_info("BTCUSDT")["status"] == "TRADING")

    assert venue.paper("faults")["fired"]["symbol-status"] == 1


def test_fault_28_takes_a_symbol_away_from_a_running_market(venue: PaperServer, client: Client) -> None:
    pair = protect(client, calm_bid(client))
    venue.arm(28, count=None, symbol="BTCUSDT", stage="removed")

    with pytest.raises(BinanceAPIException, match="Invalid symbol"):
        client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
    venue.disarm()

    wait_until(lambda: bid(client) > 0)
    assert statuses(client, pair) == ["EXPIRED", "EXPIRED"]
    bought = client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
    assert bought["status"] == "FILLED", bought


def test_fault_41_is_understood_by_a_client_that_leaves_aside_what_is_new(
    venue: PaperServer, client: Client
) -> None:
    venue.arm(41, count=None, mode="unicode")

    assert client.get_exchange_info()["symbols"][-1]["symbol"] == "币安人生USDT"
    assert client.get_all_tickers()[-1]["symbol"] == "币安人生USDT"


def test_every_fault_of_orders_says_what_it_does_and_what_it_takes(venue: PaperServer) -> None:
    numbers = {11, 12, 13, 14, 15, *range(24, 42), 45, 69}

    known = {fault["fault"]: fault for fault in venue.paper("faults")["known"]}

    assert numbers <= set(known)
    assert all(len(known[number]["what"]) > 40 and known[number]["params"] for number in numbers)
