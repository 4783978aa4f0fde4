"""`python -m bench exporting`: all trades as CSV through the admin, while others use it, and back elsewhere.

The running stack sends the file; what its web process holds more meanwhile, and how long others wait for an
answer, is watched. Then an empty installation takes the rows in and exports them: the files must be equal.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from bench.hands import find_process
from bench.stack import ROOT, Stack, quantile, start
from bench.stored_home import store_trades, stored_environment
from bench.visitor import log_in

SHORT_ROWS, FULL_ROWS = 100_000, 1_000_000
EXPORT = "/admin/trading/trade/export/"
LOOK_EVERY_S = 0.25
PIECE = 1 << 16
BATCH = 2_000
MIB = 1024 * 1024
BAR_MIB = 50.0


class Bystander:
    """Looks at the memory of web and asks it for a small page, from a thread, until the block ends."""

    def __init__(self, stack: Stack) -> None:
        pid = find_process(stack, "web")
        if pid is None:
            raise SystemExit("web does not run")
        self._process = psutil.Process(pid)
        self._address = f"http://127.0.0.1:{stack.port}/healthz"
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bystander")
        self.first_mib = self._mib()
        self.most_mib = self.first_mib
        self.waits_ms: list[float] = []

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _mib(self) -> float:
        return float(self._process.memory_full_info().pss) / MIB

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            self.most_mib = max(self.most_mib, self._mib())
            began_s = time.perf_counter()
            requests.get(self._address, timeout=60)
            self.waits_ms.append((time.perf_counter() - began_s) * 1000)


def measure(*, rows: int = SHORT_ROWS) -> dict[str, Any]:
    """Give seconds, MiB that web took more, what others waited, and whether the rows came back equal."""
    with tempfile.TemporaryDirectory(prefix="fc-exporting-") as folder:
        home, elsewhere, file = Path(folder) / "here", Path(folder) / "there", Path(folder) / "trades.csv"
        home.mkdir()
        elsewhere.mkdir()
        store_trades(home, rows)
        with start(home, "--symbols", "BTCUSDT,ETHUSDT") as stack:
            stack.delete_starters()
            _download(stack, file)  # what a first one loads is not what it costs
            with Bystander(stack) as bystander:
                began_s = time.monotonic()
                lines = _download(stack, file)
                took_s = time.monotonic() - began_s
        began_s = time.monotonic()
        is_same = _digest(file) == _again(elsewhere, file)
        again_s = time.monotonic() - began_s
    return {
        "rows": lines - 1,
        "seconds": took_s,
        "extra_mib": bystander.most_mib - bystander.first_mib,
        "bar_mib": BAR_MIB,
        "others_wait_ms": {
            "p50": quantile(bystander.waits_ms, 0.5),
            "most": max(bystander.waits_ms),
            "asked": len(bystander.waits_ms),
        },
        "same_elsewhere": is_same,
        "there_and_back_s": again_s,
        "load_1m": os.getloadavg()[0],
    }


def _download(stack: Stack, file: Path) -> int:
    """Press the button of the export page; give the lines that came."""
    session, address = log_in(stack), f"http://127.0.0.1:{stack.port}{EXPORT}"
    session.get(address, timeout=60).raise_for_status()
    fields = {"format": "0", "resource": "0", "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(address, data=fields, headers={"Referer": address}, stream=True, timeout=600)
    if not answer.headers["Content-Type"].startswith("text/csv"):
        raise SystemExit(f"the export answers {answer.status_code} {answer.headers['Content-Type']}")
    with file.open("wb") as kept:
        for piece in answer.iter_content(PIECE):
            kept.write(piece)
    with file.open("rb") as kept:
        return sum(1 for _ in kept)


def _again(home: Path, file: Path) -> str:
    """Take the rows into an empty installation; give the digest of what it exports."""
    environment = stored_environment(home)
    for command in (("manage.py", "migrate", "--verbosity", "0"), ("-m", "bench.exporting", str(file))):
        subprocess.run([sys.executable, *command], env=environment, cwd=ROOT, check=True)
    exported = file.with_suffix(".again")
    with exported.open("wb") as output:
        export = [sys.executable, "manage.py", "export", "trades", "--format", "csv"]
        subprocess.run(export, env=environment, cwd=ROOT, check=True, stdout=output)
    return _digest(exported)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def inside(file: Path) -> None:
    """Take the trades of a file into the configured, empty database, each value by its column's own rules."""
    import django  # noqa: PLC0415 -- this part runs in a process with settings of its own

    django.setup()
    from bench.seeding import owner_named  # noqa: PLC0415 -- needs the applications
    from trading.models import Trade  # noqa: PLC0415 -- as above
    from trading.selectors.exports import EXPORTS, from_cell  # noqa: PLC0415 -- as above

    own = [name for name, path in EXPORTS["trades"].columns if "." not in path]
    columns: dict[str, Any] = {name: Trade._meta.get_field(name) for name in own}
    batch = []
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            values = {
                name: None if row[name] == "" and column.null else column.to_python(from_cell(row[name]))
                for name, column in columns.items()
            }
            owner = owner_named(from_cell(row["worker"]), int(row["version"]))
            batch.append(Trade(worker=owner.worker, version=owner, reserved_notional=0, **values))
            if len(batch) == BATCH:
                Trade.objects.bulk_create(batch)
                batch.clear()
    Trade.objects.bulk_create(batch)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        inside(Path(sys.argv[1]))
    else:
        print(json.dumps(measure(), indent=2))  # noqa: T201 -- a command
