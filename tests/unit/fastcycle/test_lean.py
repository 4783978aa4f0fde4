"""What stays runs without docstrings; what an operator calls for a moment does not."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lean import BYTECODE, is_long_lived

ROOT = Path(__file__).parents[3]
# What seven pieces of a thousand bytes leave in use after they were freed, and what glibc was told last.
KEPT = """
import ctypes, os

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
library.mallinfo2.restype = type("Info", (ctypes.Structure,), {"_fields_": [("all", ctypes.c_size_t * 10)]})
before = library.mallinfo2().all[7]
for piece in [library.malloc(1000) for _ in range(7)]:
    library.free(piece)
print(library.mallinfo2().all[7] - before < 7000, os.environ["GLIBC_TUNABLES"].split(":")[-1])
"""
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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another C library than glibc")
def test_no_thread_keeps_freed_memory_for_itself_and_what_an_operator_tunes_stays() -> None:
    program = f"from lean import become_lean; become_lean('-c', {KEPT!r})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.perturb=7"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "glibc.malloc.perturb=7"]


def test_python_starts_again_without_docstrings_and_keeps_its_bytecode_apart() -> None:
    program = f"from lean import become_lean; become_lean('-c', {TELL!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", str(BYTECODE), "None"]
