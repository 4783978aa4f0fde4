"""What stored trades cost: dashboard snapshot, list of trades in the admin, status, export, on SQLite.

Each size is a process with a database of its own, so that none profits from the memory of another. Times are
medians of several rounds in one process, after a first one that warms caches; the export is the real command.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.stack import ROOT
from tests.support.servers import run_redis

SIZES = (1_000, 100_000, 1_000_000)
SHORT_SIZES = (1_000, 100_000)
ROUNDS = 5
MIB_IN_KIB = 1024
PAGES = {
    "admin_workers": "/admin/trading/worker/",
    "analysis": "/analysis/?period=365",
    "admin_first_page": "/admin/trading/trade/",
    "admin_search": "/admin/trading/trade/?q=ETHUSDT",
    "admin_filter": "/admin/trading/trade/?state__exact=CLOSED&exit_reason__exact=STOP_LOSS",
    "admin_orders": "/admin/trading/order/",
    "admin_fills": "/admin/trading/fillrow/",
}


def measure(*, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Give the figures by number of stored trades; the largest against the smallest is `ratio`."""
    by_size = {str(size): _measure_size(size) for size in sizes}
    first, last = by_size[str(sizes[0])]["ms"], by_size[str(sizes[-1])]["ms"]
    return {"by_trades": by_size, "ratio": {name: last[name] / first[name] for name in first}}


def _measure_size(size: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="fc-stored-") as folder,
        run_redis(Path(folder) / "redis" / "redis.sock"),
    ):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VENUE", "BINANCE", "DATABASE_URL", "REDIS_URL"))
        }
        environment = {
            **kept,
            "FASTCYCLE_HOME": folder,
            "FASTCYCLE_ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "fastcycle.settings",
            "PYTHONPATH": str(ROOT),
        }
        _run(environment, "manage.py", "migrate", "--verbosity", "0")
        inside = json.loads(_run(environment, "-m", "bench.stored", str(size)))
        return {**inside, "export": _exports(environment, size)}


def _run(environment: dict[str, str], *arguments: str) -> bytes:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed: {done.stderr.decode()[-800:]}")
    return done.stdout


def _exports(environment: dict[str, str], size: int) -> dict[str, float]:
    """Export nothing, then everything, as a command: what the rows take beyond the start of a process."""
    idle_s, idle_mib, _ = _export(environment, "--to", "2000-01-01")
    all_s, all_mib, lines = _export(environment)
    if lines != size + 1:
        raise SystemExit(f"the export has {lines} lines instead of {size + 1}")
    return {"seconds": all_s, "of_which_start_s": idle_s, "extra_mib": all_mib - idle_mib}


def _export(environment: dict[str, str], *options: str) -> tuple[float, float, int]:
    """Give seconds, largest resident MiB and lines of one export of the trades."""
    command = [sys.executable, "manage.py", "export", "trades", "--format", "csv", *options]
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"export failed with status {process.returncode}")
    return time.monotonic() - began, used.ru_maxrss / MIB_IN_KIB, lines


def inside(size: int) -> dict[str, Any]:
    """Seed so many trades into the configured database, and give ms and queries of each question."""
    import django  # noqa: PLC0415 -- this part runs in a process with settings of its own

    django.setup()
    from bench.stored_questions import prepare, questions  # noqa: PLC0415 -- needs the applications

    took_s = prepare(size)
    asked = questions(PAGES)
    return {
        "seed_s": took_s,
        "ms": {name: _median_ms(question) for name, question in asked.items()},
        "queries": {name: _queries(question) for name, question in asked.items()},
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB_IN_KIB,
    }


def _median_ms(question: Callable[[], object]) -> float:
    question()
    return statistics.median(_took_ms(question) for _ in range(ROUNDS))


def _took_ms(question: Callable[[], object]) -> float:
    began = time.perf_counter()
    question()
    return (time.perf_counter() - began) * 1000


def _queries(question: Callable[[], object]) -> int:
    from django.db import connection  # noqa: PLC0415 -- as above
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415 -- as above

    with CaptureQueriesContext(connection) as captured:
        question()
    return len(captured)


if __name__ == "__main__":
    print(json.dumps(inside(int(sys.argv[1]))))  # noqa: T201 -- read by measure()
