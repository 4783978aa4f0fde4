"""Pages that only the loading of libraries needed go back, and what lay on them still works."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from trading.management.supervisor.pages import SMAPS, clean_mappings

ROOT = Path(__file__).parents[4]

HEAD = "7f00-7f80 {permissions} 00000000 08:01 4242                       {path}"


@pytest.mark.parametrize(
    ("permissions", "path", "own_kb", "is_given"),
    [
        ("r-xp", "/usr/lib/some lib.so", 0, True),
        ("r--p", "/usr/lib/lib.so", 0, True),
        ("r--p", "/usr/lib/lib.so", 4, False),
        ("rw-p", "/usr/lib/lib.so", 0, False),
        ("r--s", "/srv/database-shm", 0, False),
        ("r-xp", "[vdso]", 0, False),
    ],
)
def test_only_clean_pages_of_files_are_given(
    permissions: str, path: str, own_kb: int, is_given: bool
) -> None:
    lines = [HEAD.format(permissions=permissions, path=path), "Rss: 8 kB", f"Anonymous: {own_kb} kB"]
    assert list(clean_mappings(lines)) == ([(0x7F00, 0x7F80)] if is_given else [])


PROGRAM = """
import numpy as np
from tests.integration.trading.management.test_pages import kb
from trading.management.supervisor.pages import give_back_library_pages
np.linalg.inv(np.eye(3))
before = kb("RssFile")
give_back_library_pages()
after = kb("RssFile")
print(before, after, np.allclose(np.linalg.inv(np.eye(3) * 2), np.eye(3) / 2))
"""


@pytest.mark.skipif(not SMAPS.exists(), reason="this system tells nothing of its pages")
def test_a_process_holds_less_of_its_libraries_and_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, after, is_right = done.stdout.split()
    assert is_right == "True"
    assert int(after) < int(before) / 2


FREEING = """
from tests.integration.trading.management.test_pages import kb
from trading.management.supervisor.pages import give_back_free_memory
pieces = [bytes([1]) * 3000 for _ in range(20_000)]
kept = pieces[::100]
del pieces
before = kb("RssAnon")
give_back_free_memory()
print(before, kb("RssAnon"), all(piece == bytes([1]) * 3000 for piece in kept))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps or gives as it likes")
def test_what_lies_free_between_pieces_in_use_goes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FREEING], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, after, is_right = done.stdout.split()
    assert is_right == "True"
    assert int(before) - int(after) > 40_000


def kb(kind: str) -> int:
    """Give how much of a kind of memory this process has: RssFile, RssAnon."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{kind}:")).split()[1])
