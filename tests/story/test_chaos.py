"""A short run of chaos on the whole stack: faults, kills, doubled tasks and outsiders, then the oracles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = "116"
SECONDS = 20

pytestmark = [pytest.mark.story, pytest.mark.timeout(180)]


def test_twenty_seconds_of_mischief_violate_nothing() -> None:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    command = [sys.executable, "-m", "bench.chaos", "--seed", SEED, "--minutes", str(SECONDS / 60), "--json"]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, "FASTCYCLE_ENV_FILE": os.devnull},
        capture_output=True,
        check=False,
    )

    assert done.stdout, done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["violations"] == [], report
    assert done.returncode == 0
    assert set(report["acts"]) >= {"fault", "kill", "task", "outsider"}
    assert report["fills"] > 0
