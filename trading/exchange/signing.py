"""The signature of a request: HMAC with a secret, or Ed25519 / RSA with a private key file.

Used by the REST client and the user stream. Key material stays in this object: it is in no text form, no
exception and no log.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class UnusableKey(ValueError):
    """The private key file cannot be used; the text names the file, never its content."""


class Signer:
    """Signs payloads; `is_hmac` tells which of the venue's two families the signature is of."""

    def __init__(self, *, api_secret: str, private_key_file: str | None = None) -> None:
        self.is_hmac = not private_key_file
        self._sign = _key_signer(Path(private_key_file)) if private_key_file else _secret_signer(api_secret)

    def sign(self, payload: str) -> str:
        """Give the signature: hex for HMAC, base64 for private keys, not percent-encoded."""
        return self._sign(payload.encode())


def _secret_signer(secret: str) -> Callable[[bytes], str]:
    key = secret.encode()
    return lambda payload: hmac.new(key, payload, hashlib.sha256).hexdigest()


def _key_signer(path: Path) -> Callable[[bytes], str]:
    # Not python-binance's own loading: it tells RSA from Ed25519 by the length of the text, and signs five
    # times slower.
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UnusableKey(f"{path} is not a readable, unencrypted PEM key ({type(error).__name__})") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return lambda payload: base64.b64encode(key.sign(payload)).decode()
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda payload: base64.b64encode(
            key.sign(payload, padding.PKCS1v15(), hashes.SHA256())
        ).decode()
    raise UnusableKey(f"{path} holds neither an Ed25519 nor an RSA key")
