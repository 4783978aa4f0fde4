"""What stays runs without docstrings; what an operator calls for a moment does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lean import BYTECODE, is_long_lived

ROOT = Path(__file__).parents[3]
TELL = "import sys, json; print(sys.flags.optimize, sys.pycache_prefix, json.loads.__doc__)"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["manage.py", "up", "--port", "8001"], True),
        (["manage.py", "run_feed"], True),
        (["manage.py", "status", "--json"], False),
        (["manage.py"], False),
    ],
)
def test_the_stack_and_its_parts_are_long_lived(arguments: list[str], expected: bool) -> None:
    assert is_long_lived(arguments) is expected


def test_python_starts_again_without_docstrings_and_keeps_its_bytecode_apart() -> None:
    program = f"from lean import become_lean; become_lean('-c', {TELL!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", str(BYTECODE), "None"]
