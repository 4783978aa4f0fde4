"""The options of the paper venue, read once from the command line and the environment.

`python -m trading.paper` and the Django command share `add_options` and `read_config`, so both understand
the same words and refuse with the same line. Nothing else in the package may read the environment.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MARKETS = ("synthetic", "candles", "ticks", "mirror")
MARKETS_WITH_DATA = ("candles", "ticks")
DEFAULT_PORT = 8100
DEFAULT_BALANCE = "USDT=10000"
DEFAULT_MIRROR_URL = "https://api.binance.com"
MAX_SPEED = 3600
_ASSET = re.compile(r"[A-Z0-9]{1,20}")


class ConfigError(Exception):
    """An option that cannot be used; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """Everything the venue must know before it listens.

    `state_file` None keeps nothing between runs. `port` 0 takes any free port.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    market: str = "synthetic"
    data_dir: Path | None = None
    symbols: tuple[str, ...] | None = None
    seed: int = 1
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(10000)})
    speed: float = 1.0
    mirror_url: str = DEFAULT_MIRROR_URL
    state_file: Path | None = None
    api_key: str = "paper"
    api_secret: str = "paper"  # noqa: S105 -- the documented key of a venue that holds no money
    public_key: Ed25519PublicKey | None = None


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options; all arrive as text, so that `read_config` can refuse them in one voice."""
    option = parser.add_argument
    option("--port", default=str(DEFAULT_PORT), help=f"port to listen on, 0 for any (default {DEFAULT_PORT})")
    option("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    option("--market", default="synthetic", help=f"where prices come from: {', '.join(MARKETS)}")
    option("--data", default=None, help="folder with candles or ticks to replay")
    option("--symbols", default=None, help="comma-separated symbols, such as BTCUSDT,ETHUSDT")
    option("--seed", default="1", help="seed of the synthetic market and of the faults (default 1)")
    option("--balance", action="append", default=None, help="opening balances, such as USDT=10000,BNB=1")
    option("--speed", default="1", help=f"play the market this many times denser, up to {MAX_SPEED}")
    option("--state", default=None, help="file that keeps orders and balances between runs")
    option("--mirror-url", default=DEFAULT_MIRROR_URL, help="venue whose public data the mirror market takes")


def parse_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> PaperConfig:
    """Read a whole command line.

    Raises:
        ConfigError: One line that names the option and what is allowed.
    """
    parser = _OneLineParser(
        prog="paper", description="A paper venue that speaks Binance spot.", allow_abbrev=False
    )
    add_options(parser)
    return read_config(vars(parser.parse_args(argv)), environ)


def read_config(options: Mapping[str, Any], environ: Mapping[str, str]) -> PaperConfig:
    """Turn option texts and the environment into a PaperConfig.

    Raises:
        ConfigError: One line that names the option and what is allowed.
    """
    market = _choice("--market", options["market"], MARKETS)
    return PaperConfig(
        host=options["host"],
        port=_whole("--port", options["port"], low=0, high=65535),
        market=market,
        data_dir=_data_dir(options["data"], market=market),
        symbols=_symbols(options["symbols"]),
        seed=_whole("--seed", options["seed"], low=0, high=2**32 - 1),
        balances=_balances(options["balance"] or [DEFAULT_BALANCE]),
        speed=_speed(options["speed"]),
        mirror_url=_url("--mirror-url", options["mirror_url"]),
        state_file=_state_file(options["state"], environ),
        api_key=environ.get("PAPER_API_KEY") or "paper",
        api_secret=environ.get("PAPER_API_SECRET") or "paper",
        public_key=_public_key(environ.get("PAPER_PUBLIC_KEY_FILE")),
    )


def _choice(option: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise ConfigError(f"{option} must be one of {', '.join(allowed)}, not {text!r}")
    return text


def _whole(option: str, text: str, *, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise ConfigError(f"{option} must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 0 < float(text) <= MAX_SPEED:
        raise ConfigError(f"--speed must be a number above 0 and up to {MAX_SPEED}, not {text!r}")
    return float(text)


def _symbols(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",")))
    bad = next((name for name in names if not _ASSET.fullmatch(name)), None)
    if bad is not None:
        raise ConfigError(
            f"--symbols must be names such as BTCUSDT,ETHUSDT (letters and digits), not {bad!r}"
        )
    return names


def _balances(texts: Sequence[str]) -> dict[str, Decimal]:
    balances: dict[str, Decimal] = {}
    for part in ",".join(texts).split(","):
        asset, _, amount = part.strip().partition("=")
        try:
            number = Decimal(amount)
        except InvalidOperation:
            number = Decimal(-1)
        if not _ASSET.fullmatch(asset) or not number.is_finite() or number < 0:
            raise ConfigError(f"--balance must be ASSET=AMOUNT such as USDT=10000,BNB=1, not {part!r}")
        balances[asset] = number
    return balances


def _url(option: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"{option} must be an address such as {DEFAULT_MIRROR_URL}, not {text!r}")
    return text.rstrip("/")


def _data_dir(text: str | None, *, market: str) -> Path | None:
    if text is None:
        if market in MARKETS_WITH_DATA:
            raise ConfigError(f"--data must name a folder when --market is {market}")
        return None
    path = Path(text)
    if not path.is_dir():
        raise ConfigError(f"--data must be an existing folder, not {text!r}")
    return path


def _state_file(text: str | None, environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("FASTCYCLE_HOME") or "var")
    path = Path(text) if text is not None else home / "paper" / "state.jsonl"
    if path.is_dir():
        raise ConfigError(f"--state must be a file, not the folder {str(path)!r}")
    return path


def _public_key(text: str | None) -> Ed25519PublicKey | None:
    if not text:
        return None
    try:
        key = load_pem_public_key(Path(text).read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"PAPER_PUBLIC_KEY_FILE must name an Ed25519 public key in PEM form, not {text!r}")
    return key
