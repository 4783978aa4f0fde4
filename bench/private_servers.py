"""For programs that call the product's services themselves: Django on a private database, a private Redis.

Importing it makes Django ready, so it is imported before anything with rows. The database is chosen by the
environment before that; `run_on` starts the program again for each database.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings

from tests.support.servers import find_postgres, run_postgres, run_redis

DATABASES = ("sqlite", "postgresql")
CHOICE = "TEST_DATABASE"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
if not apps.ready:
    django.setup()


def run_on(module: str, database: str, arguments: Sequence[str]) -> int:
    """Run `python -m module` on a database, or on both one after the other; give the worst status."""
    wanted = DATABASES if database == "both" else (database,)
    if "postgresql" in wanted and find_postgres() is None:
        sys.stderr.write("PostgreSQL's server programs are not on this machine; use --database sqlite\n")
        return 2
    command = [sys.executable, "-m", module, *arguments, "--database"]
    environment = {name: value for name, value in os.environ.items() if name != "FASTCYCLE_HOME"}
    return max(
        subprocess.run([*command, each], env={**environment, CHOICE: each}, check=False).returncode
        for each in wanted
    )


def is_on(database: str) -> bool:
    """Tell whether this process was started for the database."""
    return os.environ.get(CHOICE) == database


@contextlib.contextmanager
def running() -> Iterator[Path]:
    """Run Redis, and PostgreSQL where it is the database; give a folder that goes away with the process."""
    home = Path(settings.FASTCYCLE_HOME)
    assert settings.REDIS_SOCKET is not None, "the test settings name a private Redis"
    with contextlib.ExitStack() as servers:
        servers.enter_context(run_redis(settings.REDIS_SOCKET))
        if is_on("postgresql"):
            servers.enter_context(run_postgres(home / "pg"))
        yield home
