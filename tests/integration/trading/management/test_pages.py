"""Pages that only the loading of libraries needed go back, and what lay on them still works."""

from __future__ import annotations

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
from tests.integration.trading.management.test_pages import file_kb
from trading.management.supervisor.pages import give_back_library_pages
np.linalg.inv(np.eye(3))
before = file_kb()
give_back_library_pages()
after = file_kb()
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


def file_kb() -> int:
    """Give how much of files this process has in its memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssFile:")).split()[1])
