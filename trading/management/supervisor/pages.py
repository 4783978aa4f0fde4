"""Gives memory back: pages of libraries that only their loading needed, and what a process no longer uses.

`manage.py up` does the first once, before it forks; each of its forks does the second once a minute. What the
system does not offer (/proc, glibc) is left out.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

SMAPS = Path("/proc/self/smaps")
MADV_DONTNEED = 4  # sys/mman.h
GIVEN_BACK_EVERY_S = 60.0
# address range, permissions, offset, device, inode, path
MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(/.*)")

log = logging.getLogger(__name__)


def give_back_library_pages() -> None:
    """Unmap the clean pages of libraries; whoever needs one again gets it from the system's cache.

    The parent of all forks has touched each library while it was loaded, and never will again: seven
    megabytes.
    """
    if not SMAPS.exists():
        return
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    with SMAPS.open() as lines:  # by line: half a megabyte of text would leave a hole in every fork
        mappings = list(clean_mappings(map(str.rstrip, lines)))
    for begin, end in mappings:
        if madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), MADV_DONTNEED):
            log.warning("process.pages_kept", extra={"errno": ctypes.get_errno()})
            return


def clean_mappings(lines: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Give begin and end of what is mapped from files, cannot be written, and holds no page of our own.

    A page of our own (one that the loader wrote before it forbade writing) would be lost with its content.
    """
    found: tuple[int, int] | None = None
    for line in lines:
        if mapping := MAPPING.fullmatch(line):
            begin, end, permissions, _path = mapping.groups()
            found = None if "w" in permissions or "s" in permissions else (int(begin, 16), int(end, 16))
        elif re.match(r"[0-9a-f]+-", line):
            found = None
        elif line.startswith("Anonymous:") and found is not None and line.split()[1] == "0":
            yield found


def give_back_regularly() -> None:
    """Give back what is free once a minute, from a thread of its own, until the process ends.

    By itself Python looks for garbage among old objects only when there are a quarter more of them, and the C
    library keeps what lies free between pieces in use: measured, two megabytes in the trader.
    """
    threading.Thread(target=_give_back_forever, name="give back", daemon=True).start()


def _give_back_forever() -> None:
    while True:
        time.sleep(GIVEN_BACK_EVERY_S)
        give_back_free_memory()


def give_back_free_memory() -> None:
    """Drop garbage, and return whole pages that are free to the system; a few milliseconds."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)
