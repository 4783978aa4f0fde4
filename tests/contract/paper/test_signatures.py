"""Who may speak to the venue, and how old a request may be."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from binance.client import Client
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.paper_venue import BALANCES, SYMBOLS, PaperServer, now_ms, sign, ws_request
from trading.paper.config import PaperConfig

LIMIT_BUY = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "20000",
}


@pytest.fixture(scope="module")
def private_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def keyed_venue(private_key: Ed25519PrivateKey) -> Iterator[PaperServer]:
    config = PaperConfig(port=0, symbols=SYMBOLS, balances=BALANCES)
    with PaperServer(dataclasses.replace(config, public_key=private_key.public_key())) as server:
        yield server


def pem_file(key: Ed25519PrivateKey, folder: Path) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def refused(response: requests.Response) -> tuple[int, int, str]:
    body = response.json()
    return response.status_code, body["code"], body["msg"]


def test_a_right_signature_is_accepted_in_the_query(venue: PaperServer) -> None:
    assert venue.signed("GET", "account", {}).status_code == 200


def test_a_right_signature_is_accepted_in_upper_case(venue: PaperServer) -> None:
    params = f"timestamp={now_ms()}"

    answer = requests.get(
        f"{venue.url}/api/v3/account?{params}&signature={sign(params).upper()}",
        headers={"X-MBX-APIKEY": "paper"},
        timeout=20,
    )

    assert answer.status_code == 200


def test_query_and_body_are_signed_as_one_text(venue: PaperServer) -> None:
    query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timestamp={now_ms()}"
    body = "timeInForce=GTC&quantity=0.001&price=20000"

    answer = requests.post(
        f"{venue.url}/api/v3/order/test?{query}",
        data=f"{body}&signature={sign(query + body)}",
        headers={"X-MBX-APIKEY": "paper", "Content-Type": "application/x-www-form-urlencoded"},
        timeout=20,
    )

    assert (answer.status_code, answer.json()) == (200, {})


def test_a_wrong_secret_is_refused(venue: PaperServer) -> None:
    answer = venue.signed("GET", "account", {}, secret="wrong")

    assert refused(answer) == (400, -1022, "Signature for this request is not valid.")


def test_an_unknown_key_is_refused(venue: PaperServer) -> None:
    answer = venue.signed("GET", "account", {}, key="stranger")

    assert refused(answer) == (401, -2015, "Invalid API-key, IP, or permissions for action.")


def test_a_missing_key_is_refused(venue: PaperServer) -> None:
    answer = requests.get(f"{venue.url}/api/v3/account?timestamp={now_ms()}", timeout=20)

    assert refused(answer) == (401, -2014, "API-key format invalid.")


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"timestamp": "abc"}, -1100, "Illegal characters found in parameter 'timestamp'"),
        ({"timestamp": ""}, -1102, "Mandatory parameter 'timestamp' was not sent"),
        (
            {"recvWindow": "60001"},
            -1102,
            "'recvWindow' contains unexpected value. Cannot be greater than 60000.",
        ),
        ({"recvWindow": "1e3"}, -1100, "Illegal characters found in parameter 'recvWindow'"),
    ],
)
def test_an_unusable_time_is_refused(
    venue: PaperServer, params: dict[str, Any], code: int, text: str
) -> None:
    status, got, message = refused(venue.signed("GET", "account", params))

    assert (status, got) == (400, code)
    assert message.startswith(text)


@pytest.mark.parametrize(
    ("offset_ms", "window_ms", "text"),
    [
        (1500, 5000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (60_000, 5000, "Timestamp for this request was 1000ms ahead of the server's time."),
        (-8000, 5000, "Timestamp for this request is outside of the recvWindow."),
        (-1500, 1000, "Timestamp for this request is outside of the recvWindow."),
    ],
)
def test_a_time_out_of_bounds_is_refused(
    venue: PaperServer, offset_ms: int, window_ms: int, text: str
) -> None:
    params = {"timestamp": now_ms() + offset_ms, "recvWindow": window_ms}

    assert refused(venue.signed("GET", "account", params)) == (400, -1021, text)


def test_a_parameter_sent_twice_is_refused(venue: PaperServer) -> None:
    answer = requests.get(f"{venue.url}/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT", timeout=20)

    assert refused(answer) == (400, -1101, "Duplicate values for a parameter detected.")


def test_an_ed25519_key_signs_queries_and_orders(
    keyed_venue: PaperServer, private_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    client: Client = keyed_venue.client(private_key=pem_file(private_key, tmp_path))

    placed = client.create_order(**LIMIT_BUY)

    assert client.get_order(symbol="BTCUSDT", orderId=placed["orderId"])["status"] == "NEW"


def test_a_foreign_ed25519_key_is_refused(keyed_venue: PaperServer, tmp_path: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    client = keyed_venue.client(private_key=pem_file(stranger, tmp_path))

    with pytest.raises(Exception, match="Signature for this request is not valid"):
        client.get_account()


async def test_a_session_logged_on_with_ed25519_needs_no_more_signatures(
    keyed_venue: PaperServer, private_key: Ed25519PrivateKey
) -> None:
    logon: dict[str, Any] = {"apiKey": "paper", "timestamp": now_ms()}
    text = "&".join(f"{name}={logon[name]}" for name in sorted(logon))
    logon["signature"] = base64.b64encode(private_key.sign(text.encode())).decode()

    async with (
        aiohttp.ClientSession() as web,
        web.ws_connect(f"{keyed_venue.ws_url}/ws-api/v3") as socket,
    ):
        await socket.send_str(ws_request("session.logon", 1, **logon))
        session = await socket.receive_json(timeout=20)
        await socket.send_str(ws_request("userDataStream.subscribe", 2))
        subscribed = await socket.receive_json(timeout=20)
        await socket.send_str(ws_request("account.status", 3, timestamp=now_ms()))
        account = await socket.receive_json(timeout=20)

    assert session["result"]["apiKey"] == "paper"
    assert subscribed["result"] == {"subscriptionId": 0}
    assert account["result"]["canTrade"] is True
