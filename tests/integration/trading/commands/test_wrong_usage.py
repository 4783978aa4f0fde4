"""What cannot be used ends with one line and no traceback, before anything is started or written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


def _run(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**kept, "FASTCYCLE_HOME": str(tmp_path), "FASTCYCLE_ENV_FILE": os.devnull, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("up", "--port", "99999"), "--port must be a whole number from 1 to 65535"),
        (("up", "--market", "nope"), "--market must be one of synthetic, candles, ticks, mirror"),
        (("up", "--market", "candles"), "--data must name a folder"),
        (("run_paper", "--balance", "USDT"), "--balance must be ASSET=AMOUNT"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, arguments: tuple[str, ...], line: str) -> None:
    status, said = _run(tmp_path, *arguments)

    assert status == 2
    assert line in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("FASTCYCLE_HOME", "/proc/nope", "FASTCYCLE_HOME must be a folder that can be written"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL must be an address"),
        ("REDIS_URL", "unix://", "REDIS_URL must be an address that begins with redis or rediss or unix"),
        ("VENUE", "live", "set VENUE=live and FASTCYCLE_LIVE=yes"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str, line: str) -> None:
    status, said = _run(tmp_path, "status", **{name: value})

    assert status == 2
    assert line in said
    assert "Traceback" not in said


def test_a_database_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    status, said = _run(tmp_path, "worker", "list", DATABASE_URL="postgres://x@127.0.0.1:1/nope")

    assert status == 1
    assert "the database cannot be used" in said
    assert "Traceback" not in said
