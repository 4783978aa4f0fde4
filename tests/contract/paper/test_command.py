"""The command line of the venue: options, refusals in one line, and what it must not import."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.paper_venue import PaperServer
from trading.paper.config import ConfigError, PaperConfig, parse_arguments
from trading.paper.server import build_app

ROOT = Path(__file__).parents[3]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "http"], ["--port", "0 to 65535"]),
        (["--port", "70000"], ["--port", "0 to 65535"]),
        (["--market", "casino"], ["--market", "synthetic, candles, ticks, mirror"]),
        (["--market", "candles"], ["--data", "candles"]),
        (["--data", "/nowhere"], ["--data", "existing folder"]),
        (["--symbols", "BTC-USDT"], ["--symbols", "BTCUSDT,ETHUSDT"]),
        (["--seed", "-1"], ["--seed", "whole number"]),
        (["--speed", "0"], ["--speed", "above 0"]),
        (["--balance", "USDT"], ["--balance", "USDT=10000,BNB=1"]),
        (["--balance", "USDT=-1"], ["--balance", "USDT=10000,BNB=1"]),
        (["--mirror-url", "binance"], ["--mirror-url", "https://api.binance.com"]),
        (["--state", "/"], ["--state", "file"]),
        (["--fast"], ["--fast"]),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(options: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_arguments(options, {})

    text = str(refusal.value)
    assert "\n" not in text
    assert all(word in text for word in words), text


def test_options_and_environment_are_read(tmp_path: Path) -> None:
    options = ["--balance", "USDT=10000,BNB=1", "--balance", "BTC=0.5", "--symbols", "btcusdt, ETHUSDT"]

    config = parse_arguments(options, {"FASTCYCLE_HOME": str(tmp_path), "PAPER_API_SECRET": "hush"})

    assert config.balances == {"USDT": Decimal(10000), "BNB": Decimal(1), "BTC": Decimal("0.5")}
    assert config.symbols == ("BTCUSDT", "ETHUSDT")
    assert config.state_file == tmp_path / "paper" / "state.jsonl"
    assert (config.api_key, config.api_secret) == ("paper", "hush")


def test_a_key_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "key.pem"
    wrong.write_text("not a key")

    with pytest.raises(ConfigError, match="PAPER_PUBLIC_KEY_FILE must name an Ed25519 public key"):
        parse_arguments([], {"PAPER_PUBLIC_KEY_FILE": str(wrong)})


@pytest.mark.parametrize("options", [["--market", "casino"], ["--symbols", "NOPE"]])
def test_wrong_usage_is_one_line_and_status_2(options: list[str], tmp_path: Path) -> None:
    answer = python("-m", "trading.paper", "--state", str(tmp_path / "state"), *options)

    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("paper: --")
    assert answer.stderr.count("\n") == 1


def test_a_taken_port_is_wrong_usage(venue: PaperServer, tmp_path: Path) -> None:
    port = venue.url.rpartition(":")[2]

    answer = python("-m", "trading.paper", "--port", port, "--state", str(tmp_path / "state"))

    assert answer.returncode == 2
    assert answer.stderr.startswith("paper: --port must be a free port")


def test_a_state_file_in_use_is_refused(tmp_path: Path) -> None:
    config = PaperConfig(port=0, state_file=tmp_path / "state", symbols=("BTCUSDT",))
    with PaperServer(config), pytest.raises(ConfigError, match="another venue holds it"):
        build_app(config)


def test_a_foreign_state_file_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("something else\n")

    with pytest.raises(ConfigError, match="not a state of this venue"):
        build_app(PaperConfig(port=0, state_file=state, symbols=("BTCUSDT",)))


def test_the_venue_stands_alone() -> None:
    answer = python(
        "-c",
        "import sys, trading.paper.server\n"
        "ours = {'fastcycle', 'monitoring', 'intelligence', 'django', 'celery', 'redis', 'binance'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & ours))\n"
        "print(sorted(name for name in sys.modules if name.startswith('trading.') "
        "and not name.startswith('trading.paper')))",
    )

    assert answer.stdout.splitlines() == ["[]", "[]"], answer.stderr
