"""Signatures: the venue's own example, keys in files, and errors that keep the key to themselves."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trading.exchange.signing import Signer, UnusableKey
from trading.exchange.ws_api import signed_params

PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_hmac_gives_the_documented_signature() -> None:
    # rest-api.md, "SIGNED Endpoint Example for POST /api/v3/order - HMAC Keys"
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    payload = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559"
    )

    signature = Signer(api_secret=secret).sign(payload)

    assert signature == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_an_ed25519_key_signs_whatever_its_line_ends(tmp_path: Path, newline: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(*PEM).replace(b"\n", newline))

    signer = Signer(api_secret="", private_key_file=str(path))

    assert not signer.is_hmac
    key.public_key().verify(base64.b64decode(signer.sign("a=1")), b"a=1")


def test_a_key_of_another_kind_or_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    other, broken = tmp_path / "ec.pem", tmp_path / "broken.pem"
    other.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*PEM))
    broken.write_text("topsecret")

    for path in (other, broken, tmp_path / "absent.pem"):
        with pytest.raises(UnusableKey, match=path.name) as refusal:
            Signer(api_secret="", private_key_file=str(path))
        assert "topsecret" not in str(refusal.value)


def test_socket_parameters_are_signed_in_alphabetical_order() -> None:
    signer = Signer(api_secret="s")

    params = signed_params({"zeta": "ü/+"}, api_key="k", signer=signer, timestamp_ms=5)

    assert params["signature"] == signer.sign("apiKey=k&timestamp=5&zeta=ü/+")
