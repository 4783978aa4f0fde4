"""Which venue is spoken to, and with which credentials: environment in, one immutable value out.

Only `fastcycle.settings` calls it; the product sees the result as `settings.VENUE`, through
`trading.bootstrap`. It must never connect to anything.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from fastcycle import env

DEFAULT_PAPER_PORT = 8100
PAPER_CREDENTIAL = "paper"  # the documented key and secret of a venue that holds no money
# The venue's own addresses, from its developer pages (read 2026-11).
ADDRESSES = {
    "demo": (
        "https://demo-api.binance.com/api",
        "wss://demo-stream.binance.com",
        "wss://demo-ws-api.binance.com/ws-api/v3",
    ),
    "testnet": (
        "https://testnet.binance.vision/api",
        "wss://stream.testnet.binance.vision",
        "wss://ws-api.testnet.binance.vision/ws-api/v3",
    ),
    "live": (
        "https://api.binance.com/api",
        "wss://stream.binance.com:9443",
        "wss://ws-api.binance.com:443/ws-api/v3",
    ),
}
_LIVE_HOST = re.compile(r"api[\w-]*\.binance\.(com|us)")
NAMES = ("paper", *ADDRESSES)


class Venue(NamedTuple):
    """Where the venue is and who we are there. `name` is one of NAMES, or `custom`."""

    name: str
    rest_url: str
    stream_url: str
    ws_api_url: str
    api_key: str
    api_secret: str
    private_key_file: str

    def __repr__(self) -> str:
        """Show where, never who."""
        return f"Venue({self.name!r}, {self.rest_url!r})"

    def at(self, url: str, *, name: str = "custom") -> Venue:
        """Give a venue that serves everything at one address, with the credentials meant for its kind."""
        return Venue(name, *addresses_at(url), *_credentials(name))


def is_configured() -> bool:
    """Say whether the environment names a venue; if not, the paper venue is meant."""
    return any(env.text(name) for name in ("VENUE", "VENUE_REST_URL"))


def read_venue() -> Venue:
    """Read the venue from the environment.

    Raises:
        BadSetting: An unusable value, or live trading without the second switch.
    """
    rest_url = env.address("VENUE_REST_URL", schemes=("http", "https"))
    name = env.choice("VENUE", allowed=NAMES, default="paper")
    if rest_url and name == "paper":
        name = "custom"  # somebody else's server, paper or not: `manage.py up` starts none beside it
    if (name == "live" or _is_live_host(rest_url)) and not env.is_yes("FASTCYCLE_LIVE"):
        raise env.BadSetting("this venue trades real money: set VENUE=live and FASTCYCLE_LIVE=yes")
    if rest_url or name == "paper":
        rest, stream, ws_api = addresses_at(rest_url or f"http://127.0.0.1:{paper_port()}")
    else:
        rest, stream, ws_api = ADDRESSES[name]
    key, secret, private_key_file = _credentials(name)
    return Venue(
        name=name,
        rest_url=rest,
        stream_url=env.address("VENUE_STREAM_URL", schemes=("ws", "wss")) or stream,
        ws_api_url=env.address("VENUE_WS_API_URL", schemes=("ws", "wss")) or ws_api,
        api_key=key,
        api_secret=secret,
        private_key_file=private_key_file,
    )


def paper_port() -> int:
    """Give the port where the paper venue of this machine is expected."""
    return env.whole_number("PAPER_PORT", default=DEFAULT_PAPER_PORT, low=1, high=65535)


def addresses_at(url: str) -> tuple[str, str, str]:
    """Give the REST, stream and WS API addresses of a venue that serves all three at one address."""
    parts = urlsplit(url.rstrip("/"))
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = parts.path if parts.path.endswith("/api") else f"{parts.path}/api"
    return (
        f"{parts.scheme}://{parts.netloc}{path}",
        f"{scheme}://{parts.netloc}",
        f"{scheme}://{parts.netloc}/ws-api/v3",
    )


def _is_live_host(rest_url: str) -> bool:
    # api1.binance.com and the like take the same orders as api.binance.com; demo-api does not.
    return bool(_LIVE_HOST.fullmatch(urlsplit(rest_url).hostname or ""))


def _credentials(name: str) -> tuple[str, str, str]:
    fallback_key, fallback_secret = "", ""
    if name in ("paper", "custom"):
        fallback_key = env.secret("PAPER_API_KEY", PAPER_CREDENTIAL)
        fallback_secret = env.secret("PAPER_API_SECRET", PAPER_CREDENTIAL)
    if name == "paper":
        return fallback_key, fallback_secret, ""
    key_file = env.text("BINANCE_PRIVATE_KEY_FILE")
    secret = env.secret("BINANCE_API_SECRET", "" if key_file else fallback_secret)
    return env.secret("BINANCE_API_KEY", fallback_key), secret, key_file
