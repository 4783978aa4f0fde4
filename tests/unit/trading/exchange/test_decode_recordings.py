"""Recorded messages of the real venue decode, or are named as unknown; none of them may crash a decoder."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trading.domain.executions import ExecutionReport
from trading.exchange import decode, decode_market, market_frames
from trading.exchange.fields import UnknownMessage

FIXTURES = Path(__file__).parents[5] / "shared" / "data" / "fixtures"
TICKS = FIXTURES.parent / "ticks"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not part of the repository")


def _captures(name: str) -> Iterator[Any]:
    path = FIXTURES / f"gct_api_v3_{name}"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for capture in json.loads(raw)["captures"]:
        yield capture["response"]


def _documented(name: str) -> Any:
    """Read the reply of a recorded exchange: method, path and signed flag stand on three lines before it."""
    text = (FIXTURES / "binance_net" / "Endpoints" / "Spot" / name).read_text(encoding="utf-8-sig")
    return json.loads(text.split("\n", 3)[3])


def _reports() -> list[Path]:
    return sorted(FIXTURES.glob("nautilus_py/ws_spot_execution_report*.json"))


@pytest.mark.parametrize("path", _reports(), ids=lambda path: path.stem)
def test_every_recorded_execution_report_decodes(path: Path) -> None:
    event = json.loads(path.read_text())["data"]

    report = decode.user_event(event)

    assert isinstance(report, ExecutionReport)
    assert report.venue_order_id == event["i"]
    assert sum(fill.qty for fill in report.fills) <= report.filled_qty


def test_every_recorded_stream_message_is_decoded_ignored_or_named() -> None:
    lines = (FIXTURES / "gct_ws_messages.ndjson").read_text().splitlines()
    kinds: dict[str, str] = {}
    for line in lines:
        data = json.loads(line)["data"]
        try:
            kinds[data["e"]] = "ignored" if decode.user_event(data) is None else "decoded"
        except UnknownMessage:
            kinds[data["e"]] = "unknown"

    assert kinds["executionReport"] == kinds["outboundAccountPosition"] == "decoded"
    assert (kinds["listStatus"], kinds["balanceUpdate"]) == ("ignored", "decoded")
    assert kinds["trade"] == "unknown"


@pytest.mark.parametrize("name", ["exchangeInfo_GET.json"])
def test_recorded_rules_decode_without_loss(name: str) -> None:
    for payload in _captures(name):
        listed = decode_market.instruments(payload)

        assert not listed.left_out
        assert len(listed.instruments) == len(payload["symbols"]) > 0


def test_older_recorded_rules_decode_too() -> None:
    payload = json.loads((FIXTURES / "nautilus_py/http_spot_market_exchange_info.json").read_text())

    assert len(decode_market.instruments(payload).instruments) == len(payload["symbols"])


def test_recorded_orders_fills_and_account_decode() -> None:
    for payload in _captures("order_GET.json"):
        assert decode.order_query(payload).venue_order_id == payload["orderId"]
    for payload in _captures("openOrders_GET.json"):
        assert len(decode.open_orders(payload)) == len(payload)
    for payload in _captures("account_GET.json"):
        decode.account_balances(payload)


@pytest.mark.parametrize(
    "name", ["PlaceOtocoOrderList.txt", "PlaceOcoOrderList.txt", "PlaceOtoOrderList.txt"]
)
def test_recorded_order_lists_decode(name: str) -> None:
    payload = _documented(f"Trading/{name}")

    reports = decode.list_reply(payload)

    assert [each.venue_order_id for each in reports] == [row["orderId"] for row in payload["orderReports"]]


def test_recorded_order_and_trades_decode() -> None:
    order = decode.order_reply(_documented("Trading/PlaceOrder.txt"))
    trades = decode.account_fills(_documented("Trading/GetUserTrades.txt"))

    assert sum(fill.qty for fill in order.fills) == order.filled_qty
    assert trades[0].fee_asset == "BNB"


def test_recorded_candles_decode() -> None:
    for payload in _captures("klines_GET.json.gz"):
        candles = decode_market.candles(payload, symbol="X", interval="1m", closed_before_ms=10**13)
        assert len(candles) == len(payload)


@pytest.mark.skipif(not TICKS.is_dir(), reason="the captures are not part of the repository")
def test_captured_market_frames_decode() -> None:
    with gzip.open(TICKS / "btcusdt-ws-20240809.ndjson.gz", "rt") as lines:
        frames = [json.loads(line.split(" ", 1)[1]) for line, _ in zip(lines, range(5000), strict=False)]
    data = [frame.get("data", frame) for frame in frames]
    tickers = [each for each in data if "e" not in each and "b" in each and "s" in each]

    read = [market_frames.read_frame(json.dumps({"data": each}).encode()).data for each in tickers]

    assert read
    rows = [market_frames.quote_row(each, 1) for each in read]
    assert [(row.symbol, row.bid, row.ask) for row in rows] == [
        (each["s"], each["b"], each["a"]) for each in tickers
    ]
