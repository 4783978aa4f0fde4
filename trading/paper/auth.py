"""Who is asking, and is the request fresh: API key, signature, timestamp, recvWindow.

The dispatcher calls this for every signed request of REST and of the WS API. It knows nothing of orders.
Texts and bounds: the venue's REST page "SIGNED Endpoint security" and errors page, read 2026-07-21.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trading.paper.errors import INTEGER_RANGE, VenueError, illegal_characters, mandatory

AHEAD_MS = 1000
FAR_AHEAD_MS = 10_000
DEFAULT_RECV_WINDOW_MS = Decimal(5000)
MAX_RECV_WINDOW_MS = Decimal(60_000)
FIRST_TIMESTAMP_MS = 1_483_228_800_000  # 2017-01-01, before the venue existed
AHEAD_TEXT = "Timestamp for this request was 1000ms ahead of the server's time."
OUTSIDE_TEXT = "Timestamp for this request is outside of the recvWindow."
_WINDOW = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?")
_WINDOW_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,3})?$"


def key_format_invalid() -> VenueError:
    """Refuse a request without a usable API key (-2014)."""
    return VenueError(401, -2014, "API-key format invalid.")


def key_rejected() -> VenueError:
    """Refuse an API key that is unknown, revoked or not allowed here (-2015)."""
    return VenueError(401, -2015, "Invalid API-key, IP, or permissions for action.")


def signature_invalid() -> VenueError:
    """Refuse a signature that does not fit the payload (-1022)."""
    return VenueError(400, -1022, "Signature for this request is not valid.")


def too_far_ahead() -> VenueError:
    """Refuse a timestamp from the future (-1021)."""
    return VenueError(400, -1021, AHEAD_TEXT)


def outside_window() -> VenueError:
    """Refuse a timestamp that is too old for its recvWindow (-1021)."""
    return VenueError(400, -1021, OUTSIDE_TEXT)


@dataclass(slots=True)
class Keyring:
    """The one account's key: a shared secret and, where registered, an Ed25519 public key."""

    api_key: str
    secret: str
    public_key: Ed25519PublicKey | None = None

    def check_key(self, api_key: str | None) -> None:
        """Refuse any API key but the account's own."""
        if not api_key:
            raise key_format_invalid()
        if not hmac.compare_digest(api_key.encode(), self.api_key.encode()):
            raise key_rejected()

    def check_signature(self, payload: bytes, signature: str | None) -> None:
        """Refuse a payload that neither the secret nor the Ed25519 key signed.

        HMAC is hex in any case of letters; Ed25519 is base64 and exact.
        """
        if not signature:
            raise mandatory("signature")
        expected = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected.encode(), signature.lower().encode()):
            return
        if not self.signed_by_public_key(payload, signature):
            raise signature_invalid()

    def signed_by_public_key(self, payload: bytes, signature: str) -> bool:
        """Tell whether the registered Ed25519 key made this signature."""
        if self.public_key is None:
            return False
        # python-binance percent-encodes the signature once itself and the form encoder does it again;
        # base64 holds no percent sign, so undoing the second layer can mistake nothing.
        text = unquote(signature) if "%" in signature else signature
        try:
            self.public_key.verify(base64.b64decode(text, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Freshness:
    """The time a request was made and how long it may take (both milliseconds)."""

    timestamp_ms: int
    recv_window_ms: Decimal

    def check(self, now_ms: int) -> None:
        """Refuse what is ahead of the venue's clock or older than its window (-1021)."""
        if self.timestamp_ms >= now_ms + AHEAD_MS:
            raise too_far_ahead()
        self.check_age(now_ms)

    def check_age(self, now_ms: int) -> None:
        """Refuse what has grown too old; the venue asks this again right before the matching engine."""
        if now_ms - self.timestamp_ms > self.recv_window_ms:
            raise outside_window()


def read_freshness(params: Mapping[str, str], *, now_ms: int) -> Freshness:
    """Read timestamp and recvWindow, refusing illegal texts and absurd moments."""
    text = params.get("timestamp")
    if not text:
        raise mandatory("timestamp")
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise illegal_characters("timestamp", INTEGER_RANGE)
    timestamp_ms = int(text)
    if timestamp_ms > 10**15:  # microseconds are allowed on the wire
        timestamp_ms //= 1000
    if timestamp_ms < FIRST_TIMESTAMP_MS:
        raise outside_window()
    if timestamp_ms > now_ms + FAR_AHEAD_MS:
        raise too_far_ahead()
    return Freshness(timestamp_ms, _recv_window(params.get("recvWindow")))


def _recv_window(text: str | None) -> Decimal:
    if text is None or text == "":
        return DEFAULT_RECV_WINDOW_MS
    if not _WINDOW.fullmatch(text):
        raise illegal_characters("recvWindow", _WINDOW_RANGE)
    window = Decimal(text)
    if window > MAX_RECV_WINDOW_MS:
        raise VenueError(400, -1102, "'recvWindow' contains unexpected value. Cannot be greater than 60000.")
    return window


def split_signature(payload: bytes) -> tuple[bytes, str | None]:
    """Take `signature=…` out of a query string or form body; give the rest as it was signed."""
    if b"signature=" not in payload:
        return payload, None
    kept: list[bytes] = []
    signature: str | None = None
    for part in payload.split(b"&"):
        if part.startswith(b"signature="):
            signature = unquote(part[len(b"signature=") :].decode("latin-1"))
        else:
            kept.append(part)
    return b"&".join(kept), signature


def ws_payload(params: Mapping[str, str]) -> bytes:
    """Give the text a WS API request signs: sorted by name, not percent-encoded."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature").encode()
