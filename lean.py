"""Runs the long-lived processes in an interpreter that carries no docstrings.

`manage.py` calls it before it imports anything, so it stands in no package. Docstrings and the columns of
source positions are a twentieth of what the stack holds (decision 14). Modules compiled like that are kept
in a folder beside the packages. `python -m lean`, which `make` calls after an installation, fills it, for
compiling takes memory too.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

BYTECODE = Path(sys.prefix) / "bytecode"
LEAN = ("-OO", "-X", "no_debug_ranges", "-X", f"pycache_prefix={BYTECODE}")
LEAN_LEVEL = 2
# One pool of memory for all threads of a process, and none beside it for each thread: what lies free in such
# pools is never given back, and holds fast what lies around it. glibc reads this when a process starts.
ALLOCATOR = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0"
# What single processes load when they need it: the site's server, and what learning stands on.
LOADED_LATER = (
    "trading.management.commands.run_web",
    "intelligence.meta_model",
    "intelligence.trade_kernel",
    "intelligence.candle_files",
)


def is_long_lived(arguments: Sequence[str]) -> bool:
    """Say whether this command line starts a process that stays: the stack, or one part of it."""
    command = arguments[1] if len(arguments) > 1 else ""
    return command == "up" or command.startswith("run_")


def become_lean(*arguments: str) -> None:
    """Start Python again with these arguments, without docstrings, in this process; return if it is so."""
    if sys.flags.optimize < LEAN_LEVEL:
        # The last one counts: what an operator has set stays.
        os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, (ALLOCATOR, os.environ.get("GLIBC_TUNABLES"))))
        os.execv(sys.executable, [sys.executable, *LEAN, *arguments])  # noqa: S606 -- ourselves
    # PYTHONDONTWRITEBYTECODE keeps folders of sources clean; nothing is written into them here.
    sys.dont_write_bytecode = False


def main() -> None:
    """Import what the stack will import, so that it is compiled; the operator's folder is not touched."""
    become_lean("-m", "lean")
    tempfile = importlib.import_module("tempfile")
    with tempfile.TemporaryDirectory() as folder:
        # No setting of the operator's: it would be judged here, before anything was to start.
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        os.environ.clear()
        os.environ |= kept | {
            "FASTCYCLE_HOME": folder,
            "FASTCYCLE_ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "fastcycle.settings",
        }
        importlib.import_module("django").setup()
        importlib.import_module("trading.management.supervisor.roles").preload()
        for module in LOADED_LATER:
            importlib.import_module(module)


if __name__ == "__main__":
    main()
