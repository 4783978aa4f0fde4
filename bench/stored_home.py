"""A home whose database holds a year of closed trades; a stack that starts on it finds them.

Filled in a process of its own (`python -m bench.stored_home 10000`), with the settings of that home.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.stack import NOT_HANDED_ON, ROOT


def stored_environment(home: Path) -> dict[str, str]:
    """Give the environment of commands on a home of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_HANDED_ON)}
    return {
        **kept,
        "FASTCYCLE_HOME": str(home),
        "FASTCYCLE_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "fastcycle.settings",
    }


def store_trades(home: Path, stored: int) -> None:
    """Make a database with a year of trades; a stack that starts on the home finds it."""
    for command in (("manage.py", "migrate", "--verbosity", "0"), ("-m", "bench.stored_home", str(stored))):
        done = subprocess.run(
            [sys.executable, *command],
            env=stored_environment(home),
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        if done.returncode:
            raise SystemExit(f"{command[-1]}: {done.stderr.decode()[-500:]}")


def inside(stored: int) -> None:
    """Seed the configured database, and sum its days up as the hourly task does."""
    import django  # noqa: PLC0415 -- this part runs in a process with settings of its own

    django.setup()
    from datetime import UTC, datetime  # noqa: PLC0415 -- as above

    from bench.seeding import seed_trades  # noqa: PLC0415 -- needs the applications
    from trading.services import figures  # noqa: PLC0415 -- as above

    seed_trades(stored, until=datetime.now(UTC))
    figures.roll_up(now=datetime.now(UTC))


if __name__ == "__main__":
    inside(int(sys.argv[1]))
