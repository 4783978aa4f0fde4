"""Settings of the test run: a home of its own, the paper venue's address, one of two databases.

TEST_DATABASE=postgresql takes a private cluster that `tests.support.servers` starts; otherwise SQLite. The
environment is set before the product's own settings are read, so nobody's `.env` or keys reach a test.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

TEST_HOME = Path(tempfile.mkdtemp(prefix="fc-"))
TEST_HOME.chmod(0o755)  # the PostgreSQL server may run as another user and must reach its socket
atexit.register(shutil.rmtree, TEST_HOME, ignore_errors=True)
POSTGRES_SOCKETS = TEST_HOME / "pg"

for _name in [name for name in os.environ if name.startswith(("VENUE", "BINANCE_", "FASTCYCLE_", "PAPER_"))]:
    del os.environ[_name]
os.environ.update(FASTCYCLE_HOME=str(TEST_HOME), FASTCYCLE_ENV_FILE=os.devnull, SECRET_KEY="x" * 50)
os.environ.pop("REDIS_URL", None)
os.environ.pop("DATABASE_URL", None)
if os.environ.get("TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = f"postgres://postgres@/postgres?host={POSTGRES_SOCKETS}"

from fastcycle.settings import *  # noqa: E402, F403 -- after the environment is set
from fastcycle.settings import DATABASES  # noqa: E402 -- as above

os.environ.pop("DATABASE_URL", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if not os.environ.get("TEST_DATABASE"):
    # A file, as in life: threads of a test then meet the same locks as the product's processes.
    DATABASES["default"]["TEST"] = {"NAME": str(TEST_HOME / "test.sqlite3")}
